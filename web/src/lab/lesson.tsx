import type { Page, PagePart } from "./lesson-data";
import { besides } from "./lessons";
import { QuestionItem, useScore } from "./quiz";
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

/** One moment's questions, where the text around them is another page's. */
export function MomentQuestions({ page, place }: { page: Page; place: number }) {
  const [, answered] = useScore();
  return (
    <>
      {questionsOf(page, place).map((part) => (
        <QuestionItem key={part.question.text} question={part.question} onAnswer={answered} />
      ))}
    </>
  );
}

/** The place of a page's nth moment among its parts. */
export function placeOf(page: Page, nth: number): number | null {
  const places = page.parts.flatMap((part, place) => (part.kind === "moment" ? [place] : []));
  return places[nth] ?? null;
}

function questionsOf(page: Page, place: number) {
  const after = page.parts.slice(place + 1);
  const next = after.findIndex((part) => part.kind === "moment");
  const own = next < 0 ? after : after.slice(0, next);
  return own.flatMap((part) => (part.kind === "question" ? [part] : []));
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
