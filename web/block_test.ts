/** The section on the block: each switch changes the prediction as the numbers of the lesson do. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { type BlockParts, ferns, throughBlock, wholeBlock } from "../lessons/block.ts";
import { fixed } from "./parts/number.ts";
import { checkLooks } from "./testing/looks.ts";
import { openSite, pageTest, sharedPage, Widget } from "./testing/pages.ts";

const frame = (page: Page) => page.evaluate(() => new Promise(requestAnimationFrame));

/** The page shows a block with some parts off. */
async function checkBlock(page: Page, parts: BlockParts): Promise<void> {
  await frame(page);
  const widget = new Widget(page, "block");
  const { stream, added, neurons, next } = throughBlock(parts);
  const cells = async (id: string) =>
    await page.$$eval(
      `[data-widget=block] [data-matrix=${id}] tbody tr`,
      (rows) => rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent)),
    );
  const shown = (rows: readonly (readonly number[])[]) =>
    rows.map((row) => row.map((x) => fixed(x, 2)));
  assertEquals(
    await cells("stream"),
    shown([stream[0], added[0], stream[1], added[1], stream[2]]),
  );
  assertEquals(await cells("neurons"), shown(neurons));
  const shares = await widget.table("nextWords");
  assertEquals(
    shares.map(([word, , share]) => [word, share]),
    ferns.next.map((word, i) => [word, next[2][i]!.toFixed(4)]),
  );
  const best = Math.max(...next[2]);
  const word = ferns.next[next[2].indexOf(best)];
  assertEquals(await widget.status(), `“Rex ate ferns. He ${word} …” (${best.toFixed(2)})`);
}

pageTest("each part of a block is switched off and on, and the next word follows", async () => {
  const { page, opened } = await sharedPage();
  const widget = new Widget(page, "block");
  await checkBlock(page, wholeBlock);
  const names = { norm: "Norm", attention: "Attention", mlp: "MLP", square: "Square" } as const;
  for (const [part, name] of Object.entries(names)) {
    await widget.press(name);
    await checkBlock(page, { ...wholeBlock, [part]: false });
    await widget.press(name);
    await checkBlock(page, wholeBlock);
  }
  await widget.press("Attention");
  await widget.press("MLP");
  await checkBlock(page, { ...wholeBlock, attention: false, mlp: false });
  assertMatch((await page.textContent("[data-verdict]"))!, /ends as it began/);
  await page.waitForFunction(() => location.hash.includes("blockOff=attention%2Cmlp"));
  await widget.press("Reset");
  await checkBlock(page, wholeBlock);
  assertEquals(opened.problems, []);
});

pageTest("the section on the block can be read in light, dark and on a phone", async () => {
  await using opened = await openSite("plain");
  await checkLooks(opened, "block");
  assertEquals(opened.problems, []);
});
