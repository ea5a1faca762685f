// node scripts/wasm.mjs MODULE.wasm: bindings and module of the engine, ready for the bundler. Needs wasm-bindgen on the path.
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const [module] = process.argv.slice(2);
const out = "src/lab/wasm";
execFileSync("wasm-bindgen", ["--target", "web", "--out-dir", out, "--out-name", "oomsim_lab", module], { stdio: "inherit" });
const wasm = `${out}/oomsim_lab_bg.wasm`;
const raw = statSync(wasm).size;
// What rustc emits by default for this target.
const features = ["bulk-memory", "mutable-globals", "nontrapping-float-to-int", "sign-ext", "multivalue", "reference-types"];
execFileSync("npx", ["wasm-opt", "-Os", ...features.map((feature) => `--enable-${feature}`), wasm, "-o", wasm], { stdio: "inherit" });
const small = readFileSync(wasm);
const packed = gzipSync(small, { level: 9 });
writeFileSync(`${out}/packed.ts`, `export default ${JSON.stringify(packed.toString("base64"))};\n`);
console.log(`engine: ${raw} bytes, optimised ${small.length}, compressed ${packed.length}`);
