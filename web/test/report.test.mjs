// The report as a reader uses it, in headless Chromium: REPORT names the file, SHOTS a folder for pictures.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const report = pathToFileURL(resolve(process.env.REPORT ?? "../target/report.html")).href;
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
});
after(() => browser?.close());

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => request.url().startsWith("file:") || request.url().startsWith("data:") || problems.push(request.url()));
  await page.goto(report);
  await page.locator("canvas").waitFor();
  return { context, page, problems };
}

test("the page shows the run and asks for nothing from the network", async () => {
  const { context, page, problems } = await open();
  assert.match(await page.locator("h1").innerText(), /oom2/);
  assert.match(await page.locator("#deaths-heading + .scroll").innerText(), /kubelet/);
  await page.locator("#why-heading ~ details summary").first().click();
  assert.match(await page.locator("#why-heading ~ details pre").first().innerText(), /HOW IT CAME TO THAT/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("slider, time stamps and curves move together, also by keyboard", async () => {
  const { context, page, problems } = await open();
  const slider = page.getByRole("slider", { name: "Time" });
  await slider.focus();
  await page.keyboard.press("Home");
  assert.match(await page.locator(".slider span").innerText(), /^0\.000 s/);
  await page.locator("#deaths-heading + .scroll button").first().click();
  assert.match(await page.locator(".slider span").innerText(), /^28\d\./);
  // The node just before: the tree of cgroups, the kernel's choice, the kubelet's stale figures.
  const bars = await page.locator(".bar-name").allInnerTexts();
  assert.ok(bars.includes("node") && bars.includes("kubepods") && bars.some((name) => name.includes("alloc-mem-2")), bars.join());
  assert.match(await page.locator("#processes-heading + .scroll tbody tr").first().innerText(), /dotnet/);
  assert.match(await page.locator("#belief-heading ~ .scroll").first().innerText(), /alloc-tests\/alloc-mem-2/);
  const shownAt = await page.locator(".slider span").innerText();
  await page.getByRole("button", { name: "Before" }).click();
  assert.notEqual(await page.locator(".slider span").innerText(), shownAt);
  const legend = page.locator(".legend button").nth(2);
  await legend.focus();
  await page.keyboard.press("Enter");
  assert.equal(await legend.getAttribute("aria-pressed"), "false");
  await page.getByLabel("Seen").selectOption("30");
  await page.getByLabel("Seen").selectOption("-1");
  assert.equal(await page.getByText("Thin lines: what it really was.").count(), 1);
  await page.getByLabel("Pods by").selectOption("usage");
  await page.getByRole("searchbox").fill("evicted");
  assert.ok((await page.locator(".timeline li").count()) >= 1);
  assert.deepEqual(problems, []);
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of [["laptop", { width: 1280, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
    test(`nothing stands in the way of a reader: ${size}, ${colorScheme}`, async () => {
      const { context, page } = await open({ colorScheme, viewport });
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/report-${size}-${colorScheme}.png`, fullPage: true });
      // The page's policy forbids scripts of others: axe runs as the debugger's own.
      const violations = await page.evaluate(`(() => { ${axe}; return axe.run().then((r) => r.violations.map((v) => v.id + ": " + v.nodes[0].html)); })()`);
      assert.deepEqual(violations, []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      assert.equal(wide, false, "the page scrolls sideways");
      await context.close();
    });
  }
}
