import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { colour, dark, dash } from "./colours";
import type { Run } from "./data";
import { bytes, lastUpTo, scraped, seconds } from "./format";
import { texts } from "./texts";

interface Curve {
  label: string;
  values: (number | null)[];
}

/** The curves of a run: the node, kubepods, and each pod by usage or working set. */
function curves(run: Run, measure: "workingSet" | "usage"): Curve[] {
  const { series } = run;
  return [
    { label: texts.nodeWorkingSet, values: series.workingSet },
    { label: "kubepods", values: measure === "usage" ? series.kubepods : series.kubepodsWorkingSet },
    ...series.pods.map((pod) => ({ label: pod.name, values: pod[measure] })),
  ];
}

interface Level {
  label: string;
  at: number;
}

/** What stops memory from growing: the node's thresholds as working sets. */
export function levels(run: Run): Level[] {
  const { node } = run;
  const list: Level[] = [{ label: texts.capacity, at: node.capacity }];
  if (node.kubepodsLimit !== null && node.kubepodsLimit !== node.capacity) {
    list.push({ label: texts.kubepodsLimit, at: node.kubepodsLimit });
  }
  if (node.podsEvictedAbove !== null) list.push({ label: texts.podsEvicted, at: node.podsEvictedAbove });
  if (node.evictionHard !== null) list.push({ label: texts.nodeEvicted, at: node.capacity - node.evictionHard });
  return list;
}

const SCRAPES = [0, 15, 30, 60];
/** The choice of the eviction manager's figures instead of a scraper's. */
const KUBELET = -1;

/** A curve as someone sees it who looks now and then: it holds until the next look. */
function seen(run: Run, curve: number, values: (number | null)[], who: number, measure: "workingSet" | "usage"): (number | null)[] {
  if (who !== KUBELET) return scraped(run.series.at, values, who);
  const { passes, series } = run;
  // The kubelet looks at working sets, of the node and of each pod.
  const looked = curve === 0 ? passes.workingSet : curve === 1 || measure === "usage" ? undefined : passes.pods[curve - 2];
  if (!looked) return series.at.map(() => null);
  return series.at.map((at) => {
    const index = lastUpTo(passes.at, at);
    return index < 0 ? null : (looked[index] ?? null);
  });
}

/** Memory is counted in powers of two: ticks at 512Mi, 1Gi, 2Gi. */
const POWERS = Array.from({ length: 44 }, (_, n) => 2 ** n);

interface Props {
  run: Run;
  at: number;
  onSeek: (at: number) => void;
  /** For the ids of a page with several charts. */
  id?: string | undefined;
  title?: string | undefined;
  /** Whether moving over the curves is enough, or a click is needed. */
  follow?: boolean | undefined;
}

