/** The dashboard in a browser, beside runs that train, are killed, and leave damaged files. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { BrowserContext, BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import { readMetrics } from "../gpt/mod.ts";
import { openContext } from "../testing/browser/shared.ts";
import { pageTest, svgFaults, unreached, violations } from "../web/testing/pages.ts";
import { command, makeCorpus, makeHome, runScript } from "./testing/run_script.ts";
import { serveScript as serve } from "./testing/served.ts";
import { waitUntil } from "./testing/wait.ts";

const corpus = await makeCorpus();

/** A run of 30 steps at depth 1. */
const flags = [
  ..."--depth 1 --aspect-ratio 32 --head-dim 32 --max-seq-len 32 --device-batch-size 2".split(" "),
  ..."--total-batch-size 64 --num-iterations 30 --eval-tokens 500 --device cpu".split(" "),
  ..."--threads 1 --no-blas --eval-every 10 --sample-every 15".split(" "),
  ...["--data", corpus],
];

/** Runs a test with a browser; errors of its pages and requests to others fail it. */
async function withBrowser(body: (open: Open) => Promise<void>): Promise<void> {
  const contexts: BrowserContext[] = [];
  const problems: string[] = [];
  try {
    await body(async (url, options = {}) => {
      const context = await openContext(options);
      contexts.push(context);
      const page = await context.newPage();
      page.on("pageerror", (error) => problems.push(`${error.stack}`));
      page.on("request", (request) => {
        if (
          !/^(data|blob):/.test(request.url()) && !request.url().startsWith(new URL(url).origin)
        ) {
          problems.push(request.url());
        }
      });
      await page.goto(url);
      await page.waitForSelector("html[data-ready]");
      return page;
    });
    assertEquals(problems, []);
  } finally {
    for (const context of contexts) await context.close();
  }
}

type Open = (url: string, options?: BrowserContextOptions) => Promise<Page>;

/** The cells of the table of values, by figure. */
const values = (page: Page): Promise<Record<string, string[]>> =>
  page.$$eval("[data-table=values] tbody tr", (rows) =>
    Object.fromEntries(rows.map((row) => {
      const [name, ...cells] = [...row.children].map(({ textContent }) => textContent);
      return [name, cells];
    })));

/** Waits until the table of values has the given ones. */
async function showsValues(page: Page, wanted: Readonly<Record<string, string[]>>): Promise<void> {
  let found: Record<string, string[] | undefined> = {};
  for (let i = 0; i < 2000; i++) {
    const all = await values(page);
    found = Object.fromEntries(Object.keys(wanted).map((name) => [name, all[name]]));
    if (JSON.stringify(found) === JSON.stringify(wanted)) return;
    await page.waitForTimeout(50);
  }
  assertEquals(found, wanted);
}

const shown = (value: unknown): string =>
  (value as number).toLocaleString("en", { maximumSignificantDigits: 6 });

const folderOf = (home: string, tag: string): string => `${home}/base_checkpoints/${tag}`;

