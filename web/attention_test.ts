/** Attention in numbers: each cell is the library's, and shows where it comes from. */

import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { fourWords } from "../lessons/attention.ts";
import { inductionHead } from "../lessons/induction.ts";
import { attentionOf } from "./engine/attention.ts";
import { onCpu } from "./testing/gpt.ts";
import { checkLooks } from "./testing/looks.ts";
import { openSite, pageTest, sharedPage, shownNumber, Widget } from "./testing/pages.ts";

const frame = (page: Page) => page.evaluate(() => new Promise(requestAnimationFrame));

/** The numbers of a matrix of the page, row by row. */
const matrix = async (page: Page, id: string) =>
  await page.$$eval(
    `[data-matrix="${id}"] tbody tr`,
    (rows) => rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent!)),
  );

/** The library's numbers: the shares of all heads, then the output. */
async function byLibrary(weights: typeof fourWords.weights, heads: number): Promise<number[]> {
  const input = { inputs: fourWords.inputs, weights, heads };
  const [told] = await onCpu((device) => Array.fromAsync(attentionOf(device, input)));
  return told!;
}

function assertShown(shown: readonly (readonly string[])[], wanted: readonly number[]): void {
  const flat = shown.flat().map(shownNumber);
  assertEquals(flat.length, wanted.length);
  flat.forEach((x, i) => assertAlmostEquals(x, wanted[i]!, 0.00501));
}

/** How wide the line of a share is. */
const widthOf = (share: number) => Number((1 + 15 * share).toFixed(2));

/** Chooses a cell by keys alone, from the one of its matrix that Tab reaches. */
async function choose(page: Page, id: string, row: number, column: number): Promise<void> {
  await page.focus(`[data-matrix="${id}"] [tabindex="0"]`);
  for (const [key, times] of [["ArrowUp", 4], ["ArrowLeft", 4], ["ArrowDown", row]] as const) {
    for (let i = 0; i < times; i++) await page.keyboard.press(key);
  }
  for (let i = 0; i < column; i++) await page.keyboard.press("ArrowRight");
  await frame(page);
}

const sources = (page: Page) =>
  page.$$eval(
    "[data-widget=attention] .source",
    (all) => all.map((one) => one.closest("table")!.dataset.matrix!),
  );

pageTest("every number of attention is the library's, with one head and with two", async () => {
  const { page, opened } = await sharedPage();
  const widget = new Widget(page, "attention");
  const one = await byLibrary(fourWords.weights, 1);
  assertShown(await matrix(page, "pattern"), one.slice(0, 16));
  assertShown(await matrix(page, "output"), one.slice(16));
  // The picture has the row of the chosen cell: that of "He".
  const arcs = () =>
    page.$$eval(
      ".arcs path",
      (all) => all.map((one) => [one.dataset.share!, Number(one.getAttribute("stroke-width"))]),
    ) as Promise<[string, number][]>;
  assertShown([(await arcs()).map(([share]) => share)], one.slice(12, 16));
  assertEquals((await arcs()).map(([, width]) => width), one.slice(12, 16).map(widthOf));

  await page.focus("#attentionHeads");
  await page.keyboard.press("ArrowDown");
  await frame(page);
  const two = await byLibrary(fourWords.weights, 2);
  assertShown(await matrix(page, "pattern"), two.slice(0, 16));
  await page.focus("#attentionHead");
  await page.keyboard.press("ArrowDown");
  await frame(page);
  assertShown(await matrix(page, "pattern"), two.slice(16, 32));
  assertShown([(await arcs()).map(([share]) => share)], two.slice(28, 32));
  assertShown(await matrix(page, "output"), two.slice(32));

  // The engine in the page says so, too.
  await widget.press("Ask the engine");
  await page.waitForSelector("[data-attention=engine]:has-text('says the same')");
  await widget.press("Reset");
  await frame(page);
  assertShown(await matrix(page, "pattern"), one.slice(0, 16));
  assertEquals(opened.problems, []);
});

