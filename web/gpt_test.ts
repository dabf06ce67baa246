/** The page's GPT: in a page as in Deno, kept in the browser, and in files. */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { readSafetensors } from "../tensor/mod.ts";
import { BATCH, type GptProgress } from "./engine/gpt.ts";
import { specOf, textTasks } from "./engine/gpt_spec.ts";
import type { ModelFiles } from "./engine/inside.ts";
import { isRight, taskLines } from "./engine/texts.ts";
import { fixed } from "./parts/number.ts";
import { filesOf, link, lossesOf, preset, small, trainInDeno } from "./testing/gpt.ts";
import { openSite, pageTest, violations, Widget } from "./testing/pages.ts";

Deno.test("answers are told right from wrong by the rule of their task", () => {
  for (const task of ["sort", "reverse", "add", "parentheses"] as const) {
    for (const line of taskLines(task, 1, 50)) {
      assertEquals(isRight(task, line), true, line);
      assertEquals(isRight(task, `${line}x`), false, line);
      assertEquals(isRight(task, line.slice(0, -1)), false, line);
    }
  }
  assertEquals([isRight("names", "rex"), isRight("own", "a")], [null, null]);
});

Deno.test("the lines of a task follow its rule", () => {
  for (const task of textTasks) {
    const lines = taskLines(task, 1, 200);
    assert(new Set(lines).size > (task === "names" ? 10 : 50), task);
    assertEquals(lines, taskLines(task, 1, 200));
    for (const line of lines) {
      const [question = "", answer = ""] = line.split(/[>=]/);
      const right = {
        sort: () => [...question].sort().join(""),
        reverse: () => [...question].reverse().join(""),
        add: () => `${question.split("+").reduce((sum, part) => sum + Number(part), 0)}`,
        parentheses: () => "",
        names: () => "",
        animals: () => "",
      }[task]();
      assertEquals(answer, right, line);
      if (task === "parentheses") {
        assertEquals(line.split("(").length, line.split(")").length, line);
      }
    }
  }
});

/** Bits per byte of the training text after the last step that was taken, smoothed. */
function bitsOf(events: readonly GptProgress[]): number {
  const last = events.findLast((event) => event.kind === "step");
  const start = events.find((event) => event.kind === "start");
  if (last?.kind !== "step" || start?.kind !== "start") throw new Error("wanted steps");
  return last.smoothLoss / Math.LN2 / start.bytesPerToken;
}

let begun: Promise<GptProgress[]> | null = null;
/** The first 100 steps of the default GPT. */
const beginDefault = () => begun ??= trainInDeno({ spec: preset, steps: 100 });

Deno.test("the default GPT predicts its text with fewer than 2.3 bits per byte after 100 of 400 steps", async () => {
  const bits = bitsOf(await beginDefault());
  assert(bits < 2.3, `${bits}`);
});

Deno.test("the lesson tells the size of the default GPT, and how much it reads", async () => {
  const [start] = await beginDefault();
  if (start?.kind !== "start") throw new Error("wanted the start");
  const tokens = BATCH * preset.context;
  const wanted = [start.parameters, tokens, tokens * preset.steps].map((one) =>
    one.toLocaleString("en")
  );
  const prose = await Deno.readTextFile(new URL("./words/lesson.md", import.meta.url));
  const table = prose.slice(prose.indexOf("| The GPT below |")).split("\n").slice(2, 5);
  assertEquals(table.map((row) => /([\d,]+)/.exec(row.split("|")[3]!)![1]), wanted);
});

Deno.test("the quick preset answers nearly all new questions right", async () => {
  // The settings of the button of that name.
  const events = await trainInDeno({ spec: { ...preset, width: 32, context: 32, steps: 200 } });
  const last = events.findLast((event) => event.kind === "measurement");
  if (last?.kind !== "measurement") throw new Error("wanted a measurement");
  assert(last.values.share! >= 0.9, `${last.values.share}`);
});

Deno.test("every optimizer and schedule learns", async () => {
  for (
    const [optimizer, schedule] of [["muon", "cosine"], ["adamw", "constant"], [
      "sgd",
      "trapezoid",
    ]] as const
  ) {
    const spec = { ...small, merges: 0, optimizer, schedule, steps: 60 };
    const bits = bitsOf(await trainInDeno({ spec }));
    assert(bits < 4, `${optimizer}, ${schedule}: ${bits}`);
  }
});

