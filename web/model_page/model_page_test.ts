/** A model as one page: it opens from a disk, answers as Deno does, and loads nothing. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { RowState } from "../../gpt/browser_internals.ts";
import { openContext } from "../../testing/browser/shared.ts";
import { answerChat, openChat, type Question } from "../engine/chat.ts";
import { filesOf, onCpu, small, trainInDeno } from "../testing/gpt.ts";
import { answersInDeno, askPage, filesInPage, setGreedy } from "../testing/model_page.ts";
import { openSite, pageTest, violations, Widget } from "../testing/pages.ts";
import { readSafetensors } from "../../tensor/mod.ts";
import { modelPageTemplate } from "./build.ts";
import { packCheckpoint, packModel, unpackFiles, unpackModel } from "./eight_bits.ts";
import { fillTemplate, type ModelCard } from "./template.ts";

const hostile =
  `</title></script><script>document.title = "broken in"</script><img src=x onerror=a()>$&`;

const card: ModelCard = {
  id: "A GPT of your own, with a name that no phone has room for",
  stage: "sft",
  origin: "step 20 of 20",
  examples: ["What can you do?"],
  facts: [["Bits per byte", "1.2345"]],
};

let made: Promise<Map<string, Blob>> | null = null;
/** A small model, packed in 8 bits. */
function model(): Promise<Map<string, Blob>> {
  return made ??= (async () => {
    const files = filesOf(await trainInDeno({ spec: { ...small, context: 128, width: 64 } }));
    const bytes = Array.from(files, async ([name, file]) => [name, await file.bytes()] as const);
    const packed = await packCheckpoint(new Map(await Promise.all(bytes)));
    return new Map([...packed].map(([name, content]) => [name, new Blob([content])]));
  })();
}

Deno.test("a packed model is within half a notch of its own, and a quarter as large", async () => {
  const files = filesOf(await trainInDeno({ spec: small }));
  const file = await files.get("model_000020.safetensors")!.bytes();
  const packed = packModel(file);
  assert(packed.length < 0.28 * file.length, `${packed.length} of ${file.length}`);
  const unpacked = unpackModel(packed);
  assertEquals(unpackModel(packed), unpacked);
  const [before, after] = [readSafetensors(file), readSafetensors(unpacked)];
  assertEquals([...after.keys()].sort(), [...before.keys()].sort());
  let worst = 0;
  for (const [name, { data, shape }] of before) {
    const { data: found, dtype, shape: foundShape } = after.get(name)!;
    assertEquals([dtype, foundShape], ["float32", shape]);
    for (let start = 0; start < data.length; start += 64) {
      const block = Array.from(data.slice(start, start + 64), Number);
      // Scales are rounded up, by 1/128 at most.
      const notch = Math.max(...block.map(Math.abs)) / 127 * (1 + 1 / 128) || 1;
      block.forEach((value, i) => {
        worst = Math.max(worst, Math.abs(value - Number(found[start + i])) / notch);
      });
    }
  }
  assert(worst > 0.4 && worst <= 0.5001, `${worst}`);
});

Deno.test("a chat that is too long loses its oldest turns, and a message that is too long is refused", async () => {
  const files = await unpackFiles(await model());
  const ask = (stage: string, messages: Question["messages"]) =>
    onCpu(async (device) => {
      await openChat(device, { ...card, stage, files }).next();
      const question = { messages, temperature: 0, topK: 0, seed: 1 };
      return await Array.fromAsync(answerChat(device, question, new AbortController().signal));
    });
  const turn = (i: number) => ({
    role: i % 2 === 0 ? "user" as const : "assistant" as const,
    content: `turn number ${i}`,
  });
  const [first, ...others] = await ask("sft", Array.from({ length: 21 }, (_, i) => turn(i)));
  if (first?.kind !== "truncated") {
    throw new Error(`wanted turns to be left out, got ${first?.kind}`);
  }
  assert(first.messages >= 2 && first.messages % 2 === 0 && first.messages < 20);
  assertEquals(others.at(-1)?.kind, "finish");
  const long = [{ role: "user" as const, content: "word ".repeat(200) }];
  for (const stage of ["sft", "base"]) {
    await assertRejects(
      () => ask(stage, long),
      RangeError,
      "Cannot answer: wanted a message of at",
    );
  }
});

