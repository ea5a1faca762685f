import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Deaths, Timeline, Whys } from "../app";
import { Chart } from "../chart";
import type { Instant, Run } from "../data";
import { Belief, Processes } from "./belief";
import { Changes, isChanged, unchanged } from "./change";
import { Cures } from "./cures";
import type { Odds, Opened, Problem, Variation } from "./data";
import { Editor } from "./editor";
import { Engine } from "./engine";
import { LessonView, type Moment, placeOf } from "./lesson";
import type { Page } from "./lesson-data";
import { isLesson, type LessonFile, lessonFile, lessonOfFragment, lessons } from "./lessons";
import { Log } from "./log";
import { OddsView } from "./odds";
import { Player } from "./player";
import { Quiz } from "./quiz";
import { Stage } from "./stage";
import { fromFragment, store, stored, toFragment } from "./storage";
import { files, groups, stories } from "./stories";
import { texts } from "./texts";

const NONE: Variation = { settings: [], tables: [], changes: [], seed: null, node: null };
const FIRST = "scenarios/oom4-allocatable-fast.toml";
const OWN = "scenarios/own.toml";
/** Runs for the odds: in pieces, so that the engine stays at hand. */
const ODDS = { runs: 200, piece: 20 };

interface Scenario {
  path: string;
  text: string;
}

