import { useState } from "preact/hooks";
import type { Instant } from "../data";
import { bytes, seconds } from "../format";
import { texts } from "./texts";
import * as wish from "./wish";
import type { Wish } from "./wish";

/** Settings that people turn first; any other key of the scenario can be written, too. */
const SETTINGS = [
  'kubelet.evictionHard={ "memory.available" = "1Gi" }',
  'kubelet.kubeReserved={ memory = "2Gi" }',
  'kubelet.systemReserved={ memory = "1Gi" }',
  'kubelet.version="1.37"',
  'kernel.version="6.12"',
  'kernel.cgroup="v2"',
  'node.memory="16Gi"',
];
const SYSCTLS = ["vm.overcommit_memory", "vm.overcommit_ratio", "vm.swappiness", "vm.min_free_kbytes"];

/** A kind of change: at what, with which value. */
interface Kind {
  name: string;
  targets: (instant: Instant) => string[];
  /** A value to begin with; null: it has none. */
  value: string | null;
  /** Values to choose from. */
  offered?: readonly string[];
  fromStart?: boolean;
  wish: (target: string, value: string, at: number) => Wish;
}

const pods = (instant: Instant) => (instant.kubelet?.pods ?? []).map((pod) => pod.pod);
const processes = (instant: Instant) => [...new Set(instant.processes.map((process) => process.comm))];
const containers = (instant: Instant) => [...new Set(instant.processes.map((process) => process.of).filter((of) => !of.startsWith("host/")))];
const cgroups = (instant: Instant) => instant.cgroups.filter((cgroup) => cgroup.of !== "node").map((cgroup) => cgroup.path);
const none = () => [];

const KINDS: Record<string, Kind> = {
  limit: { name: texts.limitOf, targets: cgroups, value: "512Mi", wish: wish.limit },
  resize: { name: texts.resize, targets: containers, value: "512Mi", wish: wish.resize },
  growth: { name: texts.growth, targets: processes, value: null, wish: (target, value, at) => wish.growth(target, Number(value), at) },
  setting: { name: texts.setting, targets: none, value: SETTINGS[0] ?? "", offered: SETTINGS, fromStart: true, wish: (_, value) => wish.setting(value) },
  kubelet: { name: texts.kubeletRestart, targets: none, value: 'evictionHard = { "memory.available" = "1Gi" }', wish: (_, value, at) => wish.kubeletRestart(value, at) },
  kill: { name: texts.kill, targets: processes, value: null, wish: (target, _, at) => wish.kill(target, at) },
  deletePod: { name: texts.deletePod, targets: pods, value: null, wish: (target, _, at) => wish.deletePod(target, at) },
  scale: { name: texts.scale, targets: pods, value: "3", wish: wish.scale },
  sysctl: { name: texts.sysctl, targets: () => SYSCTLS, value: "2", wish: wish.sysctl },
};

interface Props {
  instant: Instant;
  wishes: readonly Wish[];
  onWish: (wish: Wish) => void;
  onTake: (wishes: Wish[]) => void;
}

/** Changes at the instant that is shown, or of a setting from the start. */
export function Changes({ instant, wishes, onWish, onTake }: Props) {
  const [chosen, setChosen] = useState("limit");
  const [target, setTarget] = useState("");
  const [value, setValue] = useState("");
  const kind = KINDS[chosen] as Kind;
  const targets = kind.targets(instant);
  const on = targets.includes(target) ? target : (targets[0] ?? "");
  const given = value || (kind.value ?? "");
  return (
    <section aria-labelledby="change-heading">
      <h2 id="change-heading">{texts.change}</h2>
      <p class="hint">{texts.changeHint}</p>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          if (chosen !== "growth") onWish(kind.wish(on, given, instant.at));
        }}
      >
        <label>
          {texts.what}{" "}
          <select
            value={chosen}
            onChange={(event) => {
              setChosen(event.currentTarget.value);
              setValue("");
            }}
          >
            {Object.entries(KINDS).map(([key, { name }]) => (
              <option value={key}>{name}</option>
            ))}
          </select>
        </label>
        {targets.length > 0 && (
          <select aria-label={kind.name} value={on} onChange={(event) => setTarget(event.currentTarget.value)}>
            {targets.map((name) => (
              <option value={name}>{name}</option>
            ))}
          </select>
        )}
        {kind.value !== null && (
          <label class="wide">
            {texts.value} <input list="offered" value={given} onInput={(event) => setValue(event.currentTarget.value)} />
          </label>
        )}
        <datalist id="offered">{kind.offered?.map((one) => <option value={one} />)}</datalist>
        {chosen === "growth" ? (
          <Rate of={on} onTurn={(rate) => onWish(wish.growth(on, rate, instant.at))} />
        ) : (
          <button type="submit">
            {texts.doIt} ({kind.fromStart ? texts.fromStart : seconds(instant.at)})
          </button>
        )}
      </form>
      <Given wishes={wishes} onTake={onTake} />
    </section>
  );
}

/** Growth per second: from 1 MiB to 4 GiB, each step an eighth of a doubling. */
function Rate({ of, onTurn }: { of: string; onTurn: (perSecond: number) => void }) {
  const [place, setPlace] = useState(48);
  const rate = (at: number) => 2 ** (20 + at / 8);
  const said = texts.grows(bytes(rate(place)));
  return (
    <label class="wide">
      {said}
      <input
        type="range"
        min={0}
        max={96}
        value={place}
        aria-label={`${of}: ${texts.growth}`}
        aria-valuetext={said}
        onInput={(event) => {
          setPlace(Number(event.currentTarget.value));
          onTurn(rate(Number(event.currentTarget.value)));
        }}
      />
    </label>
  );
}

function Given({ wishes, onTake }: { wishes: readonly Wish[]; onTake: (wishes: Wish[]) => void }) {
  if (wishes.length === 0) return null;
  return (
    <>
      <ul class="given">
        {wishes.map((one) => (
          <li>
            {one.said}{" "}
            <button type="button" aria-label={`${texts.undoOne}: ${one.said}`} onClick={() => onTake(wishes.filter((other) => other !== one))}>
              {texts.undoOne}
            </button>
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => onTake([])}>
        {texts.undo}
      </button>
    </>
  );
}
