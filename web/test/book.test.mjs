// The book as a reader sees it, in headless Chromium, opened as files: BOOK names its folder, SHOTS a folder for pictures.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { blank } from "./browser.mjs";

const book = resolve(process.env.BOOK ?? "../target/book");

test("each chapter has the lab at its moments, with their questions", async () => {
  const { page, problems } = await blank({}, ["file:", "data:", "blob:"]);
  const chapters = readdirSync(join(book, "learn")).filter((name) => /^\d.*\.html$/.test(name)).sort();
  assert.ok(chapters.length >= 12, chapters.join());
  for (const chapter of chapters) {
    await page.goto(pathToFileURL(join(book, "learn", chapter)).href);
    const frames = page.locator("iframe.lab");
    assert.ok((await frames.count()) > 0, chapter);
    assert.equal(await page.locator("code.language-toml.question").count(), 0, chapter);
  }
  await page.goto(pathToFileURL(join(book, "learn", chapters[0])).href);
  const lab = page.frameLocator("iframe.lab").first();
  await lab.locator("canvas").first().waitFor({ timeout: 60_000 });
  await page.locator("iframe.question").first().scrollIntoViewIfNeeded();
  const question = page.frameLocator("iframe.question").first();
  await question.getByRole("group", { name: "By whose hand?" }).getByRole("button").first().click({ timeout: 60_000 });
  await question.getByText(/^(Right\.|Not quite\.)/).first().waitFor();
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "book.png"), fullPage: true });
  assert.deepEqual(problems, []);
});
