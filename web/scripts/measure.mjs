// node scripts/measure.mjs SCENARIOS: how long the lab takes. Prints medians and worst cases; asserts nothing.
// Seeking is measured on the engine itself, the first picture and the frames in headless Chromium.
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { Engine, initSync } from "../src/lab/wasm/oomsim_lab.js";

const [folder] = process.argv.slice(2);
const sorted = (list) => list.toSorted((a, b) => a - b);
const at = (list, share) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * share))];
const ms = (time) => `${time.toFixed(1)} ms`;
const told = (list) => `median ${ms(at(list, 0.5))}, 99 % ${ms(at(list, 0.99))}, worst ${ms(Math.max(...list))}`;

initSync({ module: readFileSync(new URL("../src/lab/wasm/oomsim_lab_bg.wasm", import.meta.url)) });
const engine = new Engine();
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const whole = join(entry.parentPath ?? entry.path, entry.name);
  engine.addFile(`scenarios/${whole.slice(join(folder, "/").length)}`, readFileSync(whole, "utf8"));
}
for (const name of readdirSync(folder).filter((file) => /^oom[1-5]-.*\.toml$/.test(file)).sort()) {
  const begun = performance.now();
  const opened = JSON.parse(engine.open(`scenarios/${name}`, readFileSync(join(folder, name), "utf8"), "{}")).ok;
  const opening = performance.now() - begun;
  const end = opened.run.series.at.at(-1);
  // Instants far apart, so that none lies just behind the last.
  const times = Array.from({ length: 200 }, (_, n) => ((n * 0.618034) % 1) * end).map((to) => {
    const start = performance.now();
    engine.seek(opened.number, to);
    return performance.now() - start;
  });
  const racing = performance.now();
  engine.race(`scenarios/${name}`, readFileSync(join(folder, name), "utf8"), "{}", 0, 1, 128);
  const rate = 128_000 / (performance.now() - racing);
  console.log(`${name}: open ${ms(opening)}; seek ${told(times)}; race ${rate.toFixed(0)} runs a second`);
}

const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const firsts = [];
for (let n = 0; n < 5; n += 1) {
  const start = performance.now();
  await page.goto(pathToFileURL(resolve("dist-lab/lab.html")).href);
  await page.locator("canvas").first().waitFor();
  firsts.push(performance.now() - start);
}
console.log(`first picture: ${told(firsts)}`);
// A node of 30 pods, each growing in its own steps, so that every instant differs from the last.
const thirty = Array.from(
  { length: 30 },
  (_, n) => `[[pod]]
name = "web-${n}"
[[pod.container]]
name = "web"
resources = { requests = { memory = "100Mi" }, limits = { memory = "${300 + 10 * n}Mi" } }
workload.leak = { block = "${1 + (n % 7)}Mi", every = "${1 + (n % 3)}s" }
`,
).join("");
const scenario = `name = "thirty-pods"\nduration = "10m"\nnode = { memory = "16Gi" }\n${thirty}`;
await page.locator("input[type=file]").last().setInputFiles({ name: "thirty.toml", mimeType: "text/plain", buffer: Buffer.from(scenario) });
await page.locator(".tree .bar-name", { hasText: "web-29" }).waitFor();
const frames = await page.evaluate(
  () =>
    new Promise((done) => {
      const slider = document.querySelector(".player input[type=range]");
      const gaps = [];
      let last = performance.now();
      let n = 0;
      requestAnimationFrame(function frame(now) {
        gaps.push(now - last);
        last = now;
        slider.value = String(Number(slider.min) + ((n++ * 7) % 300) / 300 * (Number(slider.max) - Number(slider.min)));
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        if (n < 300) requestAnimationFrame(frame);
        else done(gaps.slice(1));
      });
    }),
);
console.log(`between frames while the slider moves at each, 30 pods: ${told(frames)}`);
await browser.close();
