// node check.mjs MODULE.wasm SCENARIOS: runs every scenario that SCENARIOS/digests.txt names and compares events and digests.
// Ends with 1 if a line differs.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [module, folder] = process.argv.slice(2);
if (!folder) {
    console.error("usage: node check.mjs MODULE.wasm SCENARIOS");
    process.exit(2);
}
const { instance } = await WebAssembly.instantiate(readFileSync(module), {});
const wasm = instance.exports;
const bytes = (text) => new TextEncoder().encode(text);

function give(content) {
    const at = wasm.input(content.length);
    new Uint8Array(wasm.memory.buffer, at, content.length).set(content);
}

function run(path, seeds) {
    give(bytes(path));
    const length = wasm.run(BigInt(seeds));
    return new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, wasm.output(), length));
}

for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const whole = join(entry.parentPath ?? entry.path, entry.name);
    const name = bytes(whole.slice(join(folder, "/").length));
    give(Buffer.concat([name, readFileSync(whole)]));
    wasm.add_file(name.length);
}

const expected = new Map();
let seeds = 0;
for (const line of readFileSync(join(folder, "digests.txt"), "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [path, , seed] = line.split(" ");
    expected.set(path, (expected.get(path) ?? "") + line + "\n");
    seeds = Math.max(seeds, Number(seed));
}

let lines = 0;
let differing = 0;
for (const [path, native] of expected) {
    const here = run(path, seeds);
    lines += native.trim().split("\n").length;
    if (here !== native) {
        differing += 1;
        console.error(`${path} differs\nnative:\n${native}wasm32:\n${here}`);
    }
}
console.log(`${expected.size} scenarios, ${lines} runs as wasm32: ${differing === 0 ? "all as native" : `${differing} differ`}`);
process.exit(differing === 0 && lines > 0 ? 0 : 1);