Deno.test("a model that opens writes for nobody, but no longer than a reader would wait", async () => {
  const files = await unpackFiles(await model());
  const { performance: { now } } = globalThis;
  const { sample } = RowState.prototype;
  /** How many tokens are written when each takes so many milliseconds. */
  const warmUp = async (milliseconds: number) => {
    let [time, written] = [0, 0];
    performance.now = () => time;
    RowState.prototype.sample = function (logits) {
      [time, written] = [time + milliseconds, written + 1];
      return sample.call(this, logits);
    };
    try {
      await onCpu((device) => Array.fromAsync(openChat(device, { ...card, files })));
    } finally {
      performance.now = now;
      RowState.prototype.sample = sample;
    }
    return written;
  };
  const tokens = await warmUp(0);
  assert(tokens >= 64, `${tokens}`);
  const slow = await warmUp(250);
  assert(slow >= 2 && slow <= 6, `${slow}`);
});

/** Opens a page from a file, without a network. Tells what it requests, and what goes wrong. */
async function withPage(
  html: string,
  use: (page: Page, requests: readonly string[], problems: string[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/model.html`, html);
  const context = await openContext({ offline: true, colorScheme: "dark" });
  try {
    const requests: string[] = [], problems: string[] = [];
    context.on("request", (request) => requests.push(request.url()));
    const page = await context.newPage();
    page.on("pageerror", (error) => problems.push(`${error}`));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("dialog", (dialog) => problems.push(`dialog: ${dialog.message()}`));
    await page.goto(`file://${folder}/model.html`);
    await page.waitForSelector("html[data-ready]");
    await use(page, requests, problems);
  } finally {
    await context.close();
    await Deno.remove(folder, { recursive: true });
  }
}

pageTest("20 greedy answers are those of Deno, from a disk, without one request", async () => {
  const files = await model();
  const questions = Array.from(
    { length: 20 },
    (_, i) => `${i} + ${3 * i}? ${"ab ".repeat(i)}`.trim(),
  );
  const wanted = await onCpu((device) => answersInDeno(device, files, questions));
  assert(new Set(wanted).size > 5, wanted.join("\n"));
  const html = await fillTemplate(await modelPageTemplate(), card, files);
  const names = [...(await filesInPage(html)).keys()];
  assertEquals(names, [...files.keys()]);
  await withPage(html, async (page, requests, problems) => {
    await page.waitForSelector(".greeting");
    await setGreedy(page);
    for (const [i, question] of questions.entries()) {
      assertEquals(await askPage(page, question), wanted[i]!, question);
    }
    assertEquals(requests.filter((url) => !/^(file|blob|data):/.test(url)), []);
    assertEquals(requests.filter((url) => url.startsWith("file:")).length, 1);
    assertEquals(problems, []);
  });
});

pageTest("it shows probabilities, its card and its inside, and is accessible", async () => {
  const html = await fillTemplate(await modelPageTemplate(), card, await model());
  await withPage(html, async (page, _requests, problems) => {
    await page.waitForSelector(".greeting");
    assertEquals(await violations(page), []);
    await askPage(page, "1+1=");
    await page.getByRole("button", { name: "Probabilities" }).click();
    const shares = await page.$$eval(
      "[data-table=likely] .number",
      (all) => all.map(({ textContent }) => Number(textContent)),
    );
    assert(shares.length === 5 && shares.every((share, i) => share <= (shares[i - 1] ?? 1)));
    await page.locator(".card summary").click();
    const text = await page.innerText(".card");
    assert(text.includes("step 20 of 20") && text.includes("1.2345"), text);
    assert(text.includes("Nothing leaves it"), text);
    await page.getByRole("button", { name: "Look inside" }).click();
    // The device is named without bold type, as in the lesson.
    const device = page.locator("[data-inside]");
    assertEquals(await device.evaluate((one) => getComputedStyle(one).fontWeight), "400");
    await page.waitForSelector("[data-table=lens]");
    assertEquals(await page.locator("input[type=file]").count(), 0);
    await page.locator(".card summary").click();
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 740 });
      const cut = await page.$$eval(
        "button, summary",
        (all) =>
          all.filter((one) =>
            one.checkVisibility() && one.getBoundingClientRect().right > innerWidth
          )
            .map(({ textContent }) => textContent),
      );
      assertEquals(cut, [], `${width}`);
      // A name of the usual length is whole on a phone; a longer one ends in the card.
      const room = await page.$eval(".card summary", ({ clientWidth }) => clientWidth);
      assert(room >= 200, `${room} of ${width}`);
      await page.locator(".card summary").click();
      const card = (await page.locator(".card > div").boundingBox())!;
      assert(card.x >= 0 && card.x + card.width <= width, `${card.x}, ${card.width} of ${width}`);
      await page.locator(".card summary").click();
      assert(await page.evaluate(() => document.documentElement.scrollWidth) <= width);
      assertEquals(await violations(page), [], `${width}`);
    }
    assertEquals(problems, []);
  });
});

