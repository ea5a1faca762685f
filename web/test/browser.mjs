// Headless Chromium for the tests of the pages: CHROMIUM names the program.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
});
after(() => browser?.close());

/** A page of its own, and its problems: errors that it shows or throws, and requests but to these schemes. */
export async function blank(options, schemes) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => schemes.some((scheme) => request.url().startsWith(scheme)) || problems.push(request.url()));
  return { context, page, problems };
}

/** No violation of what axe knows, and nothing wider than the screen. */
export async function accessible(page, where) {
  // The page's policy forbids scripts of others: axe runs as the debugger's own.
  const violations = await page.evaluate(`(() => { ${axe}; return axe.run().then((r) => r.violations); })()`);
  const told = violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`);
  assert.deepEqual(told, [], where);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.equal(wide, false, `the page is wider than the screen: ${where}`);
}
