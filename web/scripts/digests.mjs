// node scripts/digests.mjs SCENARIOS: the engine of the lab runs every scenario that SCENARIOS/digests.txt names and compares
// events and digests with those of the native program. Ends with 1 if a line differs. wasm32 has 32-bit pointers: a digest
// that depends on the width of `usize` differs here.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Engine, initSync } from "../src/lab/wasm/oomsim_lab.js";

const [folder] = process.argv.slice(2);
initSync({ module: readFileSync(new URL("../src/lab/wasm/oomsim_lab_bg.wasm", import.meta.url)) });
const engine = new Engine();
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const whole = join(entry.parentPath ?? entry.path, entry.name);
  engine.addFile(whole.slice(join(folder, "/").length), readFileSync(whole, "utf8"));
}

const expected = new Map();
let seeds = 0;
for (const line of readFileSync(join(folder, "digests.txt"), "utf8").split("\n")) {
  if (line === "" || line.startsWith("#")) continue;
  const [path, , seed] = line.split(" ");
  expected.set(path, `${expected.get(path) ?? ""}${line}\n`);
  seeds = Math.max(seeds, Number(seed));
}

let lines = 0;
let differing = 0;
for (const [path, native] of expected) {
  const here = JSON.parse(engine.digests(path, seeds));
  lines += native.trim().split("\n").length;
  if (here.ok === native) continue;
  differing += 1;
  console.error(`${path} differs\nnative:\n${native}wasm32:\n${here.ok ?? here.error}`);
}
console.log(`${expected.size} scenarios, ${lines} runs as wasm32: ${differing === 0 ? "all as native" : `${differing} differ`}`);
process.exit(differing === 0 && lines > 0 ? 0 : 1);