pageTest(
  "nothing of a model or of a prompt becomes markup, and the policy stops requests",
  async () => {
    const given: ModelCard = {
      ...card,
      id: hostile,
      origin: hostile,
      examples: [hostile],
      facts: [[hostile, hostile]],
    };
    const files = new Map([...await model(), [`x" onload="a()${hostile}`, new Blob(["x"])]]);
    const html = await fillTemplate(await modelPageTemplate(), given, files);
    await withPage(html, async (page, _requests, problems) => {
      await page.waitForSelector(".greeting");
      assertEquals(await page.title(), hostile);
      assertEquals(await page.locator("img").count(), 0);
      assert((await page.innerText(".chips")).includes(hostile));
      await page.locator(".chips button").click();
      await page.waitForSelector(".assistant .actions");
      assertEquals(await page.locator(".user .said").innerText(), hostile);
      await page.locator(".card summary").click();
      assert((await page.innerText(".card")).includes(hostile));
      // One block for the engine, one for the card, one a file, and the script.
      assertEquals(await page.locator("script").count(), 2 + files.size + 1);
      assertEquals([await page.locator("img").count(), await page.title()], [0, hostile]);
      assertEquals(problems, []);

      const done = await page.evaluate(async () => {
        const tries = [
          () => fetch("https://example.org/"),
          () => fetch("data:text/plain,x"),
          () => import("data:text/javascript,1"),
        ];
        const results = await Promise.all(
          tries.map((attempt) => attempt().then(() => "allowed", () => "refused")),
        );
        // A script in the page, as from an injection.
        const script = document.createElement("script");
        script.textContent = "document.title = 'broken in'";
        document.body.append(script);
        return [...results, document.title === "broken in" ? "allowed" : "refused"];
      });
      assertEquals(done, Array(4).fill("refused"));
    });
  },
);

pageTest(
  "a GPT that was trained in the lesson is saved as a page, which continues texts",
  async () => {
    await using opened = await openSite("file");
    const context = await opened.context({ acceptDownloads: true });
    const path = "#task=add&gptDepth=1&gptWidth=32&context=32&gptSteps=20&gptDevice=cpu";
    const page = await opened.page({ context, path });
    await new Widget(page, "gpt").press("Start");
    const save = page.getByRole("button", { name: "Save as a page" });
    await save.waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
    assertEquals(download.suggestedFilename(), "model.html");
    const html = await Deno.readTextFile(await download.path());
    assert(html.includes("data-file") && !html.includes("optim_"), "wanted no optimizer");
    assertEquals(opened.problems, []);
    await withPage(html, async (page, _requests, problems) => {
      await page.waitForSelector(".greeting");
      assertEquals(await page.title(), "Add numbers");
      const answer = await askPage(page, "1+1=");
      assert(answer.length > 0);
      assertEquals(problems, []);
    });
  },
);
