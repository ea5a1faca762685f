import { useState } from "preact/hooks";
import type { Problem } from "./data";
import type { Engine } from "./engine";
import { type Moment, placeOf } from "./lesson";
import type { Page } from "./lesson-data";
import { type LessonFile, lessons } from "./lessons";

/** The lesson that is open, and its moment on the stage. */
export function useLesson(engine: Engine, onMoment: (moment: Moment) => void) {
  const [file, setFile] = useState<LessonFile | null>(null);
  const [page, setPage] = useState<Page | null>(null);
  const [moment, setMoment] = useState<number | null>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const show = (part: Moment, place: number) => {
    setMoment(place);
    // Where the stage lies below the text, it comes into sight.
    if (file && matchMedia("(max-width: 72rem)").matches) document.querySelector(".bench")?.scrollIntoView();
    onMoment(part);
  };
  const open = (chapter: LessonFile, nth: number) => {
    void engine.lesson(chapter.path, chapter.text).then((answer) => {
      if ("error" in answer) return setProblems(answer.error);
      setProblems([]);
      setFile(chapter);
      setPage(answer.ok);
      const place = placeOf(answer.ok, nth);
      const part = place === null ? undefined : answer.ok.parts[place];
      if (place !== null && part?.kind === "moment") show(part, place);
    });
  };
  const choose = (path: string) => {
    const chapter = lessons.find((one) => one.path === path);
    history.replaceState(null, "", chapter ? `#lesson=${path}` : location.pathname + location.search);
    if (chapter) return open(chapter, 0);
    setFile(null);
    setPage(null);
    setMoment(null);
  };
  return { file, page, moment, problems, open, show, choose, leaveMoment: () => setMoment(null) };
}
