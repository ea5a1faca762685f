import type { Cgroup, Instant } from "../data";
import { bytes } from "../format";
import { texts } from "./texts";

/** In the order of the cgroup's parts; swap comes last. */
const PARTS = ["anon", "shmem", "cache", "kernel"] as const;

/** The cgroup tree as nested bars, each with its limit; memory by kind. */
export function Stage({ instant, id = "stage", title = texts.node }: { instant: Instant; id?: string; title?: string }) {
  const shown = instant.cgroups.filter((cgroup) => cgroup.of !== "container" || cgroup.name !== "POD");
  const root = instant.memTotal;
  return (
    <section aria-labelledby={`${id}-heading`}>
      <h2 id={`${id}-heading`}>{title}</h2>
      <p class="hint">{texts.nodeHint}</p>
      <ul class="keys" aria-hidden="true">
        {PARTS.map((part) => (
          <li>
            <svg width="16" height="12"><rect class={`part-${part}`} width="16" height="12" /></svg> {texts[part]}
          </li>
        ))}
        {instant.swapTotal > 0 && (
          <li>
            <svg width="16" height="12"><rect class="part-swap" width="16" height="12" /></svg> {texts.swap}
          </li>
        )}
      </ul>
      <ul class="tree">
        {shown.map((cgroup) => (
          <Bar key={cgroup.path} cgroup={cgroup} root={root} free={cgroup.depth === 0 ? instant.memFree : null} />
        ))}
      </ul>
    </section>
  );
}

function Bar({ cgroup, root, free }: { cgroup: Cgroup; root: number; free: number | null }) {
  let at = 0;
  const amount = (index: number) => cgroup.parts[index] ?? 0;
  const swap = amount(PARTS.length);
  const share = (amount: number) => (amount / root) * 100;
  const parts = PARTS.map((part, index) => {
    const piece = { part, x: at, width: share(amount(index)) };
    at += piece.width;
    return piece;
  });
  const used = free === null ? cgroup.usage : root - free;
  const limit = cgroup.limit;
  const said = `${cgroup.name}: ${bytes(used)}, ${limit === null ? texts.noLimit : `${texts.limit} ${bytes(limit)}`}, ${PARTS.map((part, index) => ({ part, held: amount(index) }))
    .filter(({ held }) => held > 0)
    .map(({ part, held }) => `${texts[part]} ${bytes(held)}`)
    .join(", ")}`;
  return (
    <li class="bar">
      <span class="bar-name" style={{ paddingLeft: `${Math.min(cgroup.depth, 5) * 0.8}rem` }} title={cgroup.path}>
        {cgroup.name || cgroup.path}
      </span>
      <svg class="bar-picture" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={said}>
        <rect class="bar-back" width="100" height="6" />
        {limit !== null && limit < root && <rect class="bar-room" width={share(limit)} height="6" />}
        {parts.map(({ part, x, width }) => width > 0 && <rect class={`part-${part}`} x={x} width={width} height="6" />)}
        {swap > 0 && <rect class="part-swap" x={at} width={share(swap)} height="6" />}
        {limit !== null && limit <= root && <rect class="bar-limit" x={Math.max(0, share(limit) - 0.3)} width="0.6" height="6" />}
      </svg>
      <span class="bar-value">
        <b>{bytes(used)}</b> <span class="hint">{limit === null || limit >= root ? "" : `of ${bytes(limit)}`}</span>
        {cgroup.oomKills > 0 && <span class="bad"> {cgroup.oomKills} killed</span>}
      </span>
    </li>
  );
}
