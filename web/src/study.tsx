import { useState } from "preact/hooks";
import type { StudyCell, StudyPage } from "./data";
import { seconds } from "./format";

/** The results of a study: a heat map over two of its axes, a cell in detail, shares and survival. */
export function StudyView({ of }: { of: StudyPage }) {
  const wide = of.axes.map((axis, place) => ({ place, size: axis.values.length })).filter(({ size }) => size > 1);
  // A death says more than none.
  const [outcome, setOutcome] = useState(Math.max(0, of.outcomes.findIndex((name) => name !== "none")));
  const [across, setAcross] = useState(wide[0]?.place ?? 0);
  const [down, setDown] = useState(wide[1]?.place ?? wide[0]?.place ?? 0);
  const [held, setHeld] = useState<number[]>(of.axes.map(() => 0));
  const [chosen, setChosen] = useState<StudyCell | null>(of.cells[0] ?? null);
  const others = of.axes.map((_, place) => place).filter((place) => place !== across && place !== down);
  return (
    <main>
      <h1>{of.name}</h1>
      <p>{of.description}</p>
      <p class="hint">
        {of.runs} runs. {of.more > 0 && `${of.more} more combinations are in summary.csv.`}
      </p>
      <section aria-labelledby="heat-heading">
        <h2 id="heat-heading">First death over the grid</h2>
        <div class="controls">
          <Choice label="Share of" values={of.outcomes} chosen={outcome} onChoose={setOutcome} />
          {of.axes.length > 1 && <Choice label="Across" values={of.axes.map((axis) => axis.name)} chosen={across} onChoose={setAcross} />}
          {of.axes.length > 1 && <Choice label="Down" values={of.axes.map((axis) => axis.name)} chosen={down} onChoose={setDown} />}
          {others.map((place) => (
            <Choice
              label={of.axes[place]?.name ?? ""}
              values={of.axes[place]?.values ?? []}
              chosen={held[place] ?? 0}
              onChoose={(value) => setHeld(held.map((old, n) => (n === place ? value : old)))}
            />
          ))}
        </div>
        <Heat of={of} outcome={outcome} across={across} down={down} held={held} chosen={chosen} onChoose={setChosen} />
        {chosen && <Detail of={of} cell={chosen} />}
      </section>
      {of.pictures.map((picture) => (
        // The program draws these itself and escapes what it writes into them.
        <figure class="drawn" dangerouslySetInnerHTML={{ __html: picture }} />
      ))}
    </main>
  );
}

interface ChoiceProps {
  label: string;
  values: readonly string[];
  chosen: number;
  onChoose: (place: number) => void;
}

function Choice({ label, values, chosen, onChoose }: ChoiceProps) {
  return (
    <label>
      {label}{" "}
      <select value={chosen} onChange={(event) => onChoose(Number(event.currentTarget.value))}>
        {values.map((value, place) => (
          <option value={place}>{value}</option>
        ))}
      </select>
    </label>
  );
}

const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
const share = (cell: StudyCell, outcome: number) => (cell.counts[outcome]?.[0] ?? 0) / Math.max(1, cell.runs);

interface HeatProps {
  of: StudyPage;
  outcome: number;
  across: number;
  down: number;
  held: readonly number[];
  chosen: StudyCell | null;
  onChoose: (cell: StudyCell) => void;
}

function Heat({ of, outcome, across, down, held, chosen, onChoose }: HeatProps) {
  const cells = new Map(of.cells.map((cell) => [cell.at.join(), cell]));
  const columns = of.axes[across]?.values ?? [""];
  const rows = down === across ? [""] : (of.axes[down]?.values ?? [""]);
  const at = (column: number, row: number) => {
    const place = held.map((value, n) => (n === across ? column : n === down ? row : value));
    return cells.get(place.join());
  };
  return (
    <div class="scroll" tabIndex={0} role="group" aria-labelledby="heat-heading">
      <table class="heat">
        <thead>
          <tr>
            <th>{down === across ? "" : of.axes[down]?.name}</th>
            {columns.map((value) => (
              <th scope="col" class="number">
                {value}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((value, row) => (
            <tr>
              <th scope="row">{value}</th>
              {columns.map((_, column) => {
                const cell = at(column, row);
                if (!cell) return <td class="number">–</td>;
                const part = share(cell, outcome);
                return (
                  <td class={`number heat-${Math.round(part * 5)}`}>
                    <button type="button" aria-pressed={cell === chosen} onClick={() => onChoose(cell)}>
                      {percent(part)}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Detail({ of, cell }: { of: StudyPage; cell: StudyCell }) {
  const values = of.axes.map((axis, place) => `${axis.name} = ${axis.values[cell.at[place] ?? 0]}`);
  return (
    <div class="detail" role="status">
      <h3>{values.join(", ") || "All runs"}</h3>
      <ul>
        {of.outcomes.map((outcome, place) => {
          const [count, low, high] = cell.counts[place] ?? [0, 0, 0];
          return (
            count > 0 && (
              <li>
                <b>{outcome}</b>: {count} of {cell.runs} runs, {percent(count / cell.runs)} <span class="hint">(95 % interval {percent(low)} to {percent(high)})</span>
              </li>
            )
          );
        })}
      </ul>
      {cell.median !== null && <p>Half of the first deaths come before {seconds(cell.median)}.</p>}
      <p>
        Its first run: <code>{cell.reproduce}</code>
      </p>
    </div>
  );
}