pageTest(
  "a chosen number lights up those that it came from, and a moved weight shows its effects",
  async () => {
    const { page, opened } = await sharedPage();
    await choose(page, "queries", 3, 0);
    assertEquals(
      (await sources(page)).sort(),
      [...Array(4).fill("inputs"), ...Array(4).fill("weights.query")],
    );
    const widget = new Widget(page, "attention");
    assertEquals(
      await widget.status(),
      "The query of “He”, no. 1: 0.30 × 0.00 + 0.00 × 0.00 + 0.00 × 2.00 + 1.00 × 2.00 = 2.00",
    );
    await choose(page, "scores", 3, 0);
    assertEquals((await sources(page)).sort(), [
      ...Array(4).fill("keys"),
      ...Array(4).fill("queries"),
    ]);
    assertMatch((await widget.status())!, /“He” asks “Rex”: 2\.00 × 2\.00 .* = 4\.00/);
    await choose(page, "masked", 3, 0);
    assertEquals([await sources(page), await widget.status()], [["scores"], "4.00 ÷ √4 = 2.00"]);
    await choose(page, "masked", 1, 0);
    assertEquals(await page.getAttribute(".arcs", "data-reader"), "1");
    assertMatch(
      (await page.getAttribute(".arcs", "aria-label"))!,
      /^“ate” reads “Rex” 0\.86, “ate” 0\.14$/,
    );
    await choose(page, "masked", 0, 1);
    assertMatch((await widget.status())!, /“ate” comes after “Rex”/);
    await choose(page, "pattern", 3, 1);
    assertEquals(await sources(page), Array(4).fill("masked"));
    assertMatch((await widget.status())!, / = 0\.49$/);
    await choose(page, "output", 3, 2);
    assertEquals((await sources(page)).sort(), [
      ...Array(4).fill("pattern"),
      ...Array(4).fill("values"),
    ]);

    // One weight less: “He” no longer asks for animals.
    await choose(page, "weights.query", 3, 0);
    await page.focus("#attentionWeight");
    for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowLeft");
    await frame(page);
    const query = fourWords.weights.query.map((row, i) => i === 3 ? [0, ...row.slice(1)] : row);
    const wanted = await byLibrary({ ...fourWords.weights, query }, 1);
    assertShown(await matrix(page, "pattern"), wanted.slice(0, 16));
    const changed = await page.$$eval(
      "[data-widget=attention] .changed",
      (all) => all.map((one) => one.closest("table")!.dataset.matrix!),
    );
    // “Rex” is a little of a “he”, too.
    assertEquals(changed.filter((name) => name === "queries").length, 2);
    assert(changed.every((name) => name !== "keys" && name !== "values" && name !== "inputs"));
    assertMatch(
      (await page.textContent("[data-attention=changed]"))!,
      new RegExp(`^${changed.length} numbers have changed`),
    );
    // The link has the weight.
    await page.waitForFunction(() => location.hash.includes("attentionWeights=query.3.0"));
    assertEquals(opened.problems, []);
  },
);

pageTest("the induction head copies what came next, in the reader's own letters", async () => {
  await using opened = await openSite("file");
  const page = await opened.page();
  const widget = new Widget(page, "induction");
  for (const typed of ["dinodi", "abcabda", "xy", "dinodi"]) {
    await page.focus("#inductionText");
    await page.keyboard.press("Control+a");
    await page.keyboard.type(typed);
    await frame(page);
    const { previous, induction, alphabet } = inductionHead(typed);
    for (const [name, trace] of Object.entries({ previous, induction })) {
      assertShown(await matrix(page, name), trace.heads[0]!.pattern.flat());
    }
    const copies = await widget.table("copies");
    assertEquals(
      copies.map(([letter, , share]) => [letter, share]),
      alphabet.map((letter, i) => [letter, induction.output.at(-1)![i]!.toFixed(4)]),
    );
  }
  assertMatch((await widget.status())!, /“n” came after “i”/);
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await frame(page);
  assertEquals(await widget.status(), "Type a letter.");
  assertEquals(opened.problems, []);
});

pageTest("the section on attention can be read in light, dark and on a phone", async () => {
  await using opened = await openSite("plain");
  await checkLooks(opened, "attention");
  // On a laptop, all numbers are in one window, so that one sees which ones light up.
  const laptop = await opened.page({ viewport: { width: 1440, height: 900 } });
  const stages = await laptop.$eval(".stages", (one) => one.getBoundingClientRect().height);
  assert(stages < 740, `${stages} pixels`);
  await laptop.close();
  // On a phone only the first of three tables of weights is open.
  const page = await opened.page({ viewport: { width: 360, height: 740 } });
  const height = await page.$eval(
    "#attention .widgets",
    (one) => one.getBoundingClientRect().height,
  );
  assert(height < 3500, `${height} pixels on a phone`);
  assertEquals(opened.problems, []);
});
