// The scenarios of the repository, and the files that they name, as they are.
import type { File } from "./engine";

const scenarios = import.meta.glob<string>("../../../scenarios/*.toml", { query: "?raw", import: "default", eager: true });
const named = import.meta.glob<string>("../../../scenarios/manifests/*", { query: "?raw", import: "default", eager: true });

const path = (key: string) => key.replace("../../../", "");

export const files: File[] = Object.entries({ ...scenarios, ...named }).map(([key, text]) => ({ path: path(key), text }));

export interface Story {
  path: string;
  name: string;
  group: string;
  text: string;
}

const GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^oom[1-5]/, "The five ways to die"],
  [/^overcommit/, "Overcommit"],
  [/^(swap|page-cache|full-container|memory|top-node)/, "Page cache, swap, reclaim"],
  [/./, "More"],
];

export const stories: Story[] = Object.entries(scenarios)
  .filter(([key]) => !/fleet-|metrics-example/.test(key))
  .map(([key, text]) => {
    const name = path(key).replace(/^scenarios\/|\.toml$/g, "");
    return { path: path(key), name, text, group: GROUPS.find(([of]) => of.test(name))?.[1] ?? "More" };
  });

export const groups: string[] = GROUPS.map(([, name]) => name);
