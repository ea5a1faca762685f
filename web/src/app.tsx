import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { Instant } from "./bars";
import { Chart } from "./chart";
import { CompareView } from "./compare";
import type { Page, Run } from "./data";
import { bytes, lastUpTo, plural, seconds } from "./format";
import { RiskView } from "./risk";
import { SeedsView } from "./seeds";
import { StudyView } from "./study";
import { texts } from "./texts";

export function App({ page }: { page: Page }) {
  const [chosen, setChosen] = useState(0);
  const run = page.runs[chosen];
  if (page.studies[0]) return <StudyView of={page.studies[0]} />;
  if (!run) return <p>This report has no run.</p>;
  const seeds = page.seeds.filter((of) => of.scenario === run.scenario);
  return (
    <>
      {page.runs.length > 1 && (
        <nav aria-label="Runs">
          {page.runs.map((other, index) => (
            <button type="button" aria-current={index === chosen ? "page" : undefined} onClick={() => setChosen(index)}>
              {other.scenario} <span class="hint">seed {other.seed}</span>
            </button>
          ))}
        </nav>
      )}
      <main key={chosen}>
        {page.comparison && page.runs[0] && page.runs[1] && (
          <CompareView of={page.comparison} runs={[page.runs[0], page.runs[1]]} />
        )}
        {seeds.map((of) => (
          <SeedsView of={of} />
        ))}
        <RunView run={run} />
      </main>
    </>
  );
}

function RunView({ run }: { run: Run }) {
  const [at, setAt] = useState(run.deaths[0]?.at ?? run.series.at[run.series.at.length - 1] ?? 0);
  const failed = run.expectations.filter((expectation) => !expectation.holds).length;
  return (
    <>
      <header>
        <h1>{run.scenario}</h1>
        {run.description.split("\n\n").map((line) => (
          <p>{line}</p>
        ))}
        <ul class="facts">
          <li>
            <b>{run.oomKills}</b> {plural(run.oomKills, "OOM kill")}
          </li>
          <li>
            <b>{run.evictions}</b> {plural(run.evictions, "eviction")}
          </li>
          <li>
            <b>{run.restarts}</b> {plural(run.restarts, "restart")}
          </li>
          {run.expectations.length > 0 && (
            <li class={failed > 0 ? "bad" : "good"}>
              {failed > 0 ? `${failed} of ${run.expectations.length} expectations fail` : `all ${run.expectations.length} expectations hold`}
            </li>
          )}
        </ul>
        <p class="hint">
          Node {run.node.name}: capacity {bytes(run.node.capacity)}, allocatable {bytes(run.node.allocatable)}
          {run.node.kubepodsLimit !== null && `, kubepods limit ${bytes(run.node.kubepodsLimit)}`}
          {run.node.evictionHard !== null && `, eviction-hard ${bytes(run.node.evictionHard)}`}. Seed {run.seed}.
        </p>
      </header>
      <Deaths run={run} onSeek={setAt} />
      <Whys run={run} onSeek={setAt} />
      {run.risk && <RiskView risk={run.risk} />}
      <Chart run={run} at={at} onSeek={setAt} />
      <Instant run={run} at={at} onSeek={setAt} />
      <Timeline run={run} at={at} onSeek={setAt} />
      <Pods run={run} />
      <Expectations run={run} />
      <Source run={run} />
    </>
  );
}

