import { seconds } from "./format";

/** The instant that is shown, and a way to any other. */
export function TimeSlider({ at, end, label, onSeek }: { at: number; end: number; label: string; onSeek: (at: number) => void }) {
  return (
    <>
      <span>{seconds(at)}</span>
      <input
        type="range"
        min={0}
        max={end}
        step="any"
        value={at}
        aria-label={label}
        aria-valuetext={seconds(at)}
        onInput={(event) => onSeek(Number(event.currentTarget.value))}
      />
    </>
  );
}