export function Lab() {
  const engine = useMemo(() => new Engine(files), []);
  const [scenario, setScenario] = useState<Scenario | null>(null);
  const [draft, setDraft] = useState("");
  const [variation, setVariation] = useState<Variation>(NONE);
  const [first, setFirst] = useState<Opened | null>(null);
  const [second, setSecond] = useState<Opened | null>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [at, setAt] = useState(0);
  const [shown, setShown] = useState<{ first: Instant; second: Instant | null } | null>(null);
  const [lesson, setLesson] = useState<LessonFile | null>(null);
  const [page, setPage] = useState<Page | null>(null);
  /** The moment of the lesson that is shown, by its place. */
  const [moment, setMoment] = useState<number | null>(null);
  const embedded = useMemo(() => lessonOfFragment(location.hash)?.moment ?? null, []);
  /** Where a moment's course is to begin. */
  const begin = useRef<number | null>(null);
  const wanted = useRef<number | null>(null);
  const busy = useRef(false);
  const courses = useRef<{ first: Opened | null; second: Opened | null }>({ first: null, second: null });
  courses.current = { first, second };

  useEffect(() => {
    // A link brings its own scenario; `oomsim lab FILE` puts one into the page.
    const given = document.getElementById("scenario")?.textContent;
    const named = lessonOfFragment(location.hash);
    const chapter = named && lessons.find((one) => one.path === named.path);
    if (chapter) return learn(chapter, named.moment ?? 0);
    void fromFragment(location.hash).then((shared) => {
      const own = shared ?? (given ? (JSON.parse(given) as string) : null);
      const path = stored("story", FIRST);
      const story = stories.find((one) => one.path === path) ?? stories.find((one) => one.path === FIRST);
      if (own !== null) setScenario({ path: OWN, text: own });
      else if (story) setScenario({ path: story.path, text: story.text });
    });
  }, []);

  const showMoment = (part: Moment, place: number) => {
    const file = files.find((one) => one.path === part.scenario);
    if (!file) return;
    begin.current = part.at;
    setMoment(place);
    // Where the stage lies below the text, it comes into sight.
    if (lesson && matchMedia("(max-width: 72rem)").matches) document.querySelector(".bench")?.scrollIntoView();
    setVariation({ ...NONE, settings: part.settings, seed: part.seed });
    setScenario({ path: file.path, text: file.text });
  };

  /** Opens a lesson at one of its moments. */
  const learn = (chapter: LessonFile, nth: number) => {
    void engine.lesson(chapter.path, chapter.text).then((answer) => {
      if ("error" in answer) return setProblems(answer.error);
      setLesson(chapter);
      setPage(answer.ok);
      const place = placeOf(answer.ok, nth);
      const part = place === null ? undefined : answer.ok.parts[place];
      if (place !== null && part?.kind === "moment") showMoment(part, place);
    });
  };
  const chooseLesson = (path: string) => {
    const chapter = lessons.find((one) => one.path === path);
    history.replaceState(null, "", chapter ? `#lesson=${path}` : location.pathname + location.search);
    if (chapter) return learn(chapter, 0);
    setLesson(null);
    setPage(null);
    setMoment(null);
  };

  /** Shows an instant; while one is being computed, only the newest wish is kept. */
  const seek = useCallback(
    async (to: number) => {
      wanted.current = to;
      setAt(to);
      if (busy.current) return;
      busy.current = true;
      while (wanted.current !== null) {
        const { first, second } = courses.current;
        const target = wanted.current;
        wanted.current = null;
        if (!first) break;
        const [one, two] = await Promise.all([engine.seek(first.number, target), second ? engine.seek(second.number, target) : null]);
        if ("ok" in one) setShown({ first: one.ok, second: two && "ok" in two ? two.ok : null });
      }
      busy.current = false;
    },
    [engine],
  );

  // A new scenario or another change: both futures are run anew.
  useEffect(() => {
    if (!scenario) return;
    let stale = false;
    const changed = isChanged(variation);
    const plain = unchanged(variation);
    void (async () => {
      const one = await engine.open(scenario.path, scenario.text, plain);
      const two = changed ? await engine.open(scenario.path, scenario.text, variation) : null;
      if (stale) return;
      const errors = [one, two].flatMap((answer) => (answer && "error" in answer ? answer.error : []));
      setProblems(errors);
      if (!("ok" in one)) return;
      courses.current = { first: one.ok, second: two && "ok" in two ? two.ok : null };
      setFirst(courses.current.first);
      setSecond(courses.current.second);
      const start = begin.current ?? (changed ? at : Math.max(0, (one.ok.run.deaths[0]?.at ?? 0) * 0.75));
      begin.current = null;
      await seek(start);
    })();
    return () => {
      stale = true;
    };
  }, [scenario, variation]);

  const choose = (path: string) => {
    const story = stories.find((one) => one.path === path);
    if (!story) return;
    store("story", path);
    history.replaceState(null, "", location.pathname + location.search);
    setMoment(null);
    setVariation(NONE);
    setScenario({ path, text: story.text });
    setDraft(story.text);
  };
  useEffect(() => setDraft(scenario?.text ?? ""), [scenario]);

  const step = () => {
    if (!first) return;
    void engine.step(first.number).then((answer) => {
      if (!("ok" in answer) || !answer.ok) return;
      const instant = answer.ok;
      setAt(instant.at);
      setShown((before) => ({ first: instant, second: before?.second ?? null }));
    });
  };
  const runOwn = () => {
    setVariation(NONE);
    setScenario({ path: scenario?.path ?? OWN, text: draft });
  };
  if (problems.length > 0 && !scenario) return <Problems problems={problems} />;
  if (!scenario || (!first && problems.length === 0)) return <p role="status">{texts.running}</p>;
  return (
    <>
      {embedded === null && (
        <header class="top">
          <h1>{texts.title}</h1>
          <label>
            {texts.story}{" "}
            <select value={scenario.path} onChange={(event) => choose(event.currentTarget.value)}>
              {scenario.path === OWN && <option value={OWN}>{texts.own}</option>}
              {groups.map((group) => (
                <optgroup label={group}>
                  {stories
                    .filter((story) => story.group === group)
                    .map((story) => (
                      <option value={story.path}>{story.name}</option>
                    ))}
                </optgroup>
              ))}
            </select>
          </label>
          <label>
            {texts.lesson}{" "}
            <select value={lesson?.path ?? ""} onChange={(event) => chooseLesson(event.currentTarget.value)}>
              <option value="">{texts.noLesson}</option>
              {lesson && !lessons.includes(lesson) && <option value={lesson.path}>{lesson.title}</option>}
              {lessons.map((one) => (
                <option value={one.path}>{one.title}</option>
              ))}
            </select>
          </label>
        </header>
      )}
      <main class={page ? "with-lesson" : ""}>
        {lesson && page && embedded === null && (
          <LessonView path={lesson.path} page={page} current={moment} onMoment={showMoment} onLesson={chooseLesson} />
        )}
        <div class="bench">
          {first && <p class="description">{first.run.description}</p>}
          <Problems problems={problems} />
          {first && shown && (
            <>
              <Player run={first.run} at={at} onSeek={seek} onStep={step} />
              <Happens run={first.run} at={at} />
              <div class="panes">
                <div>
                  <Chart run={first.run} at={at} onSeek={seek} follow={false} title={second ? texts.first : undefined} />
                  {second && <Chart run={second.run} at={at} onSeek={seek} follow={false} id="memory-changed" title={texts.second} />}
                </div>
                <div>
                  <Stage instant={shown.first} />
                  {second && shown.second && <Stage instant={shown.second} id="stage-changed" title={texts.second} />}
                </div>
                <Belief run={first.run} instant={shown.first} />
                <Processes instant={shown.first} />
              </div>
              {embedded === null && (
                <>
                  <Changes instant={shown.first} variation={variation} onChange={setVariation} />
                  {second && <Futures first={first.run} second={second.run} />}
                  <OddsPart engine={engine} scenario={scenario} variation={variation} />
                  <Quiz ask={async () => answerOf(await engine.questions(first.number, at))} />
                  <Deaths run={first.run} onSeek={seek} />
                  <Whys
                    run={first.run}
                    onSeek={seek}
                    more={(place) => (
                      <Cures
                        key={`${first.number} ${place}`}
                        find={() => engine.cures(scenario.path, scenario.text, unchanged(variation), place)}
                        onApply={(cure) =>
                          setVariation({ ...variation, settings: [...variation.settings, ...cure.settings], tables: [...variation.tables, ...cure.tables] })
                        }
                      />
                    )}
                  />
                  <Timeline run={first.run} at={at} onSeek={seek} />
                </>
              )}
            </>
          )}
          {embedded === null && <Log engine={engine} />}
          {embedded === null && (
            <Text engine={engine} path={scenario.path} draft={draft} onDraft={setDraft} onRun={runOwn} written={second?.text ?? draft} onLesson={(file) => learn(file, 0)} />
          )}
        </div>
      </main>
    </>
  );
}

