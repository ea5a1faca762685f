import { shown } from "../bars";
import type { Cgroup, Instant } from "../data";
import { bytes } from "../format";
import { type Knob, Track } from "./handle";
import { Rules } from "./rules";
import { texts } from "./texts";

/** In the order of the cgroup's parts; swap comes last. */
const PARTS = ["anon", "shmem", "cache", "kernel"] as const;

interface Props {
  instant: Instant;
  id?: string;
  title?: string;
  /** What can be turned in the bar of a cgroup. */
  knob?: (cgroup: Cgroup) => Knob | null;
}

/** The cgroup tree as nested bars, each with its limit; memory by kind. */
export function Stage({ instant, id = "stage", title = texts.node, knob = () => null }: Props) {
  const root = instant.memTotal;
  return (
    <section aria-labelledby={`${id}-heading`}>
      <h2 id={`${id}-heading`}>{title}</h2>
      <p class="hint">
        {texts.nodeHint} {knob(instant.cgroups[0] as Cgroup) && texts.dragHint}
      </p>
      <ul class="keys" aria-hidden="true">
        {[...PARTS, ...(instant.swapTotal > 0 ? (["swap"] as const) : [])].map((part) => (
          <li>
            <svg width="16" height="12"><rect class={`part-${part}`} width="16" height="12" /></svg> {texts[part]}
          </li>
        ))}
      </ul>
      <ul class="tree">
        {shown(instant.cgroups).map((cgroup) => (
          <Bar key={cgroup.path} cgroup={cgroup} root={root} free={cgroup.depth === 0 ? instant.memFree : null} knob={knob(cgroup)} />
        ))}
      </ul>
      <Rules of={["usage", "limit", "parts", "eviction"]} />
    </section>
  );
}

interface BarProps {
  cgroup: Cgroup;
  root: number;
  /** Of the node: what is free. */
  free: number | null;
  knob: Knob | null;
}

function Bar({ cgroup, root, free, knob }: BarProps) {
  let at = 0;
  const amount = (index: number) => cgroup.parts[index] ?? 0;
  const swap = amount(PARTS.length);
  const share = (amount: number) => `${(Math.min(amount, root) / root) * 100}%`;
  const parts = PARTS.map((part, index) => {
    const piece = { part, x: at, width: amount(index) };
    at += piece.width;
    return piece;
  });
  const used = free === null ? cgroup.usage : root - free;
  const limit = cgroup.limit !== null && cgroup.limit < root ? cgroup.limit : null;
  const held = PARTS.flatMap((part, index) => (amount(index) > 0 ? [`${texts[part]} ${bytes(amount(index))}`] : []));
  const said = [`${cgroup.name}: ${bytes(used)}`, limit === null ? texts.noLimit : `${texts.limit} ${bytes(limit)}`, ...held].join(", ");
  return (
    <li class="bar">
      <span class="bar-name" style={{ paddingLeft: `${Math.min(cgroup.depth, 5) * 0.8}rem` }} title={cgroup.path}>
        {cgroup.name || cgroup.path}
      </span>
      <Track knob={knob} scale={root}>
        <svg class="bar-picture" role="img" aria-label={said}>
          <rect class="bar-back" width="100%" height="100%" />
          {limit !== null && <rect class="bar-room" width={share(limit)} height="100%" />}
          {parts.map(({ part, x, width }) => width > 0 && <rect class={`part-${part}`} x={share(x)} width={share(width)} height="100%" />)}
          {swap > 0 && <rect class="part-swap" x={share(at)} width={share(swap)} height="100%" />}
          {limit !== null && <rect class="bar-limit" x={share(limit)} width="2" height="100%" transform="translate(-1)" />}
        </svg>
      </Track>
      <span class="bar-value">
        <b>{bytes(used)}</b> <span class="hint">{limit === null ? "" : texts.of(bytes(limit))}</span>
        {cgroup.oomKills > 0 && <span class="bad"> {texts.killed(cgroup.oomKills)}</span>}
      </span>
    </li>
  );
}
