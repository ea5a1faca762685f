import type { Instant } from "../data";
import { Rules } from "./rules";
import { texts } from "./texts";

/** Who waits for memory, and at which limits. */
export function Reclaim({ instant }: { instant: Instant }) {
  const waiting = instant.processes.filter((process) => process.state !== "running");
  const pressed = instant.cgroups.filter((cgroup) => cgroup.depth > 0 && cgroup.atLimit + cgroup.aboveHigh + cgroup.oomKills > 0);
  return (
    <section aria-labelledby="reclaim-heading">
      <h2 id="reclaim-heading">{texts.reclaim}</h2>
      {waiting.length === 0 ? (
        <p>{texts.nothingWaits}</p>
      ) : (
        <ul>
          {waiting.map((process) => (
            <li>
              {process.comm} <span class="hint">{process.of}</span>: {texts.states[process.state] ?? process.state}
            </li>
          ))}
        </ul>
      )}
      {pressed.length === 0 ? (
        <p>{texts.noLimitHit}</p>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="reclaim-heading">
          <table class="small">
            <thead>
              <tr>
                <th>{texts.cgroup}</th>
                <th class="number">{texts.atLimit}</th>
                <th class="number">{texts.aboveHigh}</th>
                <th class="number">{texts.kills}</th>
              </tr>
            </thead>
            <tbody>
              {pressed.map((cgroup) => (
                <tr key={cgroup.path}>
                  <td title={cgroup.path}>{cgroup.name}</td>
                  <td class="number">{cgroup.atLimit}</td>
                  <td class="number">{cgroup.aboveHigh}</td>
                  <td class="number">{cgroup.oomKills}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Rules of={["reclaim", "throttling"]} />
    </section>
  );
}
