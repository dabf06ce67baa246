/** The section on sense: its stories are the model's, and what it says of them is the checker's. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { checkStory, documentOf, examinationStories, NGram, seededRandom } from "../stories/mod.ts";
import { tellStory } from "./engine/sense.ts";
import { storiesText } from "./engine/stories_text.ts";
import { trainSiteModel } from "./site_model.ts";
import { builtSite } from "./testing/built_site.ts";
import { onCpu, small } from "./testing/gpt.ts";
import { openSite, pageTest, violations, Widget } from "./testing/pages.ts";

const signal = new AbortController().signal;
// A model that has learned nothing writes to the end of its context, some forty times here.
const spec = { ...small, task: "stories" } as const;
const steps: number[] = [];

let made: ReturnType<typeof trainSiteModel> | null = null;
/** The model, trained once. */
const siteModel = () =>
  made ??= onCpu((device) =>
    trainSiteModel(device, { signal, spec, onStep: (step) => void steps.push(step) })
  );

async function told(files: ReadonlyMap<string, Blob>, hasAttention: boolean): Promise<string> {
  return await onCpu(async (device) =>
    (await Array.fromAsync(tellStory(device, { files, hasAttention, seed: 1 }, signal))).join("")
  );
}

Deno.test("the model of the site is its run in half precision, and a stopped run gives none", async () => {
  const files = await siteModel();
  assertEquals(steps.length, 20);
  assertEquals(
    [...files!.keys()],
    ["meta_000020.json", "model_000020.safetensors", "tokenizer_000020.json"],
  );
  const { parameters } = JSON.parse(new TextDecoder().decode(files!.get("meta_000020.json")));
  const { length } = files!.get("model_000020.safetensors")!;
  assert(length >= 2 * parameters && length < 2 * parameters + 5000, `${length}`);
  const stopped = AbortSignal.abort();
  assertEquals(await onCpu((device) => trainSiteModel(device, { signal: stopped, spec })), null);
});

pageTest(
  "stories come from the model, with attention and without, and the program's verdict with them",
  async () => {
    const model = (await siteModel())!;
    const files = new Map([...model].map(([name, bytes]) => [name, new Blob([bytes])]));
    await using opened = await openSite("isolated", await builtSite({ model }));
    const page = await opened.page({ path: "#senseDevice=cpu" });
    const widget = new Widget(page, "sense");
    const tell = async (teller: string) => {
      await page.reload();
      await page.waitForSelector("html[data-live]");
      await page.keyboard.press("Shift");
      await page.waitForSelector("html[data-ready]");
      await page.selectOption("#teller", teller);
      await widget.press("Tell a story");
      await page.waitForSelector("[data-widget=sense] [role=status]");
      const spans = await page.$$eval(
        "[data-widget=sense] [data-sentence]",
        (all) => all.map((one) => [one.textContent!.trim(), one.className] as const),
      );
      return { spans, status: await widget.status() };
    };
    const wanted = {
      model: await told(files, true),
      blind: await told(files, false),
      counts: new NGram(4, storiesText().split("\n\n")).write(seededRandom(1)),
      rules: documentOf(examinationStories(1, 1)[0]!),
    };
    assertNotEquals(wanted.model, wanted.blind);
    for (const [teller, story] of Object.entries(wanted)) {
      const { sentences } = checkStory(story);
      const { spans, status } = await tell(teller);
      assertEquals(
        spans,
        sentences.map(({ text, faults }) =>
          [text.trim(), faults.length > 0 ? "wrong" : "right"] as const
        ),
        teller,
      );
      const right = sentences.filter(({ faults }) => faults.length === 0).length;
      assert(
        status!.startsWith(`${right} of ${sentences.length} sentences`),
        `${teller}: ${status}`,
      );
      // A story with a wrong answer is not without a mistake.
      const isPraised = status!.includes("Not one mistake");
      assertEquals(isPraised, await page.locator(".faults li").count() === 0, teller);
    }
    // The opening tells the first story of the same model.
    await page.getByRole("button", { name: "Tell me a story" }).click();
    await page.waitForFunction(
      (story) => document.querySelector(".opening .story")?.textContent === story,
      wanted.model,
    );
    // Right and wrong are told in words, too.
    assertEquals(await violations(page), []);

    await widget.press("Count over");
    await page.waitForSelector("[data-table=sense] tbody tr:nth-child(4)");
    const table = await widget.table("sense");
    assertEquals(table.at(-1)!.slice(0, 3), ["The rules of the world", "100 %", "100 %"]);
    assertEquals(table[1]!.slice(1, 3), ["0 %", "0 %"]);
    assertEquals(opened.problems, []);
  },
);

pageTest("without a model of its own the page says what to do", async () => {
  await using opened = await openSite("plain");
  const page = await opened.page();
  const widget = new Widget(page, "sense");
  await widget.press("Tell a story");
  await page.waitForSelector(
    "[data-sense]:has-text('Train one on stories in “A GPT of your own” first')",
  );
  await widget.press("Train your own");
  assertEquals(await page.inputValue("#task"), "stories");
  assertEquals(await page.textContent("output[for=merges]"), "512");
  assertEquals(opened.problems, []);
});
