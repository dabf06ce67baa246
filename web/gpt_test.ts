/** The GPT of section 10: in a page as in Deno, and in the files that `task sample` reads. */

import { assert, assertEquals } from "@std/assert";
import { loadModel, openCheckpoint, writeTexts } from "../gpt/mod.ts";
import { openDevice } from "../tensor/mod.ts";
import { type GptProgress, type GptSpec, trainGpt } from "./engine/gpt.ts";
import { taskLines, textTasks } from "./engine/texts.ts";
import { openSite, pageTest, Widget } from "./testing/pages.ts";

const small: GptSpec = {
  task: "add",
  own: "",
  merges: 64,
  depth: 1,
  width: 32,
  heads: 2,
  context: 32,
  seed: 1,
  steps: 20,
};
const link = "#task=add&merges=64&gptDepth=1&gptWidth=32&context=32&gptSteps=20&gptDevice=cpu";

/** Trains in Deno. */
async function trainInDeno(spec: GptSpec): Promise<GptProgress[]> {
  const device = await openDevice("cpu", { blas: false, threads: 2 });
  try {
    return await Array.fromAsync(trainGpt(device, spec, new AbortController().signal));
  } finally {
    await device.close();
  }
}

const lossesOf = (events: readonly GptProgress[]) =>
  events.flatMap((event) => event.kind === "step" ? [event.loss] : []);

Deno.test("the lines of a task follow its rule", () => {
  for (const task of textTasks) {
    const lines = taskLines(task, 1, 200);
    assert(new Set(lines).size > 50, task);
    assertEquals(lines, taskLines(task, 1, 200));
    for (const line of lines) {
      const [question = "", answer = ""] = line.split(/[>=]/);
      const right = {
        sort: () => [...question].sort().join(""),
        reverse: () => [...question].reverse().join(""),
        add: () => `${question.split("+").reduce((sum, part) => sum + Number(part), 0)}`,
        parentheses: () => "",
      }[task]();
      assertEquals(answer, right, line);
      if (task === "parentheses") {
        assertEquals(line.split("(").length, line.split(")").length, line);
      }
    }
  }
});

Deno.test("the default GPT predicts its text with fewer than 2.3 bits per byte after 100 steps", async () => {
  const preset = { ...small, task: "sort", merges: 0, depth: 2, width: 64, context: 64 } as const;
  const events = await trainInDeno({ ...preset, steps: 100 });
  const last = events.findLast((event) => event.kind === "step");
  const start = events.find((event) => event.kind === "start");
  if (last?.kind !== "step" || start?.kind !== "start") throw new Error("wanted steps");
  const bits = last.smoothLoss / Math.LN2 / start.bytesPerToken;
  assert(bits < 2.3, `${bits}`);
});

Deno.test("every depth goes with every width and number of heads", async () => {
  for (const [depth, width, heads] of [[3, 64, 2], [4, 32, 4], [3, 128, 1]] as const) {
    const events = await trainInDeno({ ...small, depth, width, heads, context: 16, steps: 1 });
    assertEquals(lossesOf(events).length, 1);
  }
});

Deno.test("a text that is too short for the context is refused with what was wanted", async () => {
  let message = "";
  await trainInDeno({ ...small, task: "own", own: "to be or not to be" })
    .catch((error) => message = error.message);
  assert(
    message.startsWith("Cannot train the GPT: wanted a text of more than 2560 tokens"),
    message,
  );
});

pageTest(
  "a page trains the GPT that Deno trains, to the last bit, and keeps it as a checkpoint",
  async () => {
    const events = await trainInDeno(small);
    const losses = lossesOf(events);
    assertEquals(losses.length, 20);
    for (const way of ["isolated", "plain", "file"] as const) {
      await using opened = await openSite(way);
      const page = await opened.page({ path: link, acceptDownloads: true });
      const widget = new Widget(page, "gpt");
      await widget.press("Start");
      if (way === "isolated") {
        // A pause changes nothing.
        await widget.press("Pause");
        await page.waitForTimeout(100);
        await widget.press("Go on");
      }
      await page.waitForSelector("[data-widget=gpt] a[download]", { timeout: 120_000 });
      assertEquals(await page.getAttribute("[data-losses]", "data-losses"), losses.join(), way);
      assertEquals(opened.problems, []);
      if (way !== "isolated") continue;

      const folder = await Deno.makeTempDir();
      try {
        for (const link of await page.locator("[data-widget=gpt] a[download]").all()) {
          const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
          await download.saveAs(`${folder}/${download.suggestedFilename()}`);
        }
        const model = "model_000020.safetensors";
        const files = events.findLast((event) => event.kind === "files")!.files;
        assertEquals(await Deno.readFile(`${folder}/${model}`), files.get(model)!);
        const checkpoint = await openCheckpoint(folder, 20);
        const device = await openDevice("cpu", { blas: false, threads: 1 });
        const loaded = await loadModel(checkpoint, device);
        const greedy = { maxTokens: 8, temperature: 0 };
        const [text] = await writeTexts(loaded, checkpoint.tokenizer, "1+1=", greedy);
        assert(text !== undefined && text.length > 0);
        await device.close();
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }
  },
);
