// The lab as a learner uses it, in headless Chromium, opened as a file: LAB names it, SHOTS a folder for pictures.
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";
import { accessible, blank } from "./browser.mjs";

const lab = pathToFileURL(resolve(process.env.LAB ?? "dist-lab/lab.html")).href;

async function open(options = {}, address = lab) {
  const opened = await blank(options, ["file:", "data:", "blob:"]);
  await opened.page.goto(address);
  await opened.page.locator("canvas").first().waitFor({ timeout: 60_000 });
  return opened;
}

const time = async (page) => Number.parseFloat(await page.locator(".player .slider span").innerText());
const button = (page, name) => page.getByRole("button", { name, exact: true });

test("plays, steps and goes back; the tree and the kubelet's belief follow", async () => {
  const { context, page, problems } = await open();
  await page.getByLabel("Story").selectOption("scenarios/oom2-allocatable-slow.toml");
  await page.locator(".description").filter({ hasText: "OOM2" }).waitFor();
  await button(page, "To the start").click();
  assert.equal(await time(page), 0);
  await button(page, "Next death").click();
  // SOURCES OOM2: the kubelet evicts the leak after some 280 s.
  await page.waitForFunction(() => /^28\d\./.test(document.querySelector(".player .slider span").textContent));
  assert.match(await page.locator(".tree").innerText(), /kubepods[\s\S]*alloc-tests\/alloc-mem/);
  assert.match(await page.locator("#belief-heading + p").innerText(), /Last look/);
  const death = await time(page);
  await button(page, "Back").click();
  await page.waitForFunction((at) => Number.parseFloat(document.querySelector(".player .slider span").textContent) < at, death);
  await button(page, "To the start").click();
  await button(page, "Next look of the kubelet").click();
  await page.waitForFunction(() => Number.parseFloat(document.querySelector(".player .slider span").textContent) > 0);
  const look = await time(page);
  await button(page, "Next event").click();
  await page.waitForFunction((at) => Number.parseFloat(document.querySelector(".player .slider span").textContent) >= at, look);
  await button(page, "Play").click();
  await page.waitForFunction((at) => Number.parseFloat(document.querySelector(".player .slider span").textContent) > at + 1, look);
  await button(page, "Pause").click();
  assert.deepEqual(problems, []);
  await context.close();
});

test("a change gives a second future beside the first", async () => {
  const { context, page, problems } = await open();
  await page.getByLabel("Story").selectOption("scenarios/oom4-allocatable-fast.toml");
  await page.locator(".description").filter({ hasText: "OOM4" }).waitFor();
  await page.locator("form.controls select").first().selectOption("setting");
  await page.locator("form .wide input").fill("node.memory=\"64Gi\"");
  await page.getByRole("button", { name: /^Change it/ }).click();
  await page.locator("#futures-heading").waitFor();
  // 64 GiB hold what fills 7 GB in seven seconds: the first death comes later or not at all.
  const [first, second] = await page.locator("#futures-heading ~ .panes ul").allInnerTexts();
  assert.match(first, /dotnet/);
  assert.notEqual(first, second);
  assert.equal(await page.locator("canvas").count(), 2);
  await page.getByRole("button", { name: "Undo all changes" }).click();
  await page.locator("#futures-heading").waitFor({ state: "detached" });
  assert.deepEqual(problems, []);
  await context.close();
});