/** Writes a run that nothing trains. */
async function writeRun(home: string, tag: string, metrics: string): Promise<string> {
  const folder = folderOf(home, tag);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/metrics.jsonl`, metrics);
  return `${folder}/metrics.jsonl`;
}

const line = (step: number, loss: number): string =>
  `${JSON.stringify({ kind: "step", step, loss, seconds: 0.1, tokensPerSecond: 640 })}\n`;

pageTest("a run is followed to its end, and a second one laid over it", async () => {
  const home = await makeHome(corpus);
  await using dashboard = await serve("dashboard.ts", [], home);
  await withBrowser(async (open) => {
    const page = await open(dashboard.url);
    await page.waitForSelector("text=There are no runs yet");
    // Without a run there is nothing to choose, to read or to download.
    assertEquals(await page.locator("section").count(), 1);
    const args = [...flags, "--model-tag", "one"];
    const child = command("base_train.ts", args, home).spawn();
    // Nobody touches the page, which shows the run.
    await page.waitForSelector("[data-run='base/one']");
    assertEquals((await child.output()).code, 0);
    await page.waitForSelector("[data-run='base/one'][data-state=finished]");

    // The page was empty when it was opened: now it shows the latest run.
    await page.reload();
    const metrics = await readMetrics(`${folderOf(home, "one")}/metrics.jsonl`);
    const last = metrics.findLast(({ kind }) => kind === "step")!;
    const evaluation = metrics.findLast(({ kind }) => kind === "evaluation")!;
    await showsValues(page, {
      "Loss, nats per token": [shown(last.loss)],
      "Loss, smoothed": [shown(last.smoothLoss)],
      "Validation, bits per byte": [shown(evaluation.bitsPerByte)],
      "Memory in use, bytes": [shown(last.liveBytes)],
      "Memory at the peak, bytes": [shown(last.peakBytes)],
    });
    // Figures and settings have the names of reports and flags, none of code.
    const names = await page.$$eval(
      "[data-table=values] th, [data-table=all-settings] th",
      (all) => all.map(({ textContent }) => textContent!),
    );
    assert(names.includes("--matrix-lr") && names.includes("Device"), `${names}`);
    assertEquals(names.filter((name) => /[a-z][A-Z]/.test(name)), []);
    // Memory is one chart, and the device does not push the table beyond the window.
    assertEquals(await page.locator("[data-figure=memory] .curve").count(), 2);
    assertEquals(await page.locator("[data-figure=peakBytes]").count(), 0);
    assert(!(await page.innerText("[data-table=runs]")).includes("WebAssembly"));
    const table = page.locator(".scroll:has([data-table=runs])");
    assert(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth));
    // The only run cannot be taken away: its curves would stay, beside a box that says they are not there.
    assertEquals(await page.isDisabled("[data-run='base/one'] input"), true);
    const samples = await page.$$eval(".sample", (all) => all.map((one) => one.textContent));
    assertEquals(samples, [
      ...metrics.findLast(({ kind }) => kind === "samples")!.texts as string[],
    ]);

    // The link leads into the model that the run saved last.
    const link = page.getByRole("link", { name: "Open inside base/one" });
    const inside = await open(`${dashboard.url}/${await link.getAttribute("href")}`);
    await inside.waitForSelector("[data-widget=inside] [data-table=lens]");
    assertMatch((await inside.textContent("[data-widget=inside]"))!, /Trained for 30 steps/);
    // It looks at a text that fits any corpus, as this one is the reader's own.
    const looked = await inside.inputValue("[data-widget=inside] textarea");
    assertEquals(looked, "Once upon a time, there was a cat.");
    await inside.close();

    const more = [...flags, "--model-tag", "two", "--seed", "1"];
    assertEquals((await runScript("base_train.ts", more, home)).code, 0);
    await page.waitForSelector("[data-run='base/two'][data-state=finished]");
    await page.focus("[data-run='base/two'] input");
    await page.keyboard.press("Space");
    await page.waitForFunction(() =>
      document.querySelectorAll("[data-table=values] thead th").length === 3
    );
    assertEquals(await page.isDisabled("[data-run='base/one'] input"), false);
    // Two runs, each with its loss and the average.
    assertEquals(await page.getAttribute("[data-figure=loss]", "data-points"), "120");
    const differences = await page.$$eval(
      "[data-table=settings] tbody th",
      (all) => all.map(({ textContent }) => textContent),
    );
    assertEquals(differences, ["--seed", "--model-tag"]);
    // The state is in the link.
    await page.selectOption("#axis", "tokens");
    await page.selectOption("#scale", "log");
    await page.focus("#at");
    await page.keyboard.press("Home");
    const first = metrics.find(({ kind }) => kind === "step")!;
    await page.waitForFunction(
      (loss) => document.querySelector("[data-table=values] td")?.textContent === loss,
      shown(first.loss),
    );
    await page.waitForFunction(() => /axis=tokens.*scale=log.*at=0/.test(location.hash));
    const again = await open(page.url());
    await again.waitForFunction(() =>
      document.querySelectorAll("[data-table=values] thead th").length === 3
    );
    await showsValues(again, await values(page));
    const download = again.waitForEvent("download");
    await again.getByRole("button", { name: "Download as CSV" }).click();
    const csv = await Deno.readTextFile(await (await download).path());
    const steps = csv.split("\n").filter((row) => /^base\/(one|two),step,/.test(row));
    assertEquals(steps.length, 60);

    assertEquals(await unreached(page), []);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [320, 360, 1280]) {
        await page.setViewportSize({ width, height: 740 });
        if (width > 320 && (width > 360 || colorScheme === "light")) {
          assertEquals(await violations(page), [], `${colorScheme}, ${width}`);
          assertEquals(await page.evaluate(svgFaults), [], `${width}`);
        }
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert(wide <= width, `${wide} at ${width}`);
        const cut = await page.$eval(
          ".scroll:has([data-table=runs])",
          (one) => one.scrollWidth > one.clientWidth,
        );
        assert(!cut, `the list of runs scrolls at ${width}`);
      }
    }
    const policy = (await page.request.get(dashboard.url)).headers()["content-security-policy"]!;
    assertMatch(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
  });
});

pageTest(
  "lines that a killed run wrote after its checkpoint are removed when it resumes",
  async () => {
    const home = await makeHome(corpus);
    await using dashboard = await serve("dashboard.ts", [], home);
    const args = [
      ...flags,
      "--model-tag",
      "killed",
      "--num-iterations",
      "100000",
      "--save-every",
      "50",
    ];
    const child = command("base_train.ts", args, home).spawn();
    const path = `${folderOf(home, "killed")}/metrics.jsonl`;
    const lastStep = async () => (await readMetrics(path)).at(-1)?.step ?? 0;
    await waitUntil("70 steps", async () => await lastStep() >= 70);
    child.kill("SIGKILL");
    await child.output();
    const killed = await lastStep();
    await withBrowser(async (open) => {
      const page = await open(`${dashboard.url}/`);
      await page.waitForFunction(
        (step) => document.querySelector("output[for=at]")?.textContent === step,
        `${killed}`,
      );
      // The lock is still there, but nobody holds it.
      await page.waitForSelector("[data-run='base/killed'][data-state=stopped]");
      const row = page.locator("[data-table=runs] tbody tr");
      assertMatch(
        (await row.innerText()).replaceAll(/\s+/g, " "),
        /base\/killed stopped [\d,]+ of 100,000 /,
      );
      assertEquals(await row.locator(".state.stopped, progress").count(), 2);
      const more = ["--resume", "--model-tag", "killed", "--num-iterations", `${killed + 20}`];
      assertEquals((await runScript("base_train.ts", more, home)).code, 0);
      await page.waitForSelector("[data-run='base/killed'][data-state=finished]");
      await page.waitForFunction(
        (step) => document.querySelector("output[for=at]")?.textContent === step,
        `${killed + 20}`,
      );
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Download as CSV" }).click();
      const csv = await Deno.readTextFile(await (await download).path());
      const steps = csv.split("\n").flatMap((row) => /,step,(\d+),/.exec(row)?.[1] ?? []).map(
        Number,
      );
      assertEquals(steps, Array.from({ length: killed + 20 }, (_, step) => step));
    });
  },
);

pageTest(
  "files that are half written, empty, damaged or long are shown as far as they go",
  async () => {
    const home = await Deno.makeTempDir();
    const half = await writeRun(home, "half", line(0, 3) + line(1, 2).slice(0, 20));
    await writeRun(home, "empty", "");
    await writeRun(home, "damaged", `${line(0, 3)}{"kind": oops}\n${line(2, 1)}`);
    const long = Array.from(
      { length: 100_000 },
      (_, step) => line(step, 3 + Math.sin(step / 5000)),
    );
    await writeRun(home, "long", long.join(""));
    await writeRun(home, "a-name-".repeat(20), line(0, 3));
    await using dashboard = await serve("dashboard.ts", [], home);
    await withBrowser(async (open) => {
      const page = await open(`${dashboard.url}/#runs=base%2Fhalf`);
      assertEquals(await page.getAttribute("[data-figure=loss]", "data-points"), "2");
      // However long a name is, the figures beside it are in view.
      const table = page.locator(".scroll:has([data-table=runs])");
      assert(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth));
      await Deno.writeTextFile(half, line(1, 2).slice(20), { append: true });
      await page.waitForSelector("[data-figure=loss][data-points='4']");
      await showsValues(page, { "Loss, nats per token": ["2"] });

      assertMatch(
        (await page.textContent("[data-problem='base/damaged']"))!,
        /^Cannot read .*metrics\.jsonl, line 2: wanted an object with a step, got \{"kind": oops\}/,
      );
      const damaged = await open(`${dashboard.url}/#runs=base%2Fdamaged`);
      assertEquals(await damaged.getAttribute("[data-figure=loss]", "data-points"), "4");

      // It takes some tenths of a second. Other work of the machine can only make it slower.
      let latency = Infinity;
      for (let step = 2; step < 7 && latency > 5000; step++) {
        const start = performance.now();
        await Deno.writeTextFile(half, line(step, 2), { append: true });
        await page.waitForSelector(`[data-figure=loss][data-points='${2 * step + 2}']`);
        latency = Math.min(latency, performance.now() - start);
      }
      assert(latency <= 5000, `${latency} ms`);
      const points = await page.getAttribute("[data-figure=loss]", "data-points");
      let milliseconds = Infinity;
      for (let i = 0; i < 5 && milliseconds > 5000; i++) {
        await page.evaluate(() => location.hash = "runs=base%2Fhalf");
        await page.waitForSelector(`[data-figure=loss][data-points='${points}']`);
        const start = performance.now();
        await page.evaluate(() => location.hash = "runs=base%2Flong");
        await page.waitForSelector("[data-figure=loss][data-points='200000']");
        milliseconds = Math.min(milliseconds, performance.now() - start);
      }
      assert(milliseconds <= 5000, `${milliseconds} ms`);
    });
  },
);

