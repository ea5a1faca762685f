import { useMemo } from "preact/hooks";
import { Chart } from "../chart";
import type { Instant, Run } from "../data";
import { Belief, Processes } from "./belief";
import type { Opened, Race } from "./data";
import { knobs } from "./knobs";
import { RaceView } from "./race-view";
import { Reclaim } from "./reclaim";
import { Stage } from "./stage";
import { texts } from "./texts";
import { phase, type Wish } from "./wish";

interface Props {
  first: Opened;
  second: Opened | null;
  at: number;
  /** Both futures at that instant. */
  instants: { first: Instant; second: Instant | null };
  onSeek: (at: number) => void;
  /** Nothing can be turned where this is null. */
  turn: Turn | null;
}

interface Turn {
  wishes: readonly Wish[];
  onWish: (wish: Wish) => void;
  race: Race | null;
  changedRace: Race | null;
}

/** The instant from all sides: curves, bars, the race, the kubelet's belief, the kernel's choice, who waits. */
export function Panes({ first, second, at, instants, onSeek, turn }: Props) {
  const around = useMemo(
    () => <Around {...{ first, second, instants, turn }} />,
    [first, second, instants.first, instants.second, turn?.wishes, turn?.onWish, turn?.race, turn?.changedRace],
  );
  return (
    <div class="panes">
      <div>
        <Chart run={first.run} at={at} onSeek={onSeek} follow={false} title={second ? texts.memoryOf(texts.first) : undefined} />
        {second && <Chart run={second.run} at={at} onSeek={onSeek} follow={false} id="memory-changed" title={texts.memoryOf(texts.second)} />}
      </div>
      {around}
    </div>
  );
}

/** What is made anew only when the instant itself is there, not already when the slider moves. */
function Around({ first, second, instants, turn }: Pick<Props, "first" | "second" | "instants" | "turn">) {
  const changed = second && instants.second;
  const knob = turn ? knobs(first.run, instants.first, turn.wishes, turn.onWish) : undefined;
  return (
    <>
      <div>
        <Stage instant={instants.first} title={second ? texts.nodeOf(texts.first) : undefined} knob={knob} />
        {turn && (
          <RaceView
            first={turn.race}
            second={turn.changedRace}
            phase={(second ?? first).run.passes.at[0] ?? null}
            onPhase={(to) => turn.onWish(phase(to))}
          />
        )}
        {changed && <Stage instant={changed} id="stage-changed" title={texts.nodeOf(texts.second)} />}
      </div>
      <Belief run={first.run} instant={instants.first} />
      <Processes instant={instants.first} />
      <Reclaim instant={instants.first} />
    </>
  );
}

/** What happens at just this instant. */
export function Happens({ run, at }: { run: Run; at: number }) {
  const lines = run.timeline.filter((line) => Math.abs(line.at - at) < 5e-10);
  return (
    <p class="happens" aria-live="polite">
      <b>{texts.happens}:</b> {lines.length === 0 ? texts.nothing : lines.map((line) => `${line.subject}: ${line.reason} ${line.message}`).join(" · ")}
    </p>
  );
}
