/** The drawings of the lesson on a phone: they fit, can be read, and are touched. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { builtSite } from "./testing/built_site.ts";
import { filesOf, small, trainInDeno } from "./testing/gpt.ts";
import { openSite, pageTest, svgFaults, Widget } from "./testing/pages.ts";

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** The visible drawings with the look of diagrams; icons and layers over pictures left out. */
const diagrams = (page: Page) => page.locator("svg.graph:visible, svg.plot:visible").count();

pageTest("all drawings of the lesson fit a phone, with text that can be read", async () => {
  await using opened = await openSite("isolated");
  const all = await opened.page();
  await all.$$eval("details", (all) => all.forEach((one) => one.open = true));
  for (const width of [1280, 768, 640, 390, 360]) {
    await all.setViewportSize({ width, height: 740 });
    await all.evaluate(() => new Promise(requestAnimationFrame));
    assert(await diagrams(all) >= 6);
    assertEquals(await all.evaluate(svgFaults), [], `${width} pixels`);
  }
  await all.close();
  // In other states, too: the largest numbers, every step of a walk, a network and letters that learned.
  const page = await opened.page({ path: "#device=cpu&steps=40&set=xor", ...phone });
  for (const id of ["x1", "x2", "w1", "w2", "bias", "w", "backW", "loopRate"]) {
    await page.focus(`#${id}`);
    await page.keyboard.press("End");
  }
  await new Widget(page, "network").press("Start");
  await page.waitForFunction(() => document.querySelector("[data-row=step]")?.textContent === "40");
  await new Widget(page, "letters").press("Train it");
  await page.waitForSelector("[data-table=letters]");
  assertEquals(await page.evaluate(svgFaults), []);
  const backpropagation = new Widget(page, "backpropagation");
  for (let i = 0; i < 16; i++) {
    await backpropagation.press("Forward");
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assertEquals(await page.evaluate(svgFaults), [], `step ${i} of the walk`);
  }
  assertEquals(opened.problems, []);
});

pageTest("the drawings of a model’s inside fit a phone", async () => {
  const files = filesOf(await trainInDeno({ spec: small }));
  const bytes = [...files].map(async ([name, file]) => [name, await file.bytes()] as const);
  const site = await builtSite({ model: new Map(await Promise.all(bytes)) });
  await using opened = await openSite("isolated", site);
  const page = await opened.page({ path: "#lookDevice=cpu&look=12%2B30%3D42", ...phone });
  await new Widget(page, "inside").press("Open this site");
  await page.waitForSelector("[data-table=lens]");
  assertEquals(await page.evaluate(svgFaults), []);
  const names = await page.$$eval(
    ".beside span",
    (all) => all.map((one) => one.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom]),
  );
  assert(names.length > 1);
  // Names do not lie over each other, and are not smaller than other text.
  for (const [i, [top]] of names.entries()) {
    if (i > 0) assert(top! >= names[i - 1]![1]! - 1, `${names}`);
  }
  const size = await page.$eval(".beside span", (one) => getComputedStyle(one).fontSize);
  assertEquals(size, "12px");
  assertEquals(opened.problems, []);
});

pageTest("points of both classes are placed by touch, and taken back", async () => {
  await using opened = await openSite("isolated");
  const page = await opened.page({ path: "#device=cpu&steps=20&set=own", ...phone });
  const plane = page.locator("svg.points").first();
  await plane.scrollIntoViewIfNeeded();
  const touch = async (x: number, y: number) => await plane.tap({ position: { x, y } });
  const labels = () =>
    page.$$eval("svg.points circle", (all) => all.map((one) => one.getAttribute("class")));
  await touch(60, 60);
  await page.getByRole("button", { name: "Orange" }).tap();
  await touch(160, 160);
  await touch(200, 120);
  assertEquals(await labels(), ["label1", "label0", "label0"]);
  await page.getByRole("button", { name: "Take the last point back" }).tap();
  assertEquals(await labels(), ["label1", "label0"]);

  // A network that learned other points goes with them: the new one has learned nothing yet.
  const widget = new Widget(page, "network");
  await widget.press("Start");
  await page.waitForFunction(() => document.querySelector("[data-row=step]")?.textContent === "20");
  const weights = () =>
    page.$$eval(".net .edge", (all) => all.map((one) => one.dataset.weight).join());
  const learned = await weights();
  await page.selectOption("#set", "circle");
  await page.waitForFunction(() =>
    document.querySelector("[data-row=step]")?.textContent === "0" &&
    document.querySelector("#network [data-row=loss]")?.textContent !== "–"
  );
  assertNotEquals(await weights(), learned);
  assertEquals(opened.problems, []);
});
