import { texts } from "./texts";

/** The rules of the numbers nearby, on demand. */
export function Rules({ of }: { of: readonly (keyof typeof texts.rules)[] }) {
  return (
    <details class="rules">
      <summary>{texts.rulesOf}</summary>
      <dl>
        {of.map((name) => (
          <>
            <dt>{texts.rules[name][0]}</dt>
            <dd>{texts.rules[name][1]}</dd>
          </>
        ))}
      </dl>
    </details>
  );
}
