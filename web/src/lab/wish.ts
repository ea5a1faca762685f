// What a learner changes, as a scenario states it: settings from the start, and tables such as an `[[at]]`.
import type { Cgroup } from "../data";
import { bytes, seconds } from "../format";
import type { Cure, Variation } from "./data";
import { texts } from "./texts";

export interface Wish {
  /** A wish with the same key takes its place. */
  key: string;
  said: string;
  settings: string[];
  tables: string[];
  /** Where its handle stands. */
  value?: number;
}

const MIB = 1 << 20;

/** An amount as a scenario states it. */
export const amount = (value: number): string => `${Math.max(1, Math.round(value / MIB))}Mi`;

const text = (value: string): string => JSON.stringify(value);

/** An `[[at]]` of this instant with these keys. */
const at = (instant: number, keys: readonly (readonly [string, string])[]): string[] => [
  ["[[at]]", `time = "${Math.round(instant * 1e9)}ns"`, ...keys.map(([key, value]) => `${key} = ${value}`), ""].join("\n"),
];

/** The wishes with one more; one with the same key is replaced. */
export const withWish = (wishes: readonly Wish[], wish: Wish): Wish[] => [...wishes.filter((one) => one.key !== wish.key), wish];

export const variationOf = (wishes: readonly Wish[], seed: number | null): Variation => ({
  settings: wishes.flatMap((wish) => wish.settings),
  tables: wishes.flatMap((wish) => wish.tables),
  seed,
  node: null,
});

/** What happens at an instant. */
function happening(instant: number, said: string, keys: readonly (readonly [string, string])[], key = `${said} ${instant}`): Wish {
  return { key, said: `${seconds(instant)}: ${said}`, settings: [], tables: at(instant, keys) };
}

/** What holds from the start. */
export function setting(of: string, value?: number): Wish {
  const wish = { key: of.split("=")[0] ?? of, said: `${texts.fromStart}: ${of}`, settings: [of], tables: [] };
  return value === undefined ? wish : { ...wish, value };
}

export const limit = (cgroup: string, given: string, instant: number): Wish =>
  happening(instant, `${cgroup}: ${texts.limit} ${given}`, [["cgroup", text(cgroup)], ["limit", text(given)]]);

/** A limit that is being dragged: each place of the handle takes that of the last one. */
export function draggedLimit(cgroup: Cgroup, value: number, instant: number): Wish {
  const given = amount(value);
  return { ...limit(cgroup.path, given, instant), key: `limit ${cgroup.path}`, said: `${seconds(instant)}: ${cgroup.name}: ${texts.limit} ${bytes(value)}`, value };
}

export const evictionHard = (value: number): Wish => setting(`kubelet.evictionHard.memory.available=${amount(value)}`, value);
/** The first check begins at this many seconds. */
export const phase = (value: number): Wish => setting(`kubelet.firstPass=${Math.round(value * 1000)}ms`, value);

export const resize = (container: string, given: string, instant: number): Wish => {
  const parts = container.split("/");
  const name = parts.pop() ?? "";
  const keys = [["pod", text(parts.join("/"))], ["container", text(name)], ["resources", `{ limits = { memory = ${text(given)} } }`]] as const;
  return happening(instant, `kubectl patch pod ${parts.join("/")} --subresource resize: ${name}: ${texts.limit} ${given}`, keys);
};

export const kubeletRestart = (assignment: string, instant: number): Wish =>
  happening(instant, `${texts.kubeletWith} ${assignment}`, [["kubelet", `{ ${assignment} }`]]);

/** The process grows by this much each second; in tenths, as most programs grow in small pieces. */
export function growth(process: string, perSecond: number, instant: number): Wish {
  const block = Math.max(1, Math.round(perSecond / MIB / 10));
  const said = `${process}: ${texts.grows(`${block * 10}Mi`)}`;
  const keys = [["process", text(process)], ["workload.leak", `{ block = "${block}Mi", every = "100ms" }`]] as const;
  return { ...happening(instant, said, keys, `growth ${process}`), value: perSecond };
}

export const kill = (process: string, instant: number): Wish =>
  happening(instant, `kill -9 ${process}`, [["signal", '"SIGKILL"'], ["process", text(process)]]);
export const deletePod = (pod: string, instant: number): Wish =>
  happening(instant, `kubectl delete pod ${pod}`, [["deletePod", text(pod)]]);
export const scale = (pod: string, replicas: string, instant: number): Wish =>
  happening(instant, `kubectl scale ${pod} --replicas=${replicas}`, [["scale", text(pod)], ["replicas", replicas]]);
export const sysctl = (name: string, value: string, instant: number): Wish =>
  happening(instant, `sysctl ${name}=${value}`, [["sysctl", `{ ${text(name)} = ${value} }`]]);

export const applied = (cure: Cure): Wish => ({ key: cure.what, said: cure.what, settings: cure.settings, tables: cure.tables });

/** A file that was dropped into the page: a kubelet's configuration, or a pod. */
export const kubeletFile = (name: string): Wish => setting(`kubelet.config=${text(name)}`);
export const manifestFile = (name: string): Wish => ({ key: `pod ${name}`, said: `${texts.fromStart}: ${name}`, settings: [], tables: [`[[pod]]\nmanifest = ${text(name)}\n`] });