Deno.test("a run that goes on from files is the run that was never stopped", async () => {
  for (const optimizer of ["muon", "adamw", "sgd"] as const) {
    const spec = { ...small, optimizer, steps: 12 };
    const whole = lossesOf(await trainInDeno({ spec }));
    const first = await trainInDeno({ spec, steps: 5 });
    const one = await trainInDeno({ from: filesOf(first), own: "", steps: 1 });
    const rest = await trainInDeno({ from: filesOf(one), own: "" });
    assertEquals([first, one, rest].flatMap(lossesOf), whole, optimizer);
    assertEquals(lossesOf(one).length, 1);
  }
});

Deno.test("gradient norms are those of the gradients that update the parameters", async () => {
  const spec = { ...small, depth: 2, optimizer: "sgd", schedule: "constant" } as const;
  const before = filesOf(await trainInDeno({ spec, steps: 9 }));
  const events = await trainInDeno({ from: before, own: "", steps: 1 });
  const found = events.find((event) => event.kind === "gradients");
  if (found?.kind !== "gradients") throw new Error("wanted gradients");
  assertEquals([found.step, found.norms.size], [10, 13]);
  const velocities = async (files: ModelFiles, step: string) =>
    readSafetensors(await files.get(`optim_${step}.safetensors`)!.bytes());
  const [old, now] = [
    await velocities(before, "000009"),
    await velocities(filesOf(events), "000010"),
  ];
  for (const [name, norm] of found.norms) {
    const [from, to] = [old, now].map((state) => state.get(`${name}.velocity`)!.data);
    // The momentum is 0.9 of what it was, and the gradient.
    const gradient = Array.from(
      { length: to!.length },
      (_, i) => Number(to![i]) - 0.9 * Number(from![i]),
    );
    assertAlmostEquals(norm, Math.hypot(...gradient), 1e-5 * norm, name);
  }
});

Deno.test("settings of another page, damaged ones and those out of range are refused in a sentence", async () => {
  const { own: _own, ...settings } = small;
  assertEquals(specOf({ ...settings, more: 1 }, "").steps, small.steps);
  const wrong = { task: "poems", merges: -1, depth: 5, width: 0, heads: "2", context: 1.5 };
  const others = { seed: 21, optimizer: "adam", rate: 0, schedule: null, steps: 1e9 };
  for (const [name, value] of Object.entries({ ...wrong, ...others })) {
    assertThrows(
      () => specOf({ ...settings, [name]: value }, ""),
      Error,
      `as "${name}", got ${JSON.stringify(value)}; start another run`,
    );
  }
  const files = new Map(filesOf(await trainInDeno({ spec: { ...small, steps: 1 } })));
  const meta = await files.get("meta_000001.json")!.text();
  const { sha256: _digest, ...content } = JSON.parse(meta);
  content.settings = { device: "cpu" };
  files.set("meta_000001.json", new Blob([JSON.stringify(content)]));
  await assertRejects(
    () => trainInDeno({ from: files, own: "" }),
    Error,
    'Cannot go on with this model: wanted one of sort, reverse, add, parentheses, names, animals, stories, own as "task", got none',
  );
});

Deno.test("every depth goes with every width and number of heads", async () => {
  for (const [depth, width, heads] of [[3, 64, 2], [4, 32, 4], [3, 128, 1]] as const) {
    const spec = { ...small, depth, width, heads, context: 16, steps: 1 };
    assertEquals(lossesOf(await trainInDeno({ spec })).length, 1);
  }
});

Deno.test("a text that is too short, or another than that of the files, is refused", async () => {
  const own = "to be or not to be ";
  const spec = { ...small, task: "own", own, merges: 0, context: 16, steps: 1 } as const;
  await assertRejects(
    () => trainInDeno({ spec }),
    RangeError,
    "Cannot train the GPT: wanted a text of more than 1280 tokens, got 19",
  );
  const long = { ...spec, own: own.repeat(300), merges: 8 };
  const from = filesOf(await trainInDeno({ spec: long }));
  await assertRejects(
    () => trainInDeno({ from, own: "who is there ".repeat(400) }),
    Error,
    "Cannot go on: wanted the text that the model was trained on, got another",
  );
});

const losses = (page: Page) => page.getAttribute("[data-losses]", "data-losses");

/** Waits until so many steps are done. */
async function untilStep(page: Page, step: number): Promise<void> {
  await page.waitForFunction(
    (step) => Number(document.querySelector("[data-row=gptStep]")?.textContent) >= step,
    step,
  );
}

