/** The section on tokens: each merge is the tokenizer's own. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { mergeSteps, Tokenizer } from "../tokenizer/mod.ts";
import { checkLooks } from "./testing/looks.ts";
import { openSite, pageTest, sharedPage, Widget } from "./testing/pages.ts";
import { words } from "./words/tokens.ts";

const frame = (page: Page) => page.evaluate(() => new Promise(requestAnimationFrame));
const visible = (token: string) => token.replaceAll(" ", "·");

/** The page shows the training of a text after some merges. */
async function checkStage(page: Page, text: string, merges: number): Promise<void> {
  const widget = new Widget(page, "tokens");
  const step = mergeSteps([text]).drop(merges).next().value!;
  const tokenizer = Tokenizer.fromMerges(step.merges);
  const trained = await Tokenizer.train([text], { vocabSize: 265 + merges });
  assertEquals(step.merges, trained.merges);
  const ids = tokenizer.encode(text);
  const bytes = new TextEncoder().encode(text).length;
  await widget.shows({
    tokenBytes: `${bytes}`,
    tokenCount: `${ids.length}`,
    tokenRatio: (bytes / ids.length).toFixed(2),
    tokenVocabulary: `${256 + merges}`,
  });
  const pieces = await page.$$eval(
    "[data-tokens] code",
    (all) => all.map((one) => one.textContent),
  );
  assertEquals(pieces, ids.map((id) => visible(tokenizer.decode([id]))));
  const name = (id: number) => visible(tokenizer.decode([id]));
  assertEquals(
    await widget.table("pairs"),
    step.pairs.slice(0, 6).map(({ pair: [left, right], count }) => [
      `${name(left)} + ${name(right)}`,
      `${count}`,
      name(left) + name(right),
    ]),
  );
  if (merges === 0) return;
  const [newest] = await widget.table("vocabulary");
  const [left, right] = step.merges.at(-1)!;
  assertEquals(newest, [
    `${255 + merges}`,
    `${name(left)} + ${name(right)}`,
    name(255 + merges),
  ]);
}

pageTest("the tokenizer is trained merge by merge on the reader's own text, and back", async () => {
  const { page, opened } = await sharedPage();
  const widget = new Widget(page, "tokens");
  await checkStage(page, words.sentence, 0);
  assertMatch((await widget.status())!, /“h” and “e” stand together 7 times/);
  for (let merges = 1; merges <= 3; merges++) {
    await widget.press("Merge the first pair");
    await frame(page);
    await checkStage(page, words.sentence, merges);
  }
  await widget.press("Take it back");
  await frame(page);
  await checkStage(page, words.sentence, 2);

  const own = "so so much depends upon so much";
  await page.focus("#tokenText");
  await page.keyboard.press("Control+a");
  await page.keyboard.type(own);
  await frame(page);
  await checkStage(page, own, 2);
  await widget.move("tokenMerges", "End");
  await frame(page);
  assertMatch((await widget.status())!, /nothing left to merge/);

  // A part of a letter is shown as its byte.
  await page.focus("#tokenText");
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText("é é");
  await widget.move("tokenMerges", "Home");
  await frame(page);
  const pieces = await page.$$eval(
    "[data-tokens] code",
    (all) => all.map((one) => one.textContent),
  );
  assertEquals(pieces, ["C3", "A9", "·", "C3", "A9"]);
  await page.keyboard.press("ArrowRight");
  await frame(page);
  const merged = await page.$$eval(
    "[data-tokens] code",
    (all) => all.map((one) => one.textContent),
  );
  assertEquals(merged, ["é", "·", "é"]);
  await page.focus("#tokenText");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await frame(page);
  assertEquals(await widget.status(), "Type a text.");
  await widget.press("Reset");
  await frame(page);
  await checkStage(page, words.sentence, 0);
  assertEquals(opened.problems, []);
});

pageTest("the section on tokens can be read in light, dark and on a phone", async () => {
  await using opened = await openSite("plain");
  await checkLooks(
    opened,
    "tokens",
    async (page) => await new Widget(page, "tokens").move("tokenMerges", 9),
  );
  assertEquals(opened.problems, []);
});
