import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { Deaths, Timeline, Whys } from "../app";
import { begin, OWN } from "./begin";
import { Changes } from "./change";
import { type Scenario, useCourses, useInstant } from "./courses";
import { Cures } from "./cures";
import type { Opened } from "./data";
import { Engine } from "./engine";
import { Futures } from "./futures";
import { LessonView } from "./lesson";
import { useLesson } from "./lesson-state";
import { type LessonFile, lessonOfFragment } from "./lessons";
import { Log } from "./log";
import { Happens, Panes } from "./panes";
import { Player } from "./player";
import { Problems } from "./problems";
import { Quiz } from "./quiz";
import { useRace } from "./race";
import { Source } from "./source";
import { store } from "./storage";
import { files, stories } from "./stories";
import { Textures } from "./textures";
import { texts } from "./texts";
import { Top } from "./top";
import { applied, setting, variationOf, type Wish, withWish } from "./wish";

const NONE: Wish[] = [];

export function Lab() {
  const engine = useMemo(() => new Engine(files), []);
  const [scenario, setScenario] = useState<Scenario | null>(null);
  const [wishes, setWishes] = useState<Wish[]>(NONE);
  const [draft, setDraft] = useState("");
  // A moment inside of another page shows only itself.
  const embedded = useMemo(() => (lessonOfFragment(location.hash)?.moment ?? null) !== null, []);
  const other = useMemo(() => (embedded ? engine : engine.other()), [engine, embedded]);
  const courses = useCourses(engine, scenario, wishes);
  const instant = useInstant(engine, courses);
  const race = useRace(other, embedded || !courses.first ? null : scenario, NONE);
  const changedRace = useRace(other, embedded ? null : scenario, wishes.length > 0 ? wishes : null);
  const play = (path: string, text: string, more: { begin?: number; seed?: number | null; wishes?: Wish[] } = {}) => {
    setWishes(more.wishes ?? NONE);
    setDraft(text);
    setScenario({ path, text, seed: more.seed ?? null, begin: more.begin ?? null });
  };
  const lesson = useLesson(engine, (moment) => {
    const file = files.find((one) => one.path === moment.scenario);
    if (file) play(file.path, file.text, { begin: moment.at, seed: moment.seed, wishes: moment.settings.map((of) => setting(of)) });
  });
  useEffect(() => void begin(lesson.open, play), []);
  const choose = (path: string) => {
    const story = stories.find((one) => one.path === path);
    if (!story) return;
    store("story", path);
    history.replaceState(null, "", location.pathname + location.search);
    lesson.leaveMoment();
    play(path, story.text);
  };
  const wish = useCallback((one: Wish) => setWishes((before) => withWish(before, one)), []);
  const { first, second } = courses;
  const problems = [...lesson.problems, ...courses.problems];
  if (problems.length > 0 && !first) return <Problems problems={problems} />;
  if (!scenario || !first) return <p role="status">{texts.running}</p>;
  const { at, seek } = instant;
  const shared = { engine, scenario, first, second, at, onSeek: seek, onWish: wish };
  return (
    <>
      <Textures />
      {!embedded && <Top story={scenario.path} lesson={lesson.file} onStory={choose} onLesson={lesson.choose} />}
      <main class={lesson.page && !embedded ? "with-lesson" : ""}>
        {lesson.file && lesson.page && !embedded && (
          <LessonView path={lesson.file.path} page={lesson.page} current={lesson.moment} onMoment={lesson.show} onLesson={lesson.choose} />
        )}
        <div class="bench">
          <p class="description">{first.run.description}</p>
          <Problems problems={problems} />
          <Player run={first.run} at={at} onSeek={seek} onStep={instant.step} />
          <Happens run={first.run} at={at} />
          {instant.first && (
            <Panes
              {...{ first, second, at }}
              instants={{ first: instant.first, second: instant.second }}
              onSeek={seek}
              turn={embedded ? null : { wishes, onWish: wish, race, changedRace }}
            />
          )}
          {!embedded && (
            <>
              {instant.first && <Changes instant={instant.first} wishes={wishes} onWish={wish} onTake={setWishes} />}
              <Questions {...shared} />
              <Log engine={engine} />
              <Text {...shared} draft={draft} onDraft={setDraft} onRun={(text) => play(OWN, text)} onLesson={(file) => lesson.open(file, 0)} />
            </>
          )}
        </div>
      </main>
    </>
  );
}

interface Shared {
  engine: Engine;
  scenario: Scenario;
  first: Opened;
  second: Opened | null;
  at: number;
  onSeek: (at: number) => void;
  onWish: (wish: Wish) => void;
}

/** What is asked of the run, and what it asks. */
function Questions({ engine, scenario, first, second, at, onSeek, onWish }: Shared) {
  const ask = async () => {
    const answer = await engine.questions(first.number, at);
    return "ok" in answer ? answer.ok : [];
  };
  const cures = (place: number) => (
    <Cures
      key={`${first.number} ${place}`}
      find={() => engine.cures(scenario.path, scenario.text, variationOf([], scenario.seed), place)}
      onApply={(cure) => onWish(applied(cure))}
    />
  );
  const told = useMemo(
    () => (
      <>
        <Deaths run={first.run} onSeek={onSeek} />
        <Whys run={first.run} onSeek={onSeek} more={cures} />
      </>
    ),
    [first, onSeek, scenario],
  );
  return (
    <>
      {second && <Futures first={first.run} second={second.run} />}
      <Quiz ask={ask} />
      {told}
      <Timeline run={first.run} at={at} onSeek={onSeek} />
    </>
  );
}

interface TextProps extends Shared {
  draft: string;
  onDraft: (text: string) => void;
  onRun: (text: string) => void;
  onLesson: (file: LessonFile) => void;
}

/** The scenario itself; with changes, what is shared and saved has them. */
function Text({ engine, scenario, second, draft, onDraft, onRun, onLesson, onWish }: TextProps) {
  return <Source {...{ engine, draft, onDraft, onRun, onLesson, onWish }} path={scenario.path} written={second?.text ?? draft} />;
}