pageTest("a run is saved and stopped by its own page, and by no other", async () => {
  const home = await makeHome(corpus);
  const args = [...flags, "--num-iterations", "1000000", "--model-tag", "own", "--dashboard"];
  await using run = await serve("base_train.ts", args, home);
  await withBrowser(async (open) => {
    const page = await open(run.url);
    const token = await page.getAttribute("meta[name=token]", "content");
    const post = async (headers: Record<string, string>) => {
      const url = new URL(run.url);
      // A client that says what it likes about itself, as fetch does not.
      using socket = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
      const lines = Object.entries({ host: url.host, connection: "close", ...headers })
        .map(([name, value]) => `${name}: ${value}\r\n`);
      const request = `POST /stop HTTP/1.1\r\n${lines.join("")}content-length: 0\r\n\r\n`;
      await socket.write(new TextEncoder().encode(request));
      return Number((await new Response(socket.readable).text()).split(" ")[1]);
    };
    assertEquals(await post({}), 403);
    assertEquals(await post({ "x-token": "another" }), 403);
    assertEquals(await post({ "x-token": token!, host: "evil.example" }), 403);
    assertEquals(await post({ "x-token": token!, origin: "https://evil.example" }), 403);

    await page.getByRole("button", { name: "Save now" }).click();
    await waitUntil("a checkpoint", () => run.output().includes("Saved "));
    // The run goes on while one looks inside what it saved.
    const link = page.getByRole("link", { name: "Open inside base/own" });
    const inside = await open(`${run.url}/${await link.getAttribute("href")}`);
    await inside.waitForSelector("[data-widget=inside] [data-table=lens]");
    await inside.close();
    await page.focus("text=Stop and save");
    await page.keyboard.press("Enter");
    const { code } = await run.child.status;
    assertEquals(code, 130, run.output());
    assertMatch(
      run.output(),
      /Stopped after step \d+ of \d+\. To resume: deno task train --resume/,
    );
    await page.waitForSelector("text=The run has ended");
    const metrics = await readMetrics(`${folderOf(home, "own")}/metrics.jsonl`);
    // An evaluation or samples may have come after it.
    const last = metrics.findLast(({ kind }) => kind === "step")!;
    await showsValues(page, { "Loss, nats per token": [shown(last.loss)] });
  });
});

Deno.test("the page of a run answers while the thread that trains computes", async () => {
  const home = await makeHome(corpus);
  const gate = `${home}/gate`;
  const args = [
    gate,
    ...flags,
    "--num-iterations",
    "1000000",
    "--model-tag",
    "busy",
    "--dashboard",
  ];
  await using served = await serve("testing/busy_training.ts", args, home);
  await waitUntil("a computation", () => served.output().includes("Computing until"));
  for (const path of ["/", "/dashboard.js"]) {
    const response = await fetch(served.url + path, { signal: AbortSignal.timeout(60_000) });
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }
  await Deno.writeTextFile(gate, "");
  served.child.kill("SIGINT");
  assertEquals((await served.child.status).code, 130);
  // The server has ended with the run.
  assertEquals(await fetch(served.url).then(() => "an answer", () => "none"), "none");
});
