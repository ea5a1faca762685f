import { Fragment } from "preact";
import { useState } from "preact/hooks";
import type { Instant, Process, Run } from "../data";
import { bytes, seconds } from "../format";
import { Rules } from "./rules";
import { texts } from "./texts";

/** What the kubelet believes beside what is true, and when it looks next. */
export function Belief({ run, instant }: { run: Run; instant: Instant }) {
  const kubelet = instant.kubelet;
  const looks = run.passes.at;
  const last = looks.findLastIndex((look) => look < instant.at);
  const next = looks.find((look) => look >= instant.at);
  return (
    <section aria-labelledby="belief-heading">
      <h2 id="belief-heading">{texts.believes}</h2>
      {kubelet === null ? (
        <p>{texts.noKubelet}</p>
      ) : (
        <>
          <p>
            {last < 0 ? texts.neverLooked : texts.lastLook(seconds(instant.at - (looks[last] ?? 0)), run.passes.verdicts[last] ?? "")}{" "}
            <b class="countdown">{next === undefined ? texts.noLook : texts.nextLookIn(seconds(next - instant.at))}</b>
          </p>
          <p>
            {texts.pressure}: <b class={kubelet.memoryPressure ? "bad" : ""}>{kubelet.memoryPressure ? texts.yes : texts.no}</b>
          </p>
          <div class="scroll" tabIndex={0} role="group" aria-labelledby="belief-heading">
            <table class="small">
              <thead>
                <tr>
                  <th>{texts.pod}</th>
                  <th class="number">{texts.believed}</th>
                  <th class="number">{texts.age}</th>
                  <th class="number">{texts.truth}</th>
                </tr>
              </thead>
              <tbody>
                {kubelet.pods.map((pod) => (
                  <tr key={pod.pod}>
                    <td>{pod.pod}</td>
                    <td class="number">{pod.workingSet === null ? "–" : bytes(pod.workingSet)}</td>
                    <td class="number">{pod.takenAt === null ? "–" : seconds(instant.at - pod.takenAt)}</td>
                    <td class="number">{bytes(pod.workingSetNow)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      <Rules of={["look", "pressure", "workingSet", "age"]} />
    </section>
  );
}

/** Processes in the order in which the OOM killer would take them. */
export function Processes({ instant }: { instant: Instant }) {
  const [explained, setExplained] = useState<number | null>(null);
  return (
    <section aria-labelledby="processes-heading">
      <h2 id="processes-heading">{texts.processes}</h2>
      <p class="hint">{texts.processesHint}</p>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="processes-heading">
        <table class="small">
          <thead>
            <tr>
              <th>{texts.process}</th>
              <th class="number">{texts.resident}</th>
              <th class="number">oom_score_adj</th>
              <th class="number">{texts.points}</th>
            </tr>
          </thead>
          <tbody>
            {instant.processes.map((process) => (
              <Fragment key={process.pid}>
                <tr>
                  <td>
                    {process.comm} <span class="hint">{process.of}</span>
                  </td>
                  <td class="number">{bytes(process.rss)}</td>
                  <td class="number">{process.oomScoreAdj}</td>
                  <td class="number">
                    {process.badness === null ? (
                      texts.never
                    ) : (
                      <button
                        type="button"
                        class="link"
                        title={texts.pointsOf(process.comm)}
                        aria-expanded={explained === process.pid}
                        onClick={() => setExplained(explained === process.pid ? null : process.pid)}
                      >
                        {process.badness.toLocaleString("en")}
                      </button>
                    )}
                  </td>
                </tr>
                {explained === process.pid && process.badness !== null && (
                  <tr>
                    <td colSpan={4} class="sum">{sum(process, process.badness)}</td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
      <Rules of={["resident", "adj", "points"]} />
    </section>
  );
}

/** The points of a process as a sum; what the terms do not explain is the root bonus or the floor of old kernels. */
function sum({ terms }: Process, badness: number): string {
  const known = terms ?? [0, 0, 0, 0];
  const rest = badness - known.reduce((all, one) => all + one, 0);
  const parts = [...known, rest].map((amount, n) => [texts.pointParts[n] ?? "", amount] as const);
  return texts.sumOfPoints(parts.filter(([, amount], n) => n === 0 || amount !== 0), badness);
}
