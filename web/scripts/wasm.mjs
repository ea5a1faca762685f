// node scripts/wasm.mjs MODULE.wasm: bindings and module of the engine, ready for the bundler. Builds bindings/ with cargo.
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import zopfli from "@gfx/zopfli";

const [module] = process.argv.slice(2);
const out = "src/lab/wasm";
const run = (...command) => execFileSync(command[0], command.slice(1), { stdio: "inherit" });
run("cargo", "run", "--quiet", "--manifest-path", "bindings/Cargo.toml", "--target-dir", "../target/bindings", "--", module, out);
const wasm = `${out}/oomsim_lab_bg.wasm`;
const raw = statSync(wasm).size;
// What rustc emits by default for this target.
const features = ["bulk-memory", "mutable-globals", "nontrapping-float-to-int", "sign-ext", "multivalue", "reference-types"];
// -Os, not -Oz: what is smaller before it is packed is larger after that.
run("npx", "wasm-opt", "-Os", ...features.map((feature) => `--enable-${feature}`), wasm, "-o", wasm);
const small = readFileSync(wasm);
// gzip, as browsers unpack nothing smaller for a page's script; the thorough compressor makes it a twentieth smaller.
const packed = await zopfli.gzipAsync(small, { numiterations: 5 });
writeFileSync(`${out}/packed.ts`, `export default ${JSON.stringify(Buffer.from(packed).toString("base64"))};\n`);
const brotli = brotliCompressSync(small).length;
console.log(`engine: ${raw} bytes, optimised ${small.length}, as gzip ${packed.length}, as brotli it would be ${brotli}`);
