import type { Seeds } from "./data";
import { seconds } from "./format";

const percent = (share: number) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

/** A scenario over several seeds, or a fleet: shares of the first death with intervals, and how long nodes last. */
export function SeedsView({ of }: { of: Seeds }) {
  const heading = `seeds-${of.scenario}`;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>
        {of.scenario}: first death on {of.count} nodes or seeds
      </h2>
      {of.shares.map((share) => (
        <div class="bar">
          <span class="bar-name">{share.outcome}</span>
          <svg class="bar-picture" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={`${share.outcome}: ${share.count} of ${of.count}`}>
            <rect class="bar-back" x="0" y="0" width="100" height="6" />
            <rect class="bar-fill" x="0" y="0" width={(share.count / of.count) * 100} height="6" />
            <rect class="bar-interval" x={share.low * 100} y="2.4" width={Math.max(0.4, (share.high - share.low) * 100)} height="1.2" />
          </svg>
          <span class="bar-value">
            <b>{share.count}</b>{" "}
            <span class="hint">
              {percent(share.count / of.count)} (95 %: {percent(share.low)} to {percent(share.high)})
            </span>
          </span>
        </div>
      ))}
      <Survival of={of} />
      <details>
      <summary>Each run, with the command for its report</summary>
      <div class="scroll" tabIndex={0} role="group" aria-label="Table of runs">
        <table>
          <thead>
            <tr>
              <th>Node</th>
              <th>Seed</th>
              <th>First death</th>
              <th>Of</th>
              <th class="number">At</th>
              <th class="number">OOM kills</th>
              <th class="number">Evictions</th>
              <th>Its report</th>
            </tr>
          </thead>
          <tbody>
            {of.runs.map((run) => (
              <tr>
                <td>{run.node}</td>
                <td>{run.seed}</td>
                <td>{run.outcome}</td>
                <td>{run.victim}</td>
                <td class="number">{run.firstDeath === null ? "–" : seconds(run.firstDeath)}</td>
                <td class="number">{run.oomKills}</td>
                <td class="number">{run.evictions}</td>
                <td>
                  <code>{run.reproduce}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      </details>
    </section>
  );
}

/** The share of nodes on which no process has died yet: it falls in steps. */
function Survival({ of }: { of: Seeds }) {
  const x = (at: number) => (at / Math.max(of.end, 1e-9)) * 600;
  const y = (share: number) => 10 + (1 - share) * 120;
  let path = `M0 ${y(1)}`;
  of.firstDeaths.forEach((at, n) => {
    path += ` H${x(at).toFixed(1)} V${y(1 - (n + 1) / of.count).toFixed(1)}`;
  });
  path += ` H600`;
  const left = 1 - of.firstDeaths.length / of.count;
  return (
    <figure>
      <svg class="survival" viewBox="-46 0 660 160" role="img" aria-label={`Nodes without a death: ${percent(left)} at the end`}>
        {[0, 0.25, 0.5, 0.75, 1].map((share) => (
          <>
            <line class="grid" x1="0" x2="600" y1={y(share)} y2={y(share)} />
            <text x="-6" y={y(share) + 4} text-anchor="end">
              {percent(share)}
            </text>
          </>
        ))}
        <path class="curve" d={path} />
        <text x="0" y="152">
          0 s
        </text>
        <text x="600" y="152" text-anchor="end">
          {of.end.toFixed(0)} s
        </text>
      </svg>
      <figcaption class="hint">Share of nodes on which no process has died yet.</figcaption>
    </figure>
  );
}
