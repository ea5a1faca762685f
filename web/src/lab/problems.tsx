import type { Problem } from "./data";
import { texts } from "./texts";

/** What is wrong with a scenario. */
export function Problems({ problems }: { problems: readonly Problem[] }) {
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
