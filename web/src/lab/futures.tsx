import type { Run } from "../data";
import { seconds } from "../format";
import { texts } from "./texts";

/** Both futures beside each other: who dies, when, and by whose hand. */
export function Futures({ first, second }: { first: Run; second: Run }) {
  const told = (run: Run) => run.deaths.map((death) => `${death.at} ${death.process} ${death.by}`).join();
  return (
    <section aria-labelledby="futures-heading">
      <h2 id="futures-heading">{texts.futures}</h2>
      {told(first) === told(second) && <p>{texts.same}</p>}
      <div class="panes">
        <Future run={first} name={texts.first} />
        <Future run={second} name={texts.second} />
      </div>
    </section>
  );
}

/** Deaths that are listed. */
const MOST = 12;

function Future({ run, name }: { run: Run; name: string }) {
  return (
    <div>
      <h3>{name}</h3>
      <p>{texts.counts(run.oomKills, run.evictions, run.restarts)}</p>
      <ul>
        {run.deaths.slice(0, MOST).map((death) => (
          <li>{texts.death(seconds(death.at), death.process, death.of, death.by)}</li>
        ))}
        {run.deaths.length > MOST && <li>{texts.moreDeaths(run.deaths.length - MOST)}</li>}
      </ul>
    </div>
  );
}
