// node scripts/wasm.mjs MODULE.wasm: bindings and module of the engine, ready for the bundler. Needs wasm-bindgen on the path.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import binaryen from "binaryen";

const [module] = process.argv.slice(2);
const out = "src/lab/wasm";
execFileSync("wasm-bindgen", ["--target", "web", "--out-dir", out, "--out-name", "oomsim_lab", module], { stdio: "inherit" });
const raw = readFileSync(`${out}/oomsim_lab_bg.wasm`);
binaryen.setOptimizeLevel(2);
binaryen.setShrinkLevel(1);
const whole = binaryen.readBinary(raw);
whole.optimize();
const small = whole.emitBinary();
writeFileSync(`${out}/oomsim_lab_bg.wasm`, small);
const packed = gzipSync(small, { level: 9 });
writeFileSync(`${out}/packed.ts`, `export default ${JSON.stringify(packed.toString("base64"))};\n`);
console.log(`engine: ${raw.length} bytes, optimised ${small.length}, compressed ${packed.length}`);
