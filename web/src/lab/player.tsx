import { useEffect, useRef, useState } from "preact/hooks";
import type { Run } from "../data";
import { TimeSlider } from "../slider";
import { texts } from "./texts";

interface Props {
  run: Run;
  at: number;
  onSeek: (at: number) => void;
  onStep: () => void;
}

const SPEEDS = [0.1, 0.5, 1, 2, 5, 10, 60];
/** Shortest time after an instant: the engine counts nanoseconds. */
const TICK = 1e-9;

/** Plays, steps and goes back. */
export function Player({ run, at, onSeek, onStep }: Props) {
  const end = run.series.at[run.series.at.length - 1] ?? 0;
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(5);
  const now = useRef(at);
  now.current = at;

  useEffect(() => {
    if (!playing) return;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      // Without motion: from one thing that happens to the next, one each second.
      const beat = setInterval(() => {
        const next = run.timeline.find((line) => line.at > now.current + TICK / 2)?.at ?? end;
        onSeek(next);
        if (next >= end) setPlaying(false);
      }, 1000);
      return () => clearInterval(beat);
    }
    let last = performance.now();
    let frame = requestAnimationFrame(function tick(time) {
      const next = Math.min(end, now.current + ((time - last) / 1000) * speed);
      last = time;
      onSeek(next);
      if (next >= end) setPlaying(false);
      else frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, speed, end, run, onSeek]);

  const after = (times: readonly number[]) => times.find((time) => time > at + TICK / 2);
  const moments = run.timeline.map((line) => line.at);
  const looks = run.passes.at;
  const deaths = run.deaths.map((death) => death.at);
  const back = moments.findLast((time) => time < at - TICK / 2) ?? 0;
  const go = (to: number | undefined) => {
    setPlaying(false);
    if (to !== undefined) onSeek(to);
  };
  return (
    <div class="player" role="group" aria-label={texts.time}>
      <div class="controls">
        <button type="button" class="primary" onClick={() => setPlaying(!playing)}>
          {playing ? texts.pause : texts.play}
        </button>
        <button type="button" onClick={() => go(0)}>
          {texts.toStart}
        </button>
        <button type="button" onClick={() => go(back)}>
          {texts.stepBack}
        </button>
        <button
          type="button"
          onClick={() => {
            setPlaying(false);
            onStep();
          }}
        >
          {texts.step}
        </button>
        <button type="button" disabled={after(looks) === undefined} onClick={() => go(after(looks))}>
          {texts.nextLook}
        </button>
        <button type="button" disabled={after(deaths) === undefined} onClick={() => go(after(deaths))}>
          {texts.nextDeath}
        </button>
        <label>
          {texts.speed}{" "}
          <select value={speed} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
            {SPEEDS.map((factor) => (
              <option value={factor}>{factor} ×</option>
            ))}
          </select>
        </label>
      </div>
      <label class="slider">
        <TimeSlider at={at} end={end} label={texts.time} onSeek={go} />
      </label>
    </div>
  );
}
