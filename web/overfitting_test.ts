/** The section on overfitting: the runs of the page are those of Deno, and they show what the text says. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { HELD_OUT, type SentencesLook, trainOnSentences } from "./engine/overfitting.ts";
import { storySentences } from "./engine/stories_text.ts";
import { onCpu } from "./testing/gpt.ts";
import { checkLooksOf } from "./testing/looks.ts";
import { openSite, pageTest, Widget } from "./testing/pages.ts";

const STEPS = 40;
const sentences = storySentences(2100);
const runs = [
  { count: 20, weightDecay: 0 },
  { count: 20, weightDecay: 2 },
  { count: 2000, weightDecay: 0 },
];

function trainInDeno(count: number, weightDecay: number): Promise<SentencesLook[]> {
  const { signal } = new AbortController();
  const run = { sentences, count, weightDecay, steps: STEPS };
  return onCpu((device) => Array.fromAsync(trainOnSentences(device, run, signal)));
}

/** Trains all three runs in the page. */
async function train(page: Page): Promise<void> {
  await new Widget(page, "overfitting").press("Train all three");
  await page.waitForFunction(
    () => /On sentences that/.test(document.querySelector("[data-overfitting]")!.textContent!),
  );
}

const fixed = (x: number, digits = 3) => x.toFixed(digits);
const lowestOf = (run: readonly SentencesLook[]) =>
  run.reduce((best, look) => look.heldOut < best.heldOut ? look : best);

pageTest(
  "a GPT learns 20 sentences by heart and rules of 2,000, as in Deno to the last bit",
  async () => {
    const wanted: SentencesLook[][] = [];
    for (const { count, weightDecay } of runs) wanted.push(await trainInDeno(count, weightDecay));
    await using opened = await openSite("isolated");
    const page = await opened.page({ path: `#overSteps=${STEPS}` });
    const widget = new Widget(page, "overfitting");
    await train(page);
    const copiesOf = ({ texts }: SentencesLook, count: number) =>
      texts.filter((one) => sentences.slice(0, count).includes(one.trim())).length;
    const rowsAt = (at: number) =>
      wanted.map((run, i) => {
        const look = run.findLast(({ step }) => step <= at)!;
        const lowest = lowestOf(run);
        return [
          fixed(look.training),
          fixed(look.heldOut),
          `${fixed(lowest.heldOut)}, at ${lowest.step}`,
          `${copiesOf(look, runs[i]!.count)} of ${look.texts.length}`,
        ];
      });
    const shown = async () => (await widget.table("overfitting")).map((row) => row.slice(1));
    assertEquals(await shown(), rowsAt(STEPS));
    const [few, decay, many] = wanted as [SentencesLook[], SentencesLook[], SentencesLook[]];
    assertEquals(
      await page.$$eval(
        "[data-writes=many] li span",
        (all) => all.map((one) => one.textContent),
      ),
      many.at(-1)!.texts,
    );
    // The text's claims: by heart, earlier is better, decay is less bad, more to read is best.
    const end = (run: readonly SentencesLook[]) => run.at(-1)!;
    assert(end(few).training < 0.5 && end(few).heldOut > lowestOf(few).heldOut + 0.5);
    assert(end(decay).heldOut < end(few).heldOut && end(decay).training > end(few).training);
    assert(end(many).heldOut < lowestOf(few).heldOut && lowestOf(many) === end(many));
    assertMatch(
      (await widget.status())!,
      new RegExp(
        `${fixed(end(few).heldOut, 2)} bits per byte after 20 sentences, ${
          fixed(end(many).heldOut, 2)
        } `,
      ),
    );
    // Early stopping, by keys.
    await widget.press("Go to the lowest");
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assertEquals(await shown(), rowsAt(lowestOf(few).step));
    await widget.move("overStep", "Home");
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assertEquals(await shown(), rowsAt(0));
    await widget.press("Go to the end");
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assertEquals(await shown(), rowsAt(STEPS));
    assertEquals(opened.problems, []);

    await page.setViewportSize({ width: 1440, height: 900 });
    const tops = await page.$$eval(
      "#overfitting svg.plot",
      (all) => all.map((one) => Math.round(one.getBoundingClientRect().top)),
    );
    assertEquals(new Set(tops).size, 1, `the curves are not side by side: ${tops}`);
    await checkLooksOf(page, "overfitting");
  },
);

pageTest("a run that is stopped leaves the page ready for another one", async () => {
  await using opened = await openSite("plain");
  const page = await opened.page({ path: "#overSteps=380" });
  const widget = new Widget(page, "overfitting");
  const looksTold = () => page.waitForSelector("[data-table=overfitting]");
  await widget.press("Train all three");
  await looksTold();
  // The next runs begin before the first ones have heard that they are stopped.
  await widget.press("Stop");
  await widget.press("Train all three");
  await looksTold();
  assert(await page.locator("[data-widget=overfitting] button", { hasText: "Stop" }).isEnabled());
  await widget.press("Stop");
  await page.waitForFunction(() =>
    /Three runs/.test(document.querySelector("[data-overfitting]")!.textContent!)
  );
  // Another length is another run.
  await widget.press("Train all three");
  await looksTold();
  await widget.move("overSteps", 1);
  await page.waitForFunction(() => document.querySelector("[data-table=overfitting]") === null);
  assertEquals(opened.problems, []);
});

Deno.test("the sentences of the section are whole, quote nobody, and none is kept back and trained on", () => {
  assertEquals(new Set(sentences).size, 2100);
  for (const sentence of sentences) assertMatch(sentence, /^[A-Z][^"“”]*[.!?]$/);
  const kept = new Set(sentences.slice(-HELD_OUT));
  assert(sentences.slice(0, 2000).every((sentence) => !kept.has(sentence)));
});
