import { useState } from "preact/hooks";
import type { Instant } from "../data";
import { seconds } from "../format";
import type { Variation, WishedChange } from "./data";
import { texts } from "./texts";

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

/** The same seed and node, with nothing changed. */
export const unchanged = (variation: Variation): Variation => ({ ...variation, settings: [], tables: [], changes: [] });

export const isChanged = (variation: Variation): boolean =>
  variation.settings.length + variation.tables.length + variation.changes.length > 0;

type Kind = "setting" | WishedChange["kind"];

interface Props {
  instant: Instant;
  variation: Variation;
  onChange: (variation: Variation) => void;
}

/** Changes at the instant that is shown, or of a setting from the start. */
export function Changes({ instant, variation, onChange }: Props) {
  const [kind, setKind] = useState<Kind>("limit");
  const [target, setTarget] = useState("");
  const [value, setValue] = useState("");
  const targets = targetsOf(kind, instant);
  const chosen = targets.includes(target) ? target : (targets[0] ?? "");
  const given = value || defaultOf(kind);
  const apply = () => {
    if (kind === "setting") onChange({ ...variation, settings: [...variation.settings, given] });
    else onChange({ ...variation, changes: [...variation.changes, { at: instant.at, change: changeOf(kind, chosen, given) }] });
  };
  const list = [
    ...variation.settings.map((setting) => `${texts.fromStart}: ${setting}`),
    ...variation.tables.map((table) => table.trim().replaceAll("\n", "; ")),
    ...variation.changes.map(({ at, change }) => `${seconds(at)}: ${described(change)}`),
  ];
  return (
    <section aria-labelledby="change-heading">
      <h2 id="change-heading">{texts.change}</h2>
      <p class="hint">{texts.changeHint}</p>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          apply();
        }}
      >
        <label>
          {texts.what}{" "}
          <select
            value={kind}
            onChange={(event) => {
              setKind(event.currentTarget.value as Kind);
              setValue("");
            }}
          >
            <option value="limit">{texts.limitOf}</option>
            <option value="setting">{texts.setting}</option>
            <option value="kill">{texts.kill}</option>
            <option value="deletePod">{texts.deletePod}</option>
            <option value="sysctl">{texts.sysctl}</option>
          </select>
        </label>
        {targets.length > 0 && (
          <select aria-label={texts.what} value={chosen} onChange={(event) => setTarget(event.currentTarget.value)}>
            {targets.map((name) => (
              <option value={name}>{name}</option>
            ))}
          </select>
        )}
        {(kind === "limit" || kind === "setting" || kind === "sysctl") && (
          <label class="wide">
            {texts.value}{" "}
            <input list={kind === "setting" ? "settings" : undefined} value={given} onInput={(event) => setValue(event.currentTarget.value)} />
          </label>
        )}
        <datalist id="settings">
          {SETTINGS.map((setting) => (
            <option value={setting} />
          ))}
        </datalist>
        <button type="submit">
          {texts.doIt} ({kind === "setting" ? texts.fromStart : seconds(instant.at)})
        </button>
        {list.length > 0 && (
          <button type="button" onClick={() => onChange(unchanged(variation))}>
            {texts.undo}
          </button>
        )}
      </form>
      {list.length > 0 && (
        <ul>
          {list.map((line) => (
            <li>{line}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function defaultOf(kind: Kind): string {
  if (kind === "setting") return SETTINGS[0] ?? "";
  return kind === "sysctl" ? "2" : "512Mi";
}

function targetsOf(kind: Kind, instant: Instant): string[] {
  switch (kind) {
    case "limit":
      return instant.cgroups.filter((cgroup) => cgroup.of !== "node" && cgroup.name !== "POD").map((cgroup) => cgroup.path);
    case "kill":
      return [...new Set(instant.processes.map((process) => process.comm))];
    case "deletePod":
      return (instant.kubelet?.pods ?? []).map((pod) => pod.pod);
    case "sysctl":
      return ["vm.overcommit_memory", "vm.overcommit_ratio", "vm.swappiness", "vm.min_free_kbytes"];
    case "setting":
      return [];
  }
}

function changeOf(kind: WishedChange["kind"], target: string, value: string): WishedChange {
  switch (kind) {
    case "limit":
      return { kind, cgroup: target, limit: value };
    case "kill":
      return { kind, process: target };
    case "deletePod":
      return { kind, pod: target };
    case "sysctl":
      return { kind, name: target, value: Number(value) || 0 };
  }
}

function described(change: WishedChange): string {
  switch (change.kind) {
    case "limit":
      return `${change.cgroup}: ${texts.limit} ${change.limit}`;
    case "kill":
      return `kill -9 ${change.process}`;
    case "deletePod":
      return `kubectl delete pod ${change.pod}`;
    case "sysctl":
      return `sysctl ${change.name}=${change.value}`;
  }
}
