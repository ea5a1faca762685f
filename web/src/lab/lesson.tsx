import { useEffect, useState } from "preact/hooks";
import { Engine } from "./engine";
import type { Page, PagePart, Question } from "./lesson-data";
import { besides, type LessonFile } from "./lessons";
import { QuestionItem, useScore } from "./quiz";
import { files } from "./stories";
import { texts } from "./texts";

export type Moment = Extract<PagePart, { kind: "moment" }>;

interface Props {
  path: string;
  page: Page;
  /** The moment that is on the stage, by its place among the parts. */
  current: number | null;
  onMoment: (moment: Moment, place: number) => void;
  onLesson: (path: string) => void;
}

/** A lesson: its text, its moments, its questions. */
export function LessonView({ path, page, current, onMoment, onLesson }: Props) {
  const [score, answered] = useScore();
  const follow = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest("a")?.getAttribute("href") : null;
    if (!link || /^https?:/i.test(link)) return;
    event.preventDefault();
    onLesson(besides(path, link));
  };
  return (
    <article class="lesson" aria-label={page.title} onClick={follow}>
      {score.all > 0 && <p class="hint">{texts.score(score.right, score.all)}</p>}
      {page.parts.map((part, place) => (
        <Part key={`${path} ${place}`} part={part} current={current === place} onMoment={(moment) => onMoment(moment, place)} onAnswer={answered} />
      ))}
    </article>
  );
}

/** One question of a lesson by itself, where the text around it is another page's. */
export function OneQuestion({ lesson, nth }: { lesson: LessonFile; nth: number }) {
  const [question, setQuestion] = useState<Question | null>(null);
  const [, answered] = useScore();
  useEffect(() => {
    void new Engine(files).lesson(lesson.path, lesson.text).then((answer) => {
      const questions = "ok" in answer ? answer.ok.parts.flatMap((part) => (part.kind === "question" ? [part.question] : [])) : [];
      setQuestion(questions[nth] ?? null);
    });
  }, []);
  return <main>{question ? <QuestionItem question={question} onAnswer={answered} /> : <p role="status">{texts.running}</p>}</main>;
}

/** The place of a page's nth moment among its parts. */
export function placeOf(page: Page, nth: number): number | null {
  const places = page.parts.flatMap((part, place) => (part.kind === "moment" ? [place] : []));
  return places[nth] ?? null;
}

interface PartProps {
  part: PagePart;
  current: boolean;
  onMoment: (moment: Moment) => void;
  onAnswer: (right: boolean) => void;
}

function Part({ part, current, onMoment, onAnswer }: PartProps) {
  switch (part.kind) {
    case "prose":
      // The engine makes this HTML, and lets nothing through that acts.
      return <div dangerouslySetInnerHTML={{ __html: part.html }} />;
    case "moment":
      return (
        <p>
          <button type="button" class="moment" aria-pressed={current} onClick={() => onMoment(part)}>
            {texts.moment(part.at.toFixed(1), name(part.scenario), part.settings.join(", "))}
          </button>
        </p>
      );
    case "question":
      return <QuestionItem question={part.question} onAnswer={onAnswer} />;
  }
}

const name = (path: string) => path.replace(/^.*\/|\.toml$/g, "");