export function Deaths({ run, onSeek }: { run: Run; onSeek: (at: number) => void }) {
  return (
    <section aria-labelledby="deaths-heading">
      <h2 id="deaths-heading">{texts.deaths}</h2>
      {run.deaths.length === 0 ? (
        <p>{texts.noDeaths}</p>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-label={texts.deathsTable}>
          <table class="deaths">
            <thead>
              <tr>
                <th>{texts.time}</th>
                <th>{texts.process}</th>
                <th>{texts.of}</th>
                <th>{texts.by}</th>
                <th>{texts.why}</th>
              </tr>
            </thead>
            <tbody>
              {run.deaths.map((death) => (
                <tr>
                  <td>
                    <button type="button" class="link" onClick={() => onSeek(death.at)}>
                      {seconds(death.at)}
                    </button>
                  </td>
                  <td>{death.process}</td>
                  <td>{death.of}</td>
                  <td>{death.by}</td>
                  <td>{death.why}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** The chain of causes of each happening, as `oomsim why` tells it. */
interface WhysProps {
  run: Run;
  onSeek: (at: number) => void;
  /** What stands below the explanation with this place. */
  more?: (place: number) => ComponentChildren;
}

export function Whys({ run, onSeek, more }: WhysProps) {
  if (run.whys.length === 0) return null;
  return (
    <section aria-labelledby="why-heading">
      <h2 id="why-heading">{texts.why}</h2>
      {run.whys.map((why, place) => (
        <details class="why">
          <summary onClick={() => onSeek(why.at)}>{why.title}</summary>
          <pre tabIndex={0}>{why.text}</pre>
          {more?.(place)}
        </details>
      ))}
    </section>
  );
}

export function Timeline({ run, at, onSeek }: { run: Run; at: number; onSeek: (at: number) => void }) {
  const [filter, setFilter] = useState("");
  const lines = useMemo(() => {
    const wanted = filter.trim().toLowerCase();
    return run.timeline.filter((line) => `${line.subject} ${line.reason} ${line.message}`.toLowerCase().includes(wanted));
  }, [run, filter]);
  // A list of thousands of lines is made anew only when one more is past.
  const past = lastUpTo(lines.map((line) => line.at), at);
  const items = useMemo(() => lines.map((line, index) => <Line line={line} past={index <= past} onSeek={onSeek} />), [lines, past, onSeek]);
  return (
    <section aria-labelledby="timeline-heading">
      <h2 id="timeline-heading">{texts.timeline}</h2>
      <label class="controls">
        {texts.filter} <input type="search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
      </label>
      <ol class="timeline" tabIndex={0} aria-labelledby="timeline-heading">
        {items}
      </ol>
    </section>
  );
}

interface LineProps {
  line: Run["timeline"][number];
  past: boolean;
  onSeek: (at: number) => void;
}

function Line({ line, past, onSeek }: LineProps) {
  return (
    <li class={`${line.tone} ${past ? "past" : "future"}`}>
      <button type="button" class="link" onClick={() => onSeek(line.at)}>
        {seconds(line.at)}
      </button>
      <span class="subject">{line.subject}</span>
      <b>{line.reason}</b>
      <span>{line.message}</span>
    </li>
  );
}

function Pods({ run }: { run: Run }) {
  if (run.pods.length === 0) return null;
  return (
    <section aria-labelledby="pods-heading">
      <h2 id="pods-heading">Pods at the end</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label="Table of pods">
        <table>
          <thead>
            <tr>
              <th>Pod</th>
              <th>QoS</th>
              <th>Status</th>
              <th class="number">Restarts</th>
              <th class="number">Memory</th>
            </tr>
          </thead>
          <tbody>
            {run.pods.map((pod) => (
              <tr>
                <td>{pod.name}</td>
                <td>{pod.qos}</td>
                <td title={pod.message}>{pod.status}</td>
                <td class="number">{pod.restarts}</td>
                <td class="number">{bytes(pod.usage)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Expectations({ run }: { run: Run }) {
  if (run.expectations.length === 0) return null;
  return (
    <section aria-labelledby="expectations-heading">
      <h2 id="expectations-heading">Expectations</h2>
      <ul class="expectations">
        {run.expectations.map((expectation) => (
          <li class={expectation.holds ? "good" : "bad"}>
            <b>{expectation.holds ? "holds" : "fails"}</b> {expectation.expected}
            <div class="hint">
              {expectation.found} · source: {expectation.source}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Source({ run }: { run: Run }) {
  return (
    <section aria-labelledby="source-heading">
      <h2 id="source-heading">Reproduce</h2>
      <pre tabIndex={0}>{run.reproduce}</pre>
      <p class="hint">
        Digest {run.digest}. oomsim {run.version}.
      </p>
      {run.warnings.length > 0 && (
        <>
          <h3>Warnings</h3>
          <ul>
            {run.warnings.map((warning) => (
              <li>{warning}</li>
            ))}
          </ul>
        </>
      )}
      <details>
        <summary>Scenario {run.file}</summary>
        <pre tabIndex={0}>{run.text}</pre>
      </details>
    </section>
  );
}
