import type { Cgroup, Instant as Node, Kubelet, Process, Run } from "./data";
import { bytes, lastUpTo, seconds } from "./format";
import { TimeSlider } from "./slider";

/** The node at one instant: cgroups as nested bars with their limits, processes by badness, and what the kubelet believed. */
export function Instant({ run, at, onSeek }: { run: Run; at: number; onSeek: (at: number) => void }) {
  const { series, instants } = run;
  const end = series.at[series.at.length - 1] ?? 0;
  const index = Math.max(0, lastUpTo(instants.map((instant) => instant.at), at + 1e-9));
  const node = instants[index];
  return (
    <section aria-labelledby="instant-heading">
      <h2 id="instant-heading">At an instant</h2>
      <label class="slider">
        <TimeSlider at={at} end={end} label="Time" onSeek={onSeek} />
        <button type="button" disabled={index === 0} onClick={() => onSeek(instants[index - 1]?.at ?? 0)}>
          Before
        </button>
        <button type="button" disabled={index >= instants.length - 1} onClick={() => onSeek(instants[index + 1]?.at ?? end)}>
          Next
        </button>
      </label>
      {node && <State run={run} node={node} />}
    </section>
  );
}

function State({ run, node }: { run: Run; node: Node }) {
  return (
    <>
      <p class="hint">
        The node as it stood at {seconds(node.at)}, before what happened then. MemFree {bytes(node.memFree)}, MemAvailable{" "}
        {bytes(node.memAvailable)}
        {node.swapUsed > 0 && `, swap in use ${bytes(node.swapUsed)}`}.
      </p>
      <h3>Memory cgroups</h3>
      {shown(node.cgroups).map((cgroup) => (
        <Bar key={cgroup.path} cgroup={cgroup} capacity={run.node.capacity} />
      ))}
      <Processes processes={node.processes} />
      {node.kubelet && <Belief kubelet={node.kubelet} at={node.at} />}
    </>
  );
}

/** Without what is of a pod but of none of its containers: the pause container, which holds next to nothing. */
export function shown(cgroups: readonly Cgroup[]): Cgroup[] {
  const pods = cgroups.filter((cgroup) => cgroup.of === "pod").map((cgroup) => `${cgroup.path}/`);
  return cgroups.filter((cgroup) => cgroup.of !== "cgroup" || !pods.some((pod) => cgroup.path.startsWith(pod)));
}

function Bar({ cgroup, capacity }: { cgroup: Cgroup; capacity: number }) {
  const { name, usage, workingSet, limit } = cgroup;
  const share = (amount: number) => Math.min(100, (amount / capacity) * 100);
  const note = `${bytes(workingSet)} working set${limit === null ? "" : `, limit ${bytes(limit)}`}`;
  return (
    <div class={`bar depth-${Math.min(cgroup.depth, 5)}`}>
      <span class="bar-name" title={cgroup.path}>
        {name}
      </span>
      <svg class="bar-picture" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`${name}: ${bytes(usage)} used, ${note}`}>
        <rect class="bar-back" x="0" y="0" width={limit === null ? 100 : share(limit)} height="6" />
        <rect class="bar-cache" x="0" y="0" width={share(usage)} height="6" />
        <rect class="bar-fill" x="0" y="0" width={share(workingSet)} height="6" />
        {limit !== null && limit < capacity && <rect class="bar-limit" x={share(limit) - 0.3} y="0" width="0.6" height="6" />}
      </svg>
      <span class="bar-value">
        <b>{bytes(usage)}</b> <span class="hint">{note}</span>
      </span>
    </div>
  );
}

function Processes({ processes }: { processes: readonly Process[] }) {
  const most = Math.max(1, ...processes.map((process) => process.badness ?? 0));
  return (
    <>
      <h3 id="processes-heading">Processes, the kernel's first choice on top</h3>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="processes-heading">
        <table>
          <thead>
            <tr>
              <th>Process</th>
              <th>Of</th>
              <th class="number">RSS</th>
              <th class="number">oom_score_adj</th>
              <th class="number">Badness</th>
              <th aria-hidden="true" />
            </tr>
          </thead>
          <tbody>
            {processes.map((process) => (
              <tr>
                <td>
                  {process.comm} ({process.pid})
                </td>
                <td>{process.of}</td>
                <td class="number">{bytes(process.rss)}</td>
                <td class="number">{process.oomScoreAdj}</td>
                <td class="number">{process.badness === null ? "never" : process.badness.toLocaleString("en")}</td>
                <td class="meter" aria-hidden="true">
                  <svg viewBox="0 0 100 6" preserveAspectRatio="none">
                    <rect class="bar-fill" x="0" y="0" width={Math.max(0, ((process.badness ?? 0) / most) * 100)} height="6" />
                  </svg>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Belief({ kubelet, at }: { kubelet: Kubelet; at: number }) {
  const pressure = kubelet.memoryPressure ? "The kubelet holds MemoryPressure" : "The kubelet sees no memory pressure";
  const differs = kubelet.memoryPressure !== kubelet.reportedMemoryPressure;
  return (
    <>
      <h3 id="belief-heading">What the kubelet believes</h3>
      <p class="hint">
        {pressure}
        {differs && `; the node's status still says ${kubelet.reportedMemoryPressure ? "True" : "False"}`}.
        {kubelet.waitsFor !== null && ` It waits for the end of ${kubelet.waitsFor}.`}
      </p>
      {kubelet.pods.length > 0 && (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="belief-heading">
          <table>
            <thead>
              <tr>
                <th>Pod</th>
                <th class="number">Its figure</th>
                <th class="number">Age</th>
                <th class="number">Really</th>
                <th class="number">Unseen</th>
              </tr>
            </thead>
            <tbody>
              {kubelet.pods.map((pod) => (
                <tr>
                  <td>{pod.pod}</td>
                  <td class="number">{pod.workingSet === null ? "none" : bytes(pod.workingSet)}</td>
                  <td class="number">{pod.takenAt === null ? "–" : `${(at - pod.takenAt).toFixed(1)} s`}</td>
                  <td class="number">{bytes(pod.workingSetNow)}</td>
                  <td class="number">{bytes(pod.workingSetNow - (pod.workingSet ?? 0))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