test("questions are answered right and wrong, and the score is kept", async () => {
  const { context, page, problems } = await open();
  await page.getByLabel("Story").selectOption("scenarios/oom4-allocatable-fast.toml");
  await page.locator(".description").filter({ hasText: "OOM4" }).waitFor();
  await button(page, "Ask me something").click();
  const who = page.getByRole("group", { name: "Who goes next?" });
  await who.getByRole("button", { name: "alloc-tests/alloc-mem-leak" }).click();
  assert.match(await who.getByRole("status").innerText(), /^Right\./);
  const hand = page.getByRole("group", { name: "By whose hand?" });
  await hand.getByRole("button", { name: "the kubelet, by eviction" }).click();
  assert.match(await hand.getByRole("status").innerText(), /^Not quite\. It is: the kernel, at the limit of a cgroup/);
  await page.getByText("1 of 2 right").waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

const story = async (page, path, words) => {
  await page.getByLabel("Story").selectOption(`scenarios/${path}.toml`);
  await page.locator(".description").filter({ hasText: words }).waitFor();
};
const slider = (page, name) => page.getByRole("slider", { name });
/** All places of the finest race are there: each is a rectangle. */
const raced = (page, nth) =>
  page.waitForFunction((nth) => document.querySelectorAll(".band svg[role=img]")[nth]?.dataset.runs === "128", nth, { timeout: 120_000 });
const shares = async (page, nth) => {
  const said = await page.locator(".band svg[role=img]").nth(nth).getAttribute("aria-label");
  return [...said.matchAll(/(\d+) % ([^,]+)/g)].map(([, share, what]) => [what, Number(share)]);
};

test("the race has all phases of the check, though the story fixes one, and its handle gives the run of a phase", async () => {
  const { context, page, problems } = await open();
  await story(page, "oom4-allocatable-fast", "OOM4");
  await raced(page, 0);
  const ends = await shares(page, 0);
  assert.ok(Math.abs(ends.reduce((sum, [, share]) => sum + share, 0) - 100) <= ends.length, ends.join());
  assert.ok(ends.some(([what]) => /the kernel kills dotnet/.test(what)) && ends.some(([what]) => /the kubelet evicts/.test(what)), ends.join());
  // A phase of which the band says that the kubelet is first: its run has an eviction first.
  const at = await page.locator(".band svg[role=img]").first().evaluate((svg) => {
    const piece = [...svg.children].find((one) => one.classList.contains("race-kubelet"));
    const { x, width } = piece.getBoundingClientRect();
    return (x + width / 2 - svg.getBoundingClientRect().x) / svg.getBoundingClientRect().width;
  });
  const handle = page.locator(".band .handle");
  await handle.scrollIntoViewIfNeeded();
  const band = await page.locator(".band .track").first().boundingBox();
  const from = await handle.boundingBox();
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(band.x + at * band.width, band.y + 8, { steps: 5 });
  await page.mouse.up();
  await page.locator("#futures-heading").waitFor();
  // The run of the last place follows those on the way.
  await page.locator("#futures-heading ~ .panes > div").last().filter({ hasText: / [1-9]\d* evictions/ }).waitFor();
  assert.match(await page.locator("#futures-heading ~ .panes > div").first().innerText(), / 0 evictions/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("a limit and evictionHard are dragged in the bars, by hand and by keyboard; both futures and the race follow", async () => {
  const { context, page, problems } = await open();
  await story(page, "oom4-allocatable-fast", "OOM4");
  await raced(page, 0);
  const limit = slider(page, "Limit of kubepods, from this instant");
  await limit.scrollIntoViewIfNeeded();
  const before = Number(await limit.getAttribute("aria-valuenow"));
  const from = await limit.boundingBox();
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  for (let x = 10; x <= 40; x += 10) await page.mouse.move(from.x + from.width / 2 + x, from.y + from.height / 2);
  await page.mouse.up();
  assert.ok(Number(await limit.getAttribute("aria-valuenow")) > before);
  await page.locator("#stage-changed-heading").waitFor();
  await raced(page, 1);
  // One handle is one change, wherever it has been.
  assert.equal(await page.locator(".given li").count(), 1);
  const hard = slider(page, "evictionHard memory.available, from the start");
  await hard.focus();
  const threshold = Number(await hard.getAttribute("aria-valuenow"));
  for (let n = 0; n < 3; n += 1) await page.keyboard.press("PageUp");
  assert.ok(Number(await hard.getAttribute("aria-valuenow")) > threshold);
  await page.locator(".given li").filter({ hasText: "evictionHard" }).waitFor();
  assert.equal(await page.locator(".given li").count(), 2);
  await page.locator(".given li").filter({ hasText: "evictionHard" }).getByRole("button").click();
  assert.equal(await page.locator(".given li").count(), 1);
  assert.deepEqual(problems, []);
  await context.close();
});

test("kills, resizes, growth, settings of a running kubelet: each is a change at the instant", async () => {
  const { context, page, problems } = await open();
  await story(page, "oom4-allocatable-fast", "OOM4");
  const kinds = { Kill: "Kill a process", Resize: "Resize a container", Restart: "The kubelet restarts with", Delete: "Delete a pod", Sysctl: "A sysctl" };
  for (const [n, kind] of Object.values(kinds).entries()) {
    await page.locator("form select").first().selectOption({ label: kind });
    await page.getByRole("button", { name: /^Change it/ }).click();
    await page.waitForFunction((n) => document.querySelectorAll(".given li").length === n, n + 1);
  }
  await page.locator("form select").first().selectOption({ label: "Growth of a process" });
  await page.locator("form select").nth(1).selectOption("dotnet");
  await slider(page, "dotnet: Growth of a process").focus();
  await page.keyboard.press("ArrowRight");
  await page.locator(".given li").filter({ hasText: "grows by" }).waitFor();
  await page.locator("#futures-heading").waitFor();
  assert.equal(await page.locator(".problems").count(), 0, await page.locator(".problems").allInnerTexts().then(String));
  assert.deepEqual(problems, []);
  await context.close();
});

test("a KubeletConfiguration and a manifest are dropped into the page", async () => {
  const { context, page, problems } = await open();
  await story(page, "oom4-allocatable-fast", "OOM4");
  const drop = (name, text) =>
    page.evaluate(
      ([name, text]) => {
        const data = new DataTransfer();
        data.items.add(new File([text], name));
        document.querySelector("main").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      [name, text],
    );
  await drop("mine.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard: {memory.available: 3Gi}\n");
  await page.locator(".given li").filter({ hasText: "mine.yaml" }).waitFor();
  await page.locator("#futures-heading").waitFor();
  await drop("web.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: x}]}\n");
  await page.locator("#stage-changed-heading + .hint ~ .tree").filter({ hasText: "default/web" }).or(page.locator("#stage-changed-heading ~ .tree").filter({ hasText: "web" })).first().waitFor();
  await drop("photo.jpg", "nothing");
  await page.getByText("photo.jpg is no scenario").waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

test("each number has its rule, and points are shown as a sum", async () => {
  const { context, page, problems } = await open();
  await story(page, "oom4-allocatable-fast", "OOM4");
  const rules = page.locator("details.rules");
  assert.ok((await rules.count()) >= 5);
  for (const one of await rules.all()) {
    await one.locator("summary").click();
    assert.ok((await one.locator("dd").first().innerText()).length > 40);
  }
  const points = page.locator("#processes-heading ~ .scroll button").first();
  await points.click();
  const sum = await page.locator("td.sum").innerText();
  const [left, right] = sum.replaceAll(",", "").split(" = ");
  const total = left.split(" + ").reduce((all, part) => all + Number.parseInt(part), 0);
  assert.equal(total, Number.parseInt(right), sum);
  assert.deepEqual(problems, []);
  await context.close();
});

test("without motion, playing goes from one thing that happens to the next", async () => {
  const { context, page, problems } = await open({ reducedMotion: "reduce" });
  await story(page, "oom4-allocatable-fast", "OOM4");
  await button(page, "To the start").click();
  await button(page, "Play").click();
  await page.waitForFunction(() => Number.parseFloat(document.querySelector(".player .slider span").textContent) > 0, null, { polling: 50 });
  // Whatever the machine is busy with: each instant that is shown is one at which something happens.
  const shown = await page.evaluate(async () => {
    const shown = [];
    for (const until = performance.now() + 2500; performance.now() < until; ) {
      await new Promise(requestAnimationFrame);
      const at = document.querySelector(".player .slider span").textContent;
      if (shown.at(-1)?.at !== at) shown.push({ at, what: document.querySelector(".happens").innerText });
    }
    return shown;
  });
  assert.ok(shown.length > 1, "it goes on");
  for (const { at, what } of shown) assert.doesNotMatch(what, /nothing/, at);
  await button(page, "Pause").click();
  assert.deepEqual(problems, []);
  await context.close();
});

test("the editor shows the reader's problems, and a link holds the scenario", async () => {
  const { context, page, problems } = await open();
  const editor = page.locator(".editor .cm-content");
  await editor.click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText('[node]\nmemroy = "2Gi"\n');
  await page.locator(".editor .cm-lintRange-error").first().waitFor();
  await button(page, "Run it").click();
  assert.match(await page.locator(".problems").innerText(), /memroy/);
  await editor.click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText('name = "mine"\nduration = "60s"\n[node]\nmemory = "2Gi"\n[[host]]\nname = "leak"\nworkload.leak = { block = "50Mi", every = "500ms" }\n');
  await button(page, "Run it").click();
  await page.locator("#deaths-heading ~ .scroll").getByText("leak (").first().waitFor();
  await button(page, "Copy a link").click();
  await page.waitForFunction(() => location.hash.startsWith("#s="));
  const again = await open({}, page.url());
  assert.match(await again.page.locator(".tree").innerText(), /node/);
  assert.match(await again.page.locator("#deaths-heading ~ .scroll").innerText(), /leak/);
  // A short link that would become 64 MiB holds none: the lab opens as without it.
  const bomb = await open({}, `${lab}#s=${deflateRawSync(Buffer.alloc(64 << 20)).toString("base64url")}`);
  assert.match(await bomb.page.locator(".tree").innerText(), /node/);
  assert.deepEqual([...problems, ...again.problems, ...bomb.problems], []);
  for (const opened of [bomb, again, { context }]) await opened.context.close();
});

test("the editor completes keys, words and tables from the reader's own", async () => {
  const { context, page, problems } = await open();
  const editor = page.locator(".editor .cm-content");
  const offered = async (text) => {
    await editor.click();
    await page.keyboard.press("Control+A");
    await page.keyboard.insertText(text);
    await page.keyboard.press("Control+Space");
    const options = page.locator(".editor .cm-tooltip-autocomplete li");
    await options.first().waitFor();
    const names = await options.allInnerTexts();
    await page.keyboard.press("Escape");
    return names.join("\n");
  };
  assert.match(await offered("[kubelet]\nevictionH"), /evictionHard/);
  assert.match(await offered("[[pod.container]]\nworkload.leak.bl"), /block/);
  assert.match(await offered('[[pod]]\nrestartPolicy = "N'), /Never/);
  assert.match(await offered("[[pod.con"), /\[\[pod\.container\]\]/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("everything can be done by keyboard, and axe finds nothing, on laptop and phone, light and dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
      const { context, page, problems } = await open({ colorScheme, viewport });
      await button(page, "Ask me something").click();
      await page.getByRole("group", { name: "Who goes next?" }).waitFor();
      // With two futures, opened rules and a finished race.
      await page.getByRole("slider", { name: "evictionHard memory.available, from the start" }).focus();
      await page.keyboard.press("PageUp");
      await page.locator("#stage-changed-heading").waitFor();
      await raced(page, 1);
      for (const rules of await page.locator("details.rules summary").all()) await rules.click();
      const slider = page.locator(".player").getByRole("slider", { name: "Time" });
      await slider.focus();
      await page.keyboard.press("Home");
      await page.waitForFunction(() => document.querySelector(".player .slider span").textContent === "0.000 s");
      await page.keyboard.press("PageUp");
      await page.waitForFunction(() => document.querySelector(".player .slider span").textContent !== "0.000 s");
      await accessible(page, `${colorScheme} ${viewport.width}`);
      if (process.env.SHOTS) {
        await page.screenshot({ path: join(process.env.SHOTS, `lab-${colorScheme}-${viewport.width}.png`), fullPage: true });
      }
      assert.deepEqual(problems, []);
      await context.close();
    }
  }
});

test("each lesson is walked through: its moments are shown, its questions answered right and wrong", async () => {
  const { context, page, problems } = await open();
  const lessons = await page.getByLabel("Lesson").locator("option").evaluateAll((options) => options.map((option) => option.value).filter(Boolean));
  assert.ok(lessons.length >= 12, lessons.join());
  const verdicts = { right: 0, wrong: 0 };
  for (const lesson of lessons) {
    await page.getByLabel("Lesson").selectOption(lesson);
    await page.locator(".lesson h1").waitFor();
    const title = await page.getByLabel("Lesson").locator("option:checked").innerText();
    await page.waitForFunction((title) => document.querySelector(".lesson").getAttribute("aria-label") === title, title);
    const moments = page.locator(".lesson .moment");
    assert.ok((await moments.count()) > 0, lesson);
    for (const moment of await moments.all()) {
      const at = Number.parseFloat((await moment.innerText()).replace("Show ", ""));
      await moment.click();
      await page.waitForFunction(
        (at) => Math.abs(Number.parseFloat(document.querySelector(".player .slider span").textContent) - at) < 0.06,
        at,
      );
      assert.equal(await moment.getAttribute("aria-pressed"), "true");
    }
    const questions = page.locator(".lesson fieldset");
    for (const [number, question] of (await questions.all()).entries()) {
      const options = await question.getByRole("button").all();
      await options[number % options.length].click();
      const said = await question.getByRole("status").innerText();
      assert.match(said, /^(Right\.|Not quite\.) ?\S/);
      verdicts[said.startsWith("Right.") ? "right" : "wrong"] += 1;
    }
  }
  assert.ok(verdicts.right > 0 && verdicts.wrong > 0, JSON.stringify(verdicts));
  assert.deepEqual(problems, []);
  await context.close();
});

test("a lesson is accessible, follows its links, and shows one moment inside of another page", async () => {
  const lesson = `${lab}#lesson=docs/learn/01-container-limit.md`;
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
      const { context, page, problems } = await open({ colorScheme, viewport }, lesson);
      await page.locator(".lesson fieldset").first().getByRole("button").first().click();
      await accessible(page, `${colorScheme} ${viewport.width}`);
      if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `lesson-${colorScheme}-${viewport.width}.png`) });
      assert.deepEqual(problems, []);
      await context.close();
    }
  }
  const { context, page, problems } = await open({}, `${lab}#lesson=docs/learn/05-runtime.md`);
  await page.locator(".lesson").getByRole("link", { name: "chapter 11" }).click();
  await page.locator(".lesson h1").filter({ hasText: "11." }).waitFor();
  const part = await open({ viewport: { width: 800, height: 700 } }, `${lab}#lesson=docs/learn/01-container-limit.md&moment=0`);
  assert.equal(await part.page.locator("header.top, .editor, .lesson").count(), 0);
  if (process.env.SHOTS) await part.page.screenshot({ path: join(process.env.SHOTS, "lesson-embedded.png"), fullPage: true });
  assert.deepEqual([...problems, ...part.problems], []);
  await part.context.close();
  await context.close();
});

test("a pasted kernel log is explained in the page", async () => {
  const { context, page, problems } = await open();
  const log = page.getByRole("textbox", { name: "A kernel log of your own" });
  await log.fill("[   12.5] Out of memory: Killed process 1234 (java) total-vm:4194304kB, anon-rss:2097152kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4200kB oom_score_adj:0\n");
  await button(page, "Explain it").click();
  const told = page.locator("#log-heading ~ [role=status] pre");
  await told.waitFor();
  assert.match(await told.innerText(), /java/);
  await log.fill("nothing of the kind\n");
  await button(page, "Explain it").click();
  await page.waitForFunction(() => !/java/.test(document.querySelector("#log-heading ~ [role=status] pre").innerText));
  assert.deepEqual(problems, []);
  await context.close();
});

test("what would have prevented a death is found, and applied with a click", async () => {
  const { context, page, problems } = await open();
  await page.getByLabel("Story").selectOption("scenarios/oom4-allocatable-fast.toml");
  await page.locator(".description").filter({ hasText: "OOM4" }).waitFor();
  await page.locator("#why-heading ~ details summary").first().click();
  await button(page, "What would have prevented it?").first().click();
  await button(page, "Apply it").first().click({ timeout: 120_000 });
  await page.locator("#futures-heading").waitFor();
  const [first, second] = await page.locator("#futures-heading ~ .panes ul").allInnerTexts();
  assert.match(first, /dotnet .* of .*alloc-mem-leak.*, by kernel/);
  assert.doesNotMatch(second, /dotnet .* of .*alloc-mem-leak.*, by kernel/);
  assert.deepEqual(problems, []);
  await context.close();
});