function answerOf<T>(answer: { ok: T[] } | { error: unknown }): T[] {
  return "ok" in answer ? answer.ok : [];
}

function Problems({ problems }: { problems: Problem[] }) {
  if (problems.length === 0) return null;
  return (
    <div class="problems" role="alert">
      <p class="bad">{texts.problem}</p>
      <ul>
        {problems.map((problem) => (
          <li>
            {problem.line > 0 && `${problem.file}:${problem.line}: `}
            {problem.message}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What happens at just this instant. */
function Happens({ run, at }: { run: Run; at: number }) {
  const lines = run.timeline.filter((line) => Math.abs(line.at - at) < 5e-10);
  return (
    <p class="happens" aria-live="polite">
      <b>{texts.happens}:</b> {lines.length === 0 ? texts.nothing : lines.map((line) => `${line.subject}: ${line.reason} ${line.message}`).join(" · ")}
    </p>
  );
}

function Futures({ first, second }: { first: Run; second: Run }) {
  const told = (run: Run) => run.deaths.map((death) => `${death.at} ${death.process} ${death.by}`).join();
  return (
    <section aria-labelledby="futures-heading">
      <h2 id="futures-heading">{texts.futures}</h2>
      {told(first) === told(second) && <p>{texts.same}</p>}
      <div class="panes">
        {[
          { run: first, name: texts.first },
          { run: second, name: texts.second },
        ].map(({ run, name }) => (
          <div>
            <h3>{name}</h3>
            <p>
              {run.oomKills} OOM kills, {run.evictions} evictions, {run.restarts} restarts
            </p>
            <ul>
              {run.deaths.slice(0, 12).map((death) => (
                <li>
                  {death.at.toFixed(3)} s: {death.process} of {death.of}, by {death.by}
                </li>
              ))}
              {run.deaths.length > 12 && <li>… {run.deaths.length - 12} more</li>}
            </ul>
          </div>
        ))}
      </div>
    </section>
  );
}

function OddsPart({ engine, scenario, variation }: { engine: Engine; scenario: Scenario; variation: Variation }) {
  const [first, setFirst] = useState<Odds | null>(null);
  const [second, setSecond] = useState<Odds | null>(null);
  const changed = isChanged(variation);
  const turn = useRef(0);
  useEffect(() => {
    turn.current += 1;
    setFirst(null);
    setSecond(null);
  }, [scenario, variation]);
  const count = async (how: Variation, show: (odds: Odds) => void) => {
    const mine = turn.current;
    let all: Odds = { runs: 0, outcomes: [] };
    for (let seed = 1; seed <= ODDS.runs && mine === turn.current; seed += ODDS.piece) {
      const answer = await engine.odds(scenario.path, scenario.text, how, seed, ODDS.piece);
      if (!("ok" in answer)) return;
      all = added(all, answer.ok);
      if (mine === turn.current) show(all);
    }
  };
  const start = async () => {
    await count(unchanged(variation), setFirst);
    if (changed) await count(variation, setSecond);
  };
  return (
    <section aria-labelledby="odds-heading">
      <h2 id="odds-heading">{texts.odds}</h2>
      <p class="hint">{texts.oddsHint}</p>
      <button type="button" onClick={() => void start()}>
        {texts.oddsRuns(ODDS.runs)}
      </button>
      <div class="panes">
        {first && <OddsView odds={first} name={texts.first} />}
        {second && <OddsView odds={second} name={texts.second} />}
      </div>
    </section>
  );
}

function added(all: Odds, more: Odds): Odds {
  const outcomes = all.outcomes.map((outcome) => ({ ...outcome }));
  for (const outcome of more.outcomes) {
    const known = outcomes.find((one) => one.what === outcome.what);
    if (known) known.count += outcome.count;
    else outcomes.push({ ...outcome });
  }
  outcomes.sort((a, b) => b.count - a.count);
  return { runs: all.runs + more.runs, outcomes };
}

interface TextProps {
  engine: Engine;
  path: string;
  draft: string;
  written: string;
  onDraft: (text: string) => void;
  onRun: () => void;
  onLesson: (file: LessonFile) => void;
}

function Text({ engine, path, draft, written, onDraft, onRun, onLesson }: TextProps) {
  const [said, setSaid] = useState("");
  const share = async () => {
    const fragment = await toFragment(written);
    history.replaceState(null, "", fragment);
    const copied = await navigator.clipboard?.writeText(location.href).then(
      () => true,
      () => false,
    );
    setSaid(copied ? texts.shared : texts.sharedHere);
  };
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([written], { type: "application/toml" }));
    link.download = path.split("/").pop() ?? "scenario.toml";
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const open = async (list: FileList | null) => {
    for (const file of list ?? []) {
      const text = await file.text();
      if (file.name.endsWith(".md") && isLesson(text)) onLesson(lessonFile(`docs/learn/${file.name}`, text));
      else if (file.name.endsWith(".toml")) onDraft(text);
      // Manifests and kubelet configurations lie beside the scenario, which names them.
      else await engine.addFile(`scenarios/${file.name}`, text);
    }
  };
  return (
    <section aria-labelledby="editor-heading">
      <h2 id="editor-heading">{texts.editor}</h2>
      <div class="controls">
        <button type="button" onClick={onRun}>
          {texts.run}
        </button>
        <button type="button" onClick={() => void share()}>
          {texts.share}
        </button>
        <button type="button" onClick={save}>
          {texts.save}
        </button>
        <label>
          {texts.open} <input type="file" multiple onChange={(event) => void open(event.currentTarget.files)} />
        </label>
        <span role="status">{said}</span>
      </div>
      <Editor text={draft} label={texts.editor} check={async (text) => answerOf(await engine.check(path, text))} schema={() => engine.schema()} onChange={onDraft} />
    </section>
  );
}
