import type { Piece, Race } from "./data";
import { type Knob, Track } from "./handle";
import { PLACES } from "./race";
import { Rules } from "./rules";
import { texts } from "./texts";

interface Props {
  first: Race | null;
  second: Race | null;
  /** The phase of the future that is turned. */
  phase: number | null;
  onPhase: (phase: number) => void;
}

/** Who is first, over all phases of the kubelet's check: a band for each future, with a handle at the phase of the run. */
export function RaceView({ first, second, phase, onPhase }: Props) {
  const period = first?.period ?? null;
  const knob: Knob | null =
    period === null || phase === null
      ? null
      : {
          label: texts.phase,
          min: 0,
          max: period,
          step: 0.01,
          value: phase % period,
          said: (value) => `${value.toFixed(2)} s`,
          onTurn: onPhase,
        };
  return (
    <section class="race" aria-labelledby="race-heading">
      <h2 id="race-heading">{texts.race}</h2>
      <p class="hint">{period === null && first ? texts.raceOverSeeds(PLACES) : texts.raceHint}</p>
      {/* The handle stays where the hand is: on the first band, also when a second comes. */}
      {first && <Band race={first} name={texts.first} knob={knob} at={null} />}
      {second && <Band race={second} name={texts.second} knob={null} at={knob?.value ?? null} />}
      {!first && <p role="status">{texts.running}</p>}
      {period !== null && (
        <p class="ends hint" aria-hidden="true">
          <span>0 s</span>
          <span>{texts.phaseEnds}</span>
          <span>{period} s</span>
        </p>
      )}
      <Rules of={["phase", "first"]} />
    </section>
  );
}

function Band({ race, name, knob, at }: { race: Race; name: string; knob: Knob | null; at: number | null }) {
  const ends = outcomes(race.pieces);
  const said = `${name}: ${ends.map((end) => `${share(end.count, race.pieces.length)} ${end.what}`).join(", ")}`;
  return (
    <figure class="band">
      <Track knob={knob} scale={race.period ?? 1}>
        <svg role="img" aria-label={said} data-runs={race.pieces.length}>
          {stretches(race.pieces).map(({ piece, from, to }) => (
            <rect class={`race-${piece.first}`} x={`${(from / PLACES) * 100}%`} width={`${((to - from) / PLACES) * 100}%`} height="100%">
              <title>{piece.what}</title>
            </rect>
          ))}
          {at !== null && <rect class="race-now" x={`${(at / (race.period ?? 1)) * 100}%`} width="3" height="100%" transform="translate(-1.5)" />}
        </svg>
      </Track>
      <figcaption>
        <b>{name}</b>
        <ul class="keys">
          {ends.map((end) => (
            <li key={end.what}>
              <svg width="16" height="12" aria-hidden="true"><rect class={`race-${end.first}`} width="16" height="12" /></svg>{" "}
              <b>{share(end.count, race.pieces.length)}</b> {end.what}
              {end.from !== null && end.to !== null && <span class="hint"> {texts.between(end.from.toFixed(1), end.to.toFixed(1))}</span>}
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  );
}

/** Neighbours with the same outcome as one: each run stands for the places up to the next. */
function stretches(pieces: readonly Piece[]): { piece: Piece; from: number; to: number }[] {
  const found: { piece: Piece; from: number; to: number }[] = [];
  pieces.forEach((piece, n) => {
    const last = found[found.length - 1];
    const to = pieces[n + 1]?.place ?? PLACES;
    if (last && last.piece.what === piece.what) last.to = to;
    else found.push({ piece, from: n === 0 ? 0 : piece.place, to });
  });
  return found;
}

const share = (count: number, of: number): string => `${((count / Math.max(1, of)) * 100).toFixed(0)} %`;

interface Outcome {
  first: string;
  what: string;
  count: number;
  from: number | null;
  to: number | null;
}

/** What comes first, most frequent first, and between which instants. */
function outcomes(pieces: readonly Piece[]): Outcome[] {
  const found = new Map<string, Outcome>();
  for (const { first, what, at } of pieces) {
    const known = found.get(what) ?? { first, what, count: 0, from: null, to: null };
    const [from, to] = at === null ? [known.from, known.to] : [Math.min(known.from ?? at, at), Math.max(known.to ?? at, at)];
    found.set(what, { ...known, count: known.count + 1, from, to });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}
