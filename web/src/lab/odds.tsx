import type { Odds } from "./data";
import { texts } from "./texts";

/** In how many runs which end came first. */
export function OddsView({ odds, name }: { odds: Odds; name: string }) {
  return (
    <figure class="odds">
      <figcaption>
        {name}: {texts.oddsRuns(odds.runs)}
      </figcaption>
      <ul>
        {odds.outcomes.map((outcome) => (
          <li key={outcome.what}>
            <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
              <rect class="bar-back" width="100" height="6" />
              <rect class={`odds-${outcome.first}`} width={(outcome.count / Math.max(1, odds.runs)) * 100} height="6" />
            </svg>
            <span>
              <b>{((outcome.count / Math.max(1, odds.runs)) * 100).toFixed(0)} %</b> {outcome.what}
            </span>
          </li>
        ))}
      </ul>
    </figure>
  );
}