/** Pauses after so many steps, in the page itself: a short run may be over before another program hears of it. */
async function pauseAt(page: Page, step: number): Promise<void> {
  await page.evaluate(
    (step) =>
      new Promise<void>((resolve) => {
        const widget = document.querySelector("[data-widget=gpt]")!;
        const observer = new MutationObserver(() => {
          const shown = widget.querySelector("[data-row=gptStep]")?.textContent;
          const pause = [...widget.querySelectorAll("button")]
            .find(({ textContent }) => textContent === "Pause");
          if (pause === undefined || Number(shown) < step) return;
          observer.disconnect();
          pause.click();
          resolve();
        });
        observer.observe(widget, { characterData: true, childList: true, subtree: true });
      }),
    step,
  );
}

pageTest("a page trains the GPT that Deno trains, to the last bit", async () => {
  const events = await trainInDeno({ spec: small });
  const wanted = lossesOf(events);
  assertEquals(wanted.length, 20);
  const gradients = events.findLast((event) => event.kind === "gradients");
  if (gradients?.kind !== "gradients") throw new Error("wanted gradients");
  assertEquals(gradients.step, 20);
  for (const way of ["plain", "file"] as const) {
    await using opened = await openSite(way);
    const page = await opened.page({ path: link });
    await new Widget(page, "gpt").press("Start");
    await page.waitForSelector("text=Download meta_000020.json");
    assertEquals(await losses(page), wanted.join(), way);
    const shown = await new Widget(page, "gpt").table("gradients");
    assertEquals(
      shown.map(([, norm]) => norm),
      [...gradients.norms.values()].map((norm) => fixed(norm, 5)),
      way,
    );
    assertEquals(opened.problems, []);
  }
});

pageTest(
  "the default GPT falls below 2.3 bits per byte in the page, with the losses of Deno",
  async () => {
    await using opened = await openSite("isolated");
    const page = await opened.page({ path: "#gptDevice=cpu" });
    const widget = new Widget(page, "gpt");
    await widget.press("Start");
    await page.waitForFunction(
      () => Number(document.querySelector("[data-row=gptBits]")?.textContent) < 2.3,
    );
    await widget.press("Pause");
    await page.waitForSelector("[data-widget=gpt] button:has-text('Go on'):enabled");
    const steps = Number((await widget.rows()).gptStep);
    assert(steps <= 400, `${steps}`);
    const events = steps <= 100 ? beginDefault() : trainInDeno({ spec: preset, steps });
    assertEquals(await losses(page), lossesOf(await events).slice(0, steps).join());
    assertEquals(opened.problems, []);
  },
);

pageTest(
  "a run that is paused, reloaded, goes on, is downloaded and loaded is the run that never was",
  async () => {
    // Far more than are done until it is paused, also on a fast machine, or where the page is slow to pause.
    const steps = 120;
    const wanted = lossesOf(await trainInDeno({ spec: { ...small, steps } })).join();
    await using opened = await openSite("isolated");
    const context = await opened.context({ acceptDownloads: true });
    const page = await opened.page({
      context,
      path: link.replace("gptSteps=20", `gptSteps=${steps}`),
    });
    const widget = new Widget(page, "gpt");
    const paused = pauseAt(page, 5);
    await widget.press("Start");
    await paused;
    await page.waitForSelector("[data-widget=gpt] button:has-text('Go on'):enabled");
    const step = Number((await widget.rows()).gptStep);
    assert(step < steps, `${step}`);
    await widget.press("One step");
    await untilStep(page, step + 1);
    await page.waitForSelector("[data-widget=gpt] button:has-text('Go on'):enabled");
    assertEquals((await widget.rows()).gptStep, `${step + 1}`);

    await page.reload();
    await page.waitForSelector("[data-widget=gpt] button:has-text('Go on'):enabled");
    assertEquals((await widget.rows()).gptStep, `${step + 1}`);
    const download = async (folder: string) => {
      for (
        const button of await page.locator("[data-widget=gpt] button:has-text('Download')").all()
      ) {
        const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
        await file.saveAs(`${folder}/${file.suggestedFilename()}`);
      }
    };
    const home = await Deno.makeTempDir();
    try {
      await download(`${home}/paused`);
      const inside = page.locator("[data-widget=inside] button", {
        hasText: "Open the GPT that you trained",
      });
      await inside.click();
      await page.waitForSelector(`text=Trained for ${step + 1} steps`);
      await widget.press("Go on");
      await page.waitForSelector(`text=Download meta_000${steps}.json`);
      assertEquals(await losses(page), wanted);
      // Section 11 follows.
      await page.waitForSelector(`text=Trained for ${steps} steps`);

      // The downloaded checkpoint goes on, too.
      await widget.press("Reset");
      const paused = Array.from(Deno.readDirSync(`${home}/paused`), ({ name }) => name);
      assertEquals(paused.length, 4);
      await page.setInputFiles("#gptFiles", paused.map((name) => `${home}/paused/${name}`));
      await page.waitForSelector("[data-widget=gpt] button:has-text('Go on'):enabled");
      await widget.press("Go on");
      await page.waitForSelector(`text=Download meta_000${steps}.json`);
      assertEquals(await losses(page), wanted.split(",").slice(step + 1).join());

      // `task sample` writes what the page writes.
      const folder = `${home}/base_checkpoints/page`;
      await download(folder);
      await inside.click();
      await page.fill("#look", "1+1=");
      await page.focus("#lookTemperature");
      await page.keyboard.press("Home");
      await page.waitForFunction(() =>
        document.querySelectorAll("[data-table=next] tbody tr").length === 1
      );
      await new Widget(page, "inside").press("Sample 32 tokens");
      await page.waitForFunction(() =>
        document.querySelector<HTMLElement>("[data-ids]")?.dataset.ids?.split(",").length === 32
      );
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--lock=deno.lock", "scripts/sample.ts"]
          .concat(["--model-tag=page", `--step=${steps}`, "--temperature=0", "--max-tokens=32"])
          .concat(["--device=cpu", "--no-blas", "--prompt=1+1="]),
        cwd: new URL("../", import.meta.url),
        env: { NANODINO_HOME: home },
      }).output();
      const shown = await page.$$eval(
        "[data-widget=inside] .tokens button",
        (tokens) => tokens.slice(-32).map((token) => token.textContent).join(""),
      );
      const said = new TextDecoder().decode(stdout).trimEnd();
      assertEquals(shown.replaceAll("⏎", "\n").trimEnd(), said.slice("1+1=".length));
      assertEquals(opened.problems, []);
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  },
);

