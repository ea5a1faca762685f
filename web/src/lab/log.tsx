import { useState } from "preact/hooks";
import type { Engine } from "./engine";
import { texts } from "./texts";

/** A pasted kernel log, explained by the engine in this page. */
export function Log({ engine }: { engine: Engine }) {
  const [log, setLog] = useState("");
  const [told, setTold] = useState("");
  const explain = async (text: string) => {
    const answer = await engine.log(text);
    setTold("ok" in answer ? answer.ok : answer.error);
  };
  const open = async (list: FileList | null) => {
    const text = await list?.[0]?.text();
    if (text === undefined) return;
    setLog(text);
    await explain(text);
  };
  return (
    <section aria-labelledby="log-heading">
      <h2 id="log-heading">{texts.log}</h2>
      <p class="hint">{texts.logHint}</p>
      <textarea class="log" rows={6} aria-labelledby="log-heading" spellcheck={false} value={log} onInput={(event) => setLog(event.currentTarget.value)} />
      <div class="controls">
        <button type="button" disabled={log.trim() === ""} onClick={() => void explain(log)}>
          {texts.explain}
        </button>
        <label>
          {texts.open} <input type="file" onChange={(event) => void open(event.currentTarget.files)} />
        </label>
      </div>
      <div role="status">{told !== "" && <pre tabIndex={0}>{told}</pre>}</div>
    </section>
  );
}
