import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

/** What a handle turns. */
export interface Knob {
  label: string;
  min: number;
  max: number;
  step: number;
  value: number;
  said: (value: number) => string;
  /** The larger the value, the further to the left. */
  leftwards?: boolean;
  onTurn: (value: number) => void;
}

/** Something with a handle on it, which is dragged or moved by keyboard. `scale` is what its whole width stands for. */
export function Track({ knob, scale, children }: { knob: Knob | null; scale: number; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  return (
    <div class="track" ref={place}>
      {children}
      {knob && <Handle knob={knob} scale={scale} width={() => place.current?.getBoundingClientRect() ?? new DOMRect()} />}
    </div>
  );
}

function Handle({ knob, scale, width }: { knob: Knob; scale: number; width: () => DOMRect }) {
  const { min, max, step, value, leftwards = false } = knob;
  const turn = (to: number) => {
    const whole = Math.min(max, Math.max(min, Math.round(to / step) * step));
    if (whole !== value) knob.onTurn(whole);
  };
  const drag = (event: PointerEvent) => {
    if (!(event.currentTarget instanceof Element) || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { left, width: whole } = width();
    const share = (event.clientX - left) / Math.max(1, whole);
    turn((leftwards ? 1 - share : share) * scale);
  };
  const key = (event: KeyboardEvent) => {
    const towards = leftwards ? -1 : 1;
    const moves: Record<string, number> = {
      ArrowRight: value + towards * step,
      ArrowLeft: value - towards * step,
      ArrowUp: value + step,
      ArrowDown: value - step,
      PageUp: value + 10 * step,
      PageDown: value - 10 * step,
      Home: min,
      End: max,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    turn(to);
  };
  const share = Math.min(1, Math.max(0, value / scale));
  return (
    <div
      class="handle"
      role="slider"
      tabIndex={0}
      aria-label={knob.label}
      aria-valuemin={min}
      aria-valuemax={max}
      aria-valuenow={value}
      aria-valuetext={knob.said(value)}
      title={`${knob.label}: ${knob.said(value)}`}
      style={{ left: `${(leftwards ? 1 - share : share) * 100}%` }}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={key}
    />
  );
}