pageTest("settings are in the link, presets set them, and runs are compared", async () => {
  await using opened = await openSite("isolated");
  const page = await opened.page({ path: `${link}&gptOptimizer=sgd&schedule=cosine&gptRate=3.0` });
  const widget = new Widget(page, "gpt");
  assertEquals(await page.inputValue("#gptOptimizer"), "sgd");
  assertEquals(await page.inputValue("#schedule"), "cosine");
  const rates = await page.locator("#gptRate option").evaluateAll((all) =>
    all.map((one) => one.getAttribute("value"))
  );
  assertEquals(rates, ["0.1", "0.3", "1.0", "3.0", "10.0"]);
  await widget.press("Start");
  await page.waitForSelector("text=Download meta_000020.json");
  await page.locator("[data-widget=gpt] summary").evaluateAll((all) =>
    all.forEach((one) => (one as HTMLElement).click())
  );
  const merges = await page.textContent("[data-merges]");
  assertEquals(merges?.split("→").length, 65);
  await page.selectOption("#gptOptimizer", "adamw");
  await widget.press("Start");
  await page.waitForSelector("text=Download meta_000020.json");
  const runs = await widget.table("runs");
  assertEquals(
    runs.map(([name, steps]) => [name, steps]),
    ["sgd", "adamw"].map((optimizer) => [`add, 1 × 32, ${optimizer} × 3, seed 1`, "20"]),
  );
  assert(runs.every(([, , bits]) => Number(bits) > 0), runs.join());
  assertEquals(await violations(page, "gpt"), []);

  await widget.press("A quick one");
  await page.selectOption("#task", "own");
  await page.fill("#ownText", "once & again");
  await page.waitForFunction(() => location.hash.includes("again"));
  const other = await opened.page({ path: new URL(page.url()).hash });
  assertEquals(await other.inputValue("#ownText"), "once & again");
  assertEquals(await other.textContent("output[for=gptWidth]"), "32");

  // Values stored by an earlier version of the page are not read.
  await page.evaluate(() =>
    new Promise((resolve) => {
      indexedDB.open("keyval-store").onsuccess = ({ target }) => {
        const store = (target as IDBOpenDBRequest).result.transaction("keyval", "readwrite");
        store.oncomplete = resolve;
        store.objectStore("keyval").put({ shown: {} }, "nanodino gpt");
      };
    })
  );
  await page.reload();
  await page.waitForFunction(() =>
    document.querySelector("[data-gpt-device]")?.textContent?.startsWith("Your browser kept")
  );
  assertEquals(opened.problems, []);
});
