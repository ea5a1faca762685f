import type { Run } from "./data";
import { bytes, lastUpTo, seconds } from "./format";

/** The node at one instant as nested bars: system, kubepods, pods, each beside its limit. */
export function Instant({ run, at, onSeek }: { run: Run; at: number; onSeek: (at: number) => void }) {
  const { series, node } = run;
  const index = Math.max(0, lastUpTo(series.at, at));
  const working = series.workingSet[index] ?? 0;
  const kubepods = series.kubepods[index] ?? 0;
  const podsWorking = series.kubepodsWorkingSet[index] ?? 0;
  const system = Math.max(0, working - podsWorking);
  const pods = series.pods
    .map((pod) => ({ name: pod.name, usage: pod.usage[index] ?? null, workingSet: pod.workingSet[index] ?? null }))
    .filter((pod) => pod.usage !== null)
    .sort((a, b) => (b.usage ?? 0) - (a.usage ?? 0));
  const end = series.at[series.at.length - 1] ?? 0;
  return (
    <section aria-labelledby="instant-heading">
      <h2 id="instant-heading">At an instant</h2>
      <label class="slider">
        <span>{seconds(at)}</span>
        <input
          type="range"
          min={0}
          max={end}
          step="any"
          value={at}
          aria-label="Time"
          aria-valuetext={seconds(at)}
          onInput={(e) => onSeek(Number(e.currentTarget.value))}
        />
      </label>
      <Bar name="node" value={working} of={node.capacity} note={`working set of ${bytes(node.capacity)}`} depth={0} />
      <Bar name="system" value={system} of={node.capacity} note="outside the pods" depth={1} />
      <Bar
        name="kubepods"
        value={kubepods}
        of={node.capacity}
        limit={node.kubepodsLimit ?? undefined}
        note={node.kubepodsLimit === null ? "usage" : `usage, limit ${bytes(node.kubepodsLimit)}`}
        depth={1}
      />
      {pods.map((pod) => (
        <Bar
          key={pod.name}
          name={pod.name}
          value={pod.usage ?? 0}
          of={node.capacity}
          note={`usage; working set ${bytes(pod.workingSet ?? 0)}`}
          depth={2}
        />
      ))}
    </section>
  );
}

interface BarProps {
  name: string;
  value: number;
  of: number;
  limit?: number | undefined;
  note: string;
  depth: number;
}

function Bar({ name, value, of, limit, note, depth }: BarProps) {
  const share = (amount: number) => Math.min(100, (amount / of) * 100);
  return (
    <div class={`bar depth-${depth}`}>
      <span class="bar-name">{name}</span>
      <svg class="bar-picture" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`${name}: ${bytes(value)} ${note}`}>
        <rect class="bar-back" x="0" y="0" width="100" height="6" />
        <rect class="bar-fill" x="0" y="0" width={share(value)} height="6" />
        {limit !== undefined && <rect class="bar-limit" x={share(limit) - 0.3} y="0" width="0.6" height="6" />}
      </svg>
      <span class="bar-value">
        <b>{bytes(value)}</b> <span class="hint">{note}</span>
      </span>
    </div>
  );
}
