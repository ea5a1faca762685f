import type { AtRisk, Risk } from "./data";
import { bytes, seconds } from "./format";

/** Who is at risk: how much room there is, the kernel's and the kubelet's order, and who dies in how many runs. */
export function RiskView({ risk }: { risk: Risk }) {
  return (
    <section aria-labelledby="risk-heading">
      <h2 id="risk-heading">Who is at risk</h2>
      <p class="hint">
        As the containers stand at {seconds(risk.at)}; deaths are counted over {risk.runs} runs with successive seeds.
      </p>
      <ul class="facts">
        {risk.rooms.map((room) => (
          <li class={room.left <= 0 ? "bad" : ""}>
            <b>{bytes(room.left)}</b> until {room.what} ({bytes(room.at)})
          </li>
        ))}
      </ul>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="risk-heading">
        <table>
          <thead>
            <tr>
              <th>Container</th>
              <th>QoS</th>
              <th class="number">Working set</th>
              <th class="number">Request</th>
              <th class="number">Limit</th>
              <th class="number">oom_score_adj</th>
              <th class="number">Kernel takes it as</th>
              <th class="number">Kubelet evicts it as</th>
              <th>Dies in</th>
            </tr>
          </thead>
          <tbody>
            {risk.containers.map((container) => (
              <Row of={container} runs={risk.runs} />
            ))}
          </tbody>
        </table>
      </div>
      {risk.host > 0 && <p class="bad">A process of the node itself is killed in {share(risk.host, risk.runs)} of the runs.</p>}
    </section>
  );
}

function Row({ of, runs }: { of: AtRisk; runs: number }) {
  const place = (number: number | null) => (number === null ? "never" : `no. ${number}`);
  return (
    <tr>
      <td>
        {of.pod} <span class="hint">{of.container}</span>
      </td>
      <td>
        {of.qos}
        {of.priority !== 0 && <span class="hint"> priority {of.priority}</span>}
      </td>
      <td class="number">{bytes(of.usage)}</td>
      <td class="number">{of.request === null ? "–" : bytes(of.request)}</td>
      <td class="number">{of.limit === null ? "–" : bytes(of.limit)}</td>
      <td class="number">{of.oomScoreAdj}</td>
      <td class="number">{place(of.kernelPlace)}</td>
      <td class="number">{place(of.evictionPlace)}</td>
      <td class={of.dies.length > 0 ? "bad" : ""}>
        {of.dies.length === 0 ? "no run" : of.dies.map(([by, count]) => `${share(count, runs)}, by ${by}`).join("; ")}
      </td>
    </tr>
  );
}

const share = (count: number, of: number) => `${((count / Math.max(1, of)) * 100).toFixed(0)} %`;