export function Chart({ run, at, onSeek, id = "memory", title = texts.memory, follow = true }: Props) {
  const now = useRef(at);
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<{ chart: uPlot; line: HTMLElement } | null>(null);
  const [measure, setMeasure] = useState<"workingSet" | "usage">("workingSet");
  const [scrape, setScrape] = useState(0);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [scheme, setScheme] = useState(dark());
  const [width, setWidth] = useState(0);
  const shown = useMemo(() => curves(run, measure), [run, measure]);
  const stops = useMemo(() => levels(run), [run]);

  useEffect(() => {
    const query = window.matchMedia("(prefers-color-scheme: dark)");
    const change = () => setScheme(query.matches);
    query.addEventListener("change", change);
    const observer = new ResizeObserver((entries) => setWidth(Math.floor(entries[0]?.contentRect.width ?? 0)));
    if (place.current) observer.observe(place.current);
    return () => {
      query.removeEventListener("change", change);
      observer.disconnect();
    };
  }, []);

  useEffect(() => {
    const host = place.current;
    if (!host || width === 0) return;
    const ink = getComputedStyle(host).color;
    const faint = getComputedStyle(host).getPropertyValue("--line").trim();
    const line = document.createElement("div");
    line.className = "now";
    const axis = { stroke: ink, grid: { stroke: faint, width: 1 }, ticks: { stroke: faint } };
    const stepped = uPlot.paths.stepped?.({ align: 1 });
    const drawn = shown.map((curve, n) => seen(run, n, curve.values, scrape, measure));
    // What it really was stands beside what was seen.
    const truth = scrape === 0 ? [] : shown.map((curve) => curve.values);
    const chart = new uPlot(
      {
        width,
        height: Math.max(240, Math.min(420, Math.round(width * 0.45))),
        scales: { x: { time: false }, y: { range: (_u, _min, max) => [0, Math.max(max, 1) * 1.05] } },
        legend: { show: false },
        cursor: { drag: { x: true, y: false } },
        axes: [
          { ...axis, values: (_u, ticks) => ticks.map((tick) => `${tick} s`) },
          { ...axis, size: 64, incrs: POWERS, values: (_u, ticks) => ticks.map(bytes) },
        ],
        series: [
          {},
          ...shown.map((curve, index) => ({
            label: curve.label,
            stroke: colour(index),
            dash: dash(index),
            width: index < 2 ? 2.5 : 1.5,
            show: !hidden.has(curve.label),
            paths: stepped,
            points: { show: false },
          })),
          ...truth.map((_, index) => ({
            stroke: colour(index),
            alpha: 0.45,
            width: 1,
            show: !hidden.has(shown[index]?.label ?? ""),
            paths: stepped,
            points: { show: false },
          })),
        ],
        hooks: {
          draw: [
            (u) => drawLevels(u, stops.filter((stop) => !hidden.has(stop.label)), ink),
            (u) => drawMarks(u, run, ink),
            (u) => placeNow(u, line, now.current),
          ],
          ready: [(u) => u.over.addEventListener("click", () => onSeek(u.posToVal(u.cursor.left ?? 0, "x"))), (u) => u.over.append(line)],
          setCursor: !follow ? [] : [
            (u) => {
              const point = u.cursor.idx;
              const time = point == null ? undefined : run.series.at[point];
              if (time !== undefined && (u.cursor.left ?? -1) >= 0) onSeek(time);
            },
          ],
        },
      },
      [run.series.at, ...drawn, ...truth],
      host,
    );
    plot.current = { chart, line };
    return () => {
      chart.destroy();
      plot.current = null;
    };
  }, [run, shown, stops, scrape, measure, hidden, scheme, width]);

  useEffect(() => {
    now.current = at;
    if (plot.current) placeNow(plot.current.chart, plot.current.line, at);
  }, [at]);

  const toggle = (label: string) => {
    const next = new Set(hidden);
    if (!next.delete(label)) next.add(label);
    setHidden(next);
  };
  const index = lastUpTo(run.series.at, at);
  return (
    <section aria-labelledby={`${id}-heading`}>
      <h2 id={`${id}-heading`}>{title}</h2>
      <div class="controls">
        <label>
          {texts.podsBy}{" "}
          <select value={measure} onChange={(e) => setMeasure(e.currentTarget.value as "workingSet" | "usage")}>
            <option value="workingSet">{texts.workingSet}</option>
            <option value="usage">{texts.usage}</option>
          </select>
        </label>
        <label>
          {texts.seen}{" "}
          <select value={scrape} onChange={(e) => setScrape(Number(e.currentTarget.value))}>
            {SCRAPES.map((s) => (
              <option value={s}>{s === 0 ? texts.asItIs : texts.byPrometheus(s)}</option>
            ))}
            {run.passes.at.length > 0 && <option value={KUBELET}>{texts.byKubelet}</option>}
          </select>
        </label>
        <button type="button" onClick={() => plot.current?.chart.setData(plot.current.chart.data, true)}>
          {texts.wholeRun}
        </button>
        <span class="hint">{texts.zoom}</span>
      </div>
      <div ref={place} class="chart" role="img" aria-label={texts.curves(run.node.name)} />
      <ul class="legend">
        {shown.map((curve, i) => (
          <li>
            <button type="button" aria-pressed={!hidden.has(curve.label)} onClick={() => toggle(curve.label)}>
              <svg width="24" height="8" aria-hidden="true">
                <line x1="0" y1="4" x2="24" y2="4" stroke={colour(i)} stroke-width="3" stroke-dasharray={dash(i).join(" ")} />
              </svg>
              {curve.label} <b>{value(curve.values[index])}</b>
            </button>
          </li>
        ))}
        {stops.map((stop) => (
          <li>
            <button type="button" aria-pressed={!hidden.has(stop.label)} onClick={() => toggle(stop.label)}>
              <svg width="24" height="8" aria-hidden="true">
                <line x1="0" y1="4" x2="24" y2="4" stroke="currentColor" stroke-width="1.5" stroke-dasharray="6 4" />
              </svg>
              {stop.label} <b>{bytes(stop.at)}</b>
            </button>
          </li>
        ))}
      </ul>
      {scrape !== 0 && <p class="hint">{texts.thinLines}</p>}
      <p class="hint">{texts.valuesAt(seconds(run.series.at[index] ?? at))}</p>
    </section>
  );
}

function value(at: number | null | undefined): string {
  return at == null ? "–" : bytes(at);
}

function drawLevels(u: uPlot, stops: readonly Level[], ink: string) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.fillStyle = ink;
  ctx.globalAlpha = 0.75;
  ctx.setLineDash([6, 4]);
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  const ratio = window.devicePixelRatio || 1;
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  let last = Infinity;
  for (const stop of [...stops].sort((a, b) => a.at - b.at)) {
    const y = u.valToPos(stop.at, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    // A label that would lie on the one below it stands a line higher.
    const base = Math.min(y - 3 * ratio, last - 13 * ratio);
    ctx.fillText(`${stop.label} ${bytes(stop.at)}`, bbox.left + 6 * ratio, base);
    last = base;
  }
  ctx.restore();
}

/** The instant that is shown: a line over the curves, so that they need not be drawn again when it moves. */
function placeNow(u: uPlot, line: HTMLElement, at: number) {
  const x = u.valToPos(at, "x");
  line.hidden = x < 0 || x > u.bbox.width / uPlot.pxRatio;
  line.style.transform = `translateX(${x - 1}px)`;
}

function drawMarks(u: uPlot, run: Run, ink: string) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.globalAlpha = 0.5;
  for (const death of run.deaths) {
    const x = u.valToPos(death.at, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
