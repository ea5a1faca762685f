// The report as a reader uses it, in headless Chromium: REPORT names the file, SHOTS a folder for pictures.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { accessible, blank } from "./browser.mjs";

const report = pathToFileURL(resolve(process.env.REPORT ?? "../target/report.html")).href;

async function open(options = {}) {
  const opened = await blank(options, ["file:", "data:"]);
  await opened.page.goto(report);
  await opened.page.locator("canvas").waitFor();
  return opened;
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

test("on paper the explanations are open, and nothing is cut", async () => {
  const { context, page, problems } = await open();
  const why = page.locator("details.why").first();
  assert.equal(await why.evaluate((details) => details.open), false);
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.equal(await why.evaluate((details) => details.open), true);
  assert.equal(await page.getByRole("slider", { name: "Time" }).isVisible(), false);
  assert.equal(await page.evaluate(() => [...document.querySelectorAll(".timeline, pre")].every((one) => one.scrollHeight <= one.clientHeight + 1)), true);
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await why.evaluate((details) => details.open), false);
  assert.deepEqual(problems, []);
  await context.close();
});

test("who is at risk stands with its place in both orders", async () => {
  const { context, page, problems } = await open();
  // OOM2: the leak is evicted in every run; the pods without requests go first.
  const rows = await page.locator("#risk-heading ~ .scroll tbody tr").allInnerTexts();
  const leak = rows.find((row) => row.includes("alloc-mem-2"));
  assert.match(leak, /BestEffort[\s\S]*100 %, by the kubelet: eviction/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("a study is a heat map whose cells can be chosen", { skip: !process.env.STUDY }, async () => {
  const study = pathToFileURL(resolve(process.env.STUDY)).href;
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
      const { context, page, problems } = await blank({ colorScheme, viewport }, ["file:", "data:"]);
      await page.goto(study);
      const last = page.locator(".heat td button").last();
      await last.focus();
      await page.keyboard.press("Enter");
      assert.equal(await last.getAttribute("aria-pressed"), "true");
      assert.match(await page.locator(".detail code").innerText(), /^oomsim run .* --seed \d+/);
      await accessible(page, `study, ${colorScheme} ${viewport.width}`);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/study-${colorScheme}-${viewport.width}.png`, fullPage: true });
      assert.deepEqual(problems, []);
      await context.close();
    }
  }
});

for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of [["laptop", { width: 1280, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
    test(`nothing stands in the way of a reader: ${size}, ${colorScheme}`, async () => {
      const { context, page } = await open({ colorScheme, viewport });
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/report-${size}-${colorScheme}.png`, fullPage: true });
      await accessible(page, `${size}, ${colorScheme}`);
      await context.close();
    });
  }
}
