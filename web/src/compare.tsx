import { colour } from "./colours";
import type { Compared, ComparedDeath, Run } from "./data";
import { bytes, seconds } from "./format";
import { texts } from "./texts";

const WIDTH = 900;
const HEIGHT = 260;

/** Two runs: what came out, what differs first, and their curves in one chart. */
export function CompareView({ of, runs }: { of: Compared; runs: readonly [Run, Run] }) {
  const [a, b] = runs;
  return (
    <section aria-labelledby="compare-heading">
      <h2 id="compare-heading">Comparison</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="compare-heading">
        <table>
          <thead>
            <tr>
              <th />
              <th>A: {a.reproduce}</th>
              <th>B: {b.reproduce}</th>
            </tr>
          </thead>
          <tbody>
            {of.rows.map((row) => (
              <tr class={row.a === row.b ? undefined : "bad"}>
                <th scope="row">{row.name}</th>
                <td>{row.a}</td>
                <td>{row.b}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Deaths of={of.deaths} />
      {of.firstAt === null ? (
        <p>The same things happened at the same times.</p>
      ) : (
        <>
          <h3>First difference, at {seconds(of.firstAt)}</h3>
          <p>A: {of.first[0]}</p>
          <p>B: {of.first[1]}</p>
          <p>{of.cause}</p>
        </>
      )}
      <h3>Node working set</h3>
      <Overlay a={a} b={b} at={of.firstAt} />
      {of.shares.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-label="Shares over seeds">
          <table>
            <thead>
              <tr>
                <th>First death</th>
                <th>A</th>
                <th>B</th>
                <th>B less A, 95 % interval</th>
              </tr>
            </thead>
            <tbody>
              {of.shares.map((row) => (
                <tr>
                  {row.map((cell) => (
                    <td>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** Who died in each run, in order; what is the same in both stands once. */
function Deaths({ of: [a, b] }: { of: readonly [ComparedDeath[], ComparedDeath[]] }) {
  const rows: [string, ComparedDeath][] = [];
  for (let n = 0; n < Math.max(a.length, b.length); n++) {
    const [one, two] = [a[n], b[n]];
    if (one && two && one.at === two.at && one.what === two.what && one.why === two.why) {
      rows.push(["A, B", one]);
    } else {
      if (one) rows.push(["A", one]);
      if (two) rows.push(["B", two]);
    }
  }
  return (
    <>
      <h3 id="compared-deaths">{texts.deaths}</h3>
      {rows.length === 0 ? (
        <p>{texts.noDeaths}</p>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="compared-deaths">
          <table>
            <thead>
              <tr>
                <th>{texts.run}</th>
                <th class="number">{texts.time}</th>
                <th>{texts.process}</th>
                <th>{texts.why}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(([run, death]) => (
                <tr class={run === "A, B" ? undefined : "bad"}>
                  <th scope="row">{run}</th>
                  <td class="number">{seconds(death.at)}</td>
                  <td>{death.what}</td>
                  <td>{death.why}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Overlay({ a, b, at }: { a: Run; b: Run; at: number | null }) {
  const end = Math.max(a.series.at.at(-1) ?? 0, b.series.at.at(-1) ?? 0, 1e-9);
  const high = Math.max(a.node.capacity, b.node.capacity, 1);
  const x = (time: number) => (time / end) * WIDTH;
  const y = (value: number) => HEIGHT - (value / high) * HEIGHT;
  const path = (run: Run) => {
    let text = "";
    run.series.at.forEach((time, n) => {
      const [px, py] = [x(time).toFixed(1), y(run.series.workingSet[n] ?? 0).toFixed(1)];
      text += n === 0 ? `M${px} ${py}` : ` H${px} V${py}`;
    });
    return text;
  };
  const runs: readonly [string, Run, string][] = [
    ["A", a, ""],
    ["B", b, "7 4"],
  ];
  return (
    <figure>
      <svg class="overlay" viewBox={`-70 -10 ${WIDTH + 80} ${HEIGHT + 40}`} role="img" aria-label="Working set of the node in both runs over time">
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <>
            <line class="grid" x1="0" x2={WIDTH} y1={y(high * part)} y2={y(high * part)} />
            <text x="-8" y={y(high * part) + 4} text-anchor="end">
              {bytes(high * part)}
            </text>
          </>
        ))}
        {at !== null && <line class="first" x1={x(at)} x2={x(at)} y1="0" y2={HEIGHT} />}
        {runs.map(([, run, dash], n) => (
          <path d={path(run)} fill="none" stroke={colour(n)} stroke-width="2" stroke-dasharray={dash} />
        ))}
        <text x="0" y={HEIGHT + 20}>
          0 s
        </text>
        <text x={WIDTH} y={HEIGHT + 20} text-anchor="end">
          {end.toFixed(0)} s
        </text>
      </svg>
      <figcaption class="hint">A solid, B dashed{at !== null && "; the upright line is the first difference"}.</figcaption>
    </figure>
  );
}
