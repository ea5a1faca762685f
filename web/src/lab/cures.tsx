import { useState } from "preact/hooks";
import type { Answer } from "./engine";
import type { Cure, Problem } from "./data";
import { texts } from "./texts";

interface Props {
  find: () => Promise<Answer<Cure[], Problem[]>>;
  onApply: (cure: Cure) => void;
}

/** The smallest changes that would have prevented something, each found and verified by running. */
export function Cures({ find, onApply }: Props) {
  const [cures, setCures] = useState<Cure[] | null>(null);
  const [searching, setSearching] = useState(false);
  const search = async () => {
    setSearching(true);
    const answer = await find();
    setSearching(false);
    setCures("ok" in answer ? answer.ok : []);
  };
  return (
    <div class="cures">
      {cures === null && (
        <button type="button" disabled={searching} onClick={() => void search()}>
          {texts.cures}
        </button>
      )}
      <p role="status">{searching ? texts.searching : cures?.length === 0 ? texts.noCures : ""}</p>
      {cures && cures.length > 0 && (
        <ol>
          {cures.map((cure) => (
            <li>
              <b>{cure.what}</b>{" "}
              <button type="button" onClick={() => onApply(cure)}>
                {texts.apply}
              </button>
              <br />
              {cure.effect}
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
