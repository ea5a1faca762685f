// What is open in the engine: the scenario as it is, and with the learner's wishes.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Instant } from "../data";
import type { Opened, Problem } from "./data";
import type { Engine } from "./engine";
import { newest } from "./newest";
import { variationOf, type Wish } from "./wish";

export interface Scenario {
  path: string;
  text: string;
  seed: number | null;
  /** The instant that is shown first, if one is wanted. */
  begin: number | null;
}

interface Courses {
  scenario: Scenario | null;
  first: Opened | null;
  second: Opened | null;
  problems: Problem[];
}

const NOTHING: Courses = { scenario: null, first: null, second: null, problems: [] };

/** Both futures of a scenario; while the learner drags, only the newest wishes are run. */
export function useCourses(engine: Engine, scenario: Scenario | null, wishes: readonly Wish[]): Courses {
  const [courses, setCourses] = useState(NOTHING);
  const held = useRef(NOTHING);
  const open = useMemo(
    () =>
      newest(async (wish: { scenario: Scenario; wishes: readonly Wish[] }) => {
        const { path, text, seed } = wish.scenario;
        const before = held.current;
        const known = before.scenario === wish.scenario ? before.first : null;
        const one = known ? { ok: known } : await engine.open(path, text, variationOf([], seed));
        const two = "ok" in one && wish.wishes.length > 0 ? await engine.open(path, text, variationOf(wish.wishes, seed)) : null;
        const problems = [one, two].flatMap((answer) => (answer && "error" in answer ? answer.error : []));
        // What cannot be run leaves the last that could on the stage.
        if (!("ok" in one)) return setCourses({ ...before, problems });
        const second = two === null ? null : "ok" in two ? two.ok : before.second;
        held.current = { scenario: wish.scenario, first: one.ok, second, problems };
        const kept = [one.ok.number, second?.number];
        for (const old of [before.first, before.second]) if (old && !kept.includes(old.number)) engine.close(old.number);
        setCourses(held.current);
      }),
    [engine],
  );
  useEffect(() => {
    if (scenario) open({ scenario, wishes });
  }, [scenario, wishes, open]);
  return courses;
}

interface Shown {
  at: number;
  first: Instant | null;
  second: Instant | null;
  seek: (at: number) => void;
  step: () => void;
}

/** The instant that is shown of both futures. */
export function useInstant(engine: Engine, { first, second, scenario }: Courses): Shown {
  const [at, setAt] = useState(0);
  const [shown, setShown] = useState<{ first: Instant | null; second: Instant | null }>({ first: null, second: null });
  const courses = useRef({ first, second });
  courses.current = { first, second };
  const show = useMemo(
    () =>
      newest(async (to: number) => {
        const { first, second } = courses.current;
        if (!first) return;
        const [one, two] = await Promise.all([engine.seek(first.number, to), second ? engine.seek(second.number, to) : null]);
        if ("ok" in one) setShown({ first: one.ok, second: two && "ok" in two ? two.ok : null });
      }),
    [engine],
  );
  const seek = useCallback(
    (to: number) => {
      setAt(to);
      show(to);
    },
    [show],
  );
  useEffect(() => {
    // A new scenario begins where things get interesting.
    if (first) seek(scenario?.begin ?? (first.run.deaths[0]?.at ?? 0) * 0.75);
  }, [first]);
  useEffect(() => show(at), [second]);
  const step = () => {
    if (!first) return;
    void engine.step(first.number).then(async (answer) => {
      if (!("ok" in answer) || !answer.ok) return;
      const two = second ? await engine.seek(second.number, answer.ok.at) : null;
      setAt(answer.ok.at);
      setShown({ first: answer.ok, second: two && "ok" in two ? two.ok : null });
    });
  };
  return { at, ...shown, seek, step };
}
