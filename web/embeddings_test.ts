/** The section on embeddings and positions: rows of a table, and arrows that the library turns alike. */

import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { lookUp, sixWords } from "../lessons/embedding.ts";
import { rotary, rotaryAngles, Tensor } from "../tensor/mod.ts";
import { fixed } from "./parts/number.ts";
import { onCpu } from "./testing/gpt.ts";
import { checkLooks } from "./testing/looks.ts";
import { openSite, pageTest, sharedPage, shownNumber, Widget } from "./testing/pages.ts";

const frame = (page: Page) => page.evaluate(() => new Promise(requestAnimationFrame));

/** The products of both arrows, by the library's rotary positions. */
async function byLibrary(asks: number, answers: number): Promise<readonly [number, number]> {
  return await onCpu(async (device) => {
    const { cos, sin } = rotaryAngles(31, 4, 100);
    const at = (of: Float32Array<ArrayBuffer>) =>
      Tensor.from(
        device,
        [asks, answers].flatMap((place) => [...of.subarray(2 * place, 2 * place + 2)]),
        {
          shape: [2, 2],
        },
      );
    const heads = Tensor.from(device, [[1, 1, 0, 0], [1, 1, 0, 0]]);
    const turned = [...await rotary(heads, at(cos), at(sin)).data()].map(Number);
    const product = (i: number) => turned[i]! * turned[4 + i]! + turned[2 + i]! * turned[6 + i]!;
    return [product(0), product(1)];
  });
}

pageTest("a word looks up its row, by keys alone", async () => {
  const { page, opened } = await sharedPage();
  const widget = new Widget(page, "embedding");
  assertEquals(await widget.status(), "“Rex” is token 0, so it gets row 0: 1.0, 0.0, 0.0, 0.2.");
  await page.focus('[data-matrix=table] [tabindex="0"]');
  for (let id = 1; id < 6; id++) {
    await page.keyboard.press("ArrowDown");
    await frame(page);
    const { row, similarities } = lookUp(id);
    const shown = await page.$$eval(
      "[data-matrix=row] td[role]",
      (all) => all.map((one) => one.textContent),
    );
    assertEquals(shown, row.map((x) => x.toFixed(1)));
    const table = await widget.table("similar");
    assertEquals(
      table.map(([word, , share]) => [word, share]),
      sixWords.words.map((word, i) => [word, similarities[i]!.toFixed(4)]),
    );
  }
  await widget.press("He");
  await frame(page);
  assertMatch((await widget.status())!, /^“He” is token 3/);
  assertEquals(opened.problems, []);
});

pageTest(
  "arrows turn by their places as the library's do, and the score knows the distance only",
  async () => {
    const { page, opened } = await sharedPage();
    const widget = new Widget(page, "positions");
    const check = async (asks: number, answers: number) => {
      await frame(page);
      const [fast, slow] = await byLibrary(asks, answers);
      const rows = await widget.rows();
      assertEquals(rows.distance, fixed(asks - answers, 0));
      assertAlmostEquals(shownNumber(rows.fastArrows), fast, 6e-5);
      assertAlmostEquals(shownNumber(rows.slowArrows), slow, 6e-5);
      assertAlmostEquals(shownNumber(rows.rotaryScore), fast + slow, 6e-5);
      return rows.rotaryScore;
    };
    const score = await check(8, 5);
    for (let i = 1; i <= 3; i++) {
      await widget.press("Move both one place on");
      assertEquals(await check(8 + i, 5 + i), score);
    }
    await widget.move("asks", "End");
    await check(30, 8);
    await widget.move("answers", -4);
    await check(30, 4);
    await widget.press("Swap the two");
    await check(4, 30);
    await widget.press("Reset");
    assertEquals(await check(8, 5), score);

    // Dragged by hand, an arrow goes to the nearest place; the other one stays.
    const dial = page.locator("[data-widget=positions] .dial svg").nth(1);
    await dial.scrollIntoViewIfNeeded();
    const { x, y, width } = (await dial.boundingBox())!;
    const at = (angle: number, share: number) =>
      [
        x + width / 2 * (1 + share * Math.cos(angle)),
        y + width / 2 * (1 + share * Math.sin(angle)),
      ] as const;
    await page.mouse.move(...at(0.82, 0.7));
    await page.mouse.down();
    await page.mouse.move(...at(1.5, 0.7), { steps: 5 });
    await page.mouse.move(...at(2, 0.7), { steps: 5 });
    await page.mouse.up();
    await check(20, 5);
    assertEquals(opened.problems, []);
  },
);

pageTest("the section on embeddings can be read in light, dark and on a phone", async () => {
  await using opened = await openSite("plain");
  await checkLooks(opened, "embeddings");
  assertEquals(opened.problems, []);
});
