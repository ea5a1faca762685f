import { useState } from "preact/hooks";
import type { Question } from "./lesson-data";
import { stored, store } from "./storage";
import { texts } from "./texts";

interface Score {
  right: number;
  all: number;
}

/** How many answers were right, kept in this browser. */
export function useScore(): [Score, (right: boolean) => void] {
  const [score, setScore] = useState<Score>(stored("score", { right: 0, all: 0 }));
  const answered = (right: boolean) => {
    const before = stored("score", score);
    const next = { right: before.right + (right ? 1 : 0), all: before.all + 1 };
    setScore(next);
    store("score", next);
  };
  return [score, answered];
}

/** Questions about what comes next; the run itself has the answers. */
export function Quiz({ ask }: { ask: () => Promise<Question[]> }) {
  const [questions, setQuestions] = useState<Question[]>([]);
  const [score, answered] = useScore();
  return (
    <section aria-labelledby="quiz-heading">
      <h2 id="quiz-heading">{texts.questions}</h2>
      <div class="controls">
        <button type="button" onClick={() => void ask().then(setQuestions)}>
          {texts.ask}
        </button>
        {score.all > 0 && <span>{texts.score(score.right, score.all)}</span>}
      </div>
      {questions.map((question, index) => (
        <QuestionItem key={`${question.text}${question.explanation}${index}`} question={question} onAnswer={answered} />
      ))}
    </section>
  );
}

/** A question with its options; each can be answered once. */
export function QuestionItem({ question, onAnswer }: { question: Question; onAnswer: (right: boolean) => void }) {
  const [given, setGiven] = useState<number | null>(null);
  const right = question.options[question.answer] ?? "";
  return (
    <fieldset class="question">
      <legend>{question.text}</legend>
      <div class="controls">
        {question.options.map((option, index) => (
          <button
            type="button"
            disabled={given !== null}
            class={given === null ? "" : index === question.answer ? "good" : index === given ? "bad" : ""}
            onClick={() => {
              setGiven(index);
              onAnswer(index === question.answer);
            }}
          >
            {option}
          </button>
        ))}
      </div>
      {question.hint !== "" && (
        <details>
          <summary>{texts.hint}</summary>
          <p>{question.hint}</p>
        </details>
      )}
      <p role="status">
        {given !== null && (
          <>
            <b class={given === question.answer ? "good" : "bad"}>{given === question.answer ? texts.right : texts.wrong(right)}</b> {question.explanation}
          </>
        )}
      </p>
    </fieldset>
  );
}
