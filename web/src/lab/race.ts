// The race over all phases of the kubelet's check, run in a worker of its own: it must not wait, nor make others wait.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Scenario } from "./courses";
import type { Piece, Race } from "./data";
import type { Engine } from "./engine";
import { newest } from "./newest";
import { variationOf, type Wish } from "./wish";

/** Places over a period, and the order in which they are run: coarse first, then those in between. */
export const PLACES = 128;
const LEVELS = [{ first: 0, step: 8 }, { first: 4, step: 8 }, { first: 2, step: 4 }, { first: 1, step: 2 }] as const;

/** The race with these wishes; it becomes finer while nothing else is wished. */
export function useRace(engine: Engine, scenario: Scenario | null, wishes: readonly Wish[] | null): Race | null {
  const [race, setRace] = useState<Race | null>(null);
  const run = useMemo(
    () =>
      newest(async (wish: { scenario: Scenario; wishes: readonly Wish[] }, stale) => {
        const how = variationOf(wish.wishes.filter((one) => one.key !== "kubelet.firstPass"), wish.scenario.seed);
        let pieces: Piece[] = [];
        for (const { first, step } of LEVELS) {
          if (stale()) return;
          const answer = await engine.race(wish.scenario.path, wish.scenario.text, how, first, step, PLACES);
          if (!("ok" in answer)) return setRace(null);
          pieces = [...pieces, ...answer.ok.pieces].sort((a, b) => a.place - b.place);
          setRace({ period: answer.ok.period, pieces });
        }
      }),
    [engine],
  );
  useEffect(() => {
    if (scenario && wishes) run({ scenario, wishes });
    else setRace(null);
  }, [scenario, wishes, run]);
  return race;
}
