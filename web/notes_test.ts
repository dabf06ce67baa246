/** The notes on words of the lesson: shown where the word stands, by pointer, keyboard and touch. */

import { assertEquals } from "@std/assert";
import axe from "npm:axe-core@4.14.1";
import type { Page } from "npm:playwright-core@1.65.1";
import { readProse } from "./lesson/prose.tsx";
import { openSite, pageTest } from "./testing/pages.ts";
import { notes } from "./words/notes.ts";

const source = await Deno.readTextFile(new URL("./words/lesson.md", import.meta.url));
const used = [...readProse(source).values()].flatMap(({ notes }) => notes);

/** The words that have notes, by the names of these. */
const wordOf = (page: Page, name: string) => page.locator(`[popovertarget=note-${name}]`).first();

/** Where the note of a word is not right below it or above it, or not within the window; "" if it is. */
function faultOfNote(word: Element): string {
  const [at, box] = [word, document.querySelector(".note:popover-open")].map((one) =>
    one?.getBoundingClientRect()
  );
  if (at === undefined || box === undefined) return `${word.textContent}: not shown`;
  const isWithin = box.left >= 0 && box.right <= innerWidth && box.top >= 0 &&
    box.bottom <= innerHeight;
  const apart = Math.max(box.top - at.bottom, at.top - box.bottom);
  const isBeside = apart >= -1 && apart < 12 && box.left < at.right && at.left < box.right;
  return isWithin && isBeside ? "" : JSON.stringify([word.textContent, innerWidth, at, box]);
}

const shown = (page: Page) => page.locator(".note:popover-open").allTextContents();

Deno.test("every note is on one word of the lesson, is short, and leads nowhere", () => {
  assertEquals(used.toSorted(), Object.keys(notes).toSorted());
  const long = Object.values(notes).filter((text) => text.split(" ").length > 40);
  assertEquals(long, []);
  assertEquals(Object.values(notes).filter((text) => /[[\]`]/.test(text)), []);
});

pageTest(
  "a note is shown by keyboard, read by screen readers, and dismissed by Escape",
  async () => {
    await using opened = await openSite("isolated");
    const page = await opened.page({ colorScheme: "dark" });
    const word = wordOf(page, "dot");
    const places = () =>
      page.$$eval(
        "section *",
        (all) => all.map((one) => JSON.stringify(one.getBoundingClientRect())).join(),
      );
    await word.scrollIntoViewIfNeeded();
    const before = await places();
    await word.focus();
    assertEquals(await shown(page), [notes.dot]);
    // Nothing of the page has moved.
    assertEquals(await places(), before);
    const devtools = await page.context().newCDPSession(page);
    const { result } = await devtools.send("Runtime.evaluate", {
      expression: "document.activeElement",
    });
    const { nodes } = await devtools.send("Accessibility.getPartialAXTree", {
      objectId: result.objectId!,
      fetchRelatives: false,
    });
    const [{ role, name, description }] = nodes as [typeof nodes[number]];
    assertEquals(
      [role?.value, name?.value, description?.value],
      ["button", "product", notes.dot],
    );
    // The whole page is looked at in `pages_test.ts`.
    await page.evaluate(axe.source);
    const faults: string[] = await page.evaluate(async () => {
      const { violations } = await Reflect.get(globalThis, "axe").run("#embeddings .text, .note");
      return violations.map(({ id }: { readonly id: string }) => id);
    });
    assertEquals(faults, []);
    await page.keyboard.press("Escape");
    assertEquals(await shown(page), []);
    assertEquals(
      await word.evaluate((one) => one === document.activeElement),
      true,
    );
    await page.keyboard.press("Enter");
    assertEquals(await shown(page), [notes.dot]);
    await page.keyboard.press("Tab");
    assertEquals(await shown(page), []);
    assertEquals(opened.problems, []);
  },
);

pageTest("a note is shown while the pointer is on its word or on it, and by touch", async () => {
  await using opened = await openSite("file");
  const page = await opened.page();
  await wordOf(page, "ln").hover();
  assertEquals(await shown(page), [notes.ln]);
  const { x, y, width, height } = (await page.locator(".note:popover-open").boundingBox())!;
  await page.mouse.move(x + width / 2, y + height / 2);
  assertEquals(await shown(page), [notes.ln]);
  // It stays for a moment while the pointer is elsewhere, as on a way that leads over other words.
  await page.evaluate(() => {
    for (const selector of ["h1", ".note:popover-open"]) {
      const event = new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" });
      document.querySelector(selector)!.dispatchEvent(event);
    }
  });
  await page.waitForTimeout(500);
  assertEquals(await shown(page), [notes.ln]);
  await page.mouse.move(x + width / 2, y + height + 60, { steps: 5 });
  await page.waitForFunction(() => document.querySelector(".note:popover-open") === null);

  const phone = await opened.page({
    viewport: { width: 360, height: 740 },
    hasTouch: true,
    isMobile: true,
  });
  await wordOf(phone, "gpt").tap();
  assertEquals(await shown(phone), [notes.gpt]);
  await phone.locator("h1").first().tap();
  assertEquals(await shown(phone), []);
  assertEquals(opened.problems, []);
});

pageTest("each note lies beside its word, within the window, on a phone, too", async () => {
  await using opened = await openSite("plain");
  const page = await opened.page();
  await page.$$eval("details", (all) => all.forEach((one) => one.open = true));
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 740 });
    for (const name of used) {
      const word = wordOf(page, name);
      await word.focus();
      // A widget that comes moves the text below it, and the note follows in the next frame.
      let fault = await word.evaluate(faultOfNote);
      for (let frame = 0; fault !== "" && frame < 100; frame++) {
        await page.evaluate(() => new Promise(requestAnimationFrame));
        fault = await word.evaluate(faultOfNote);
      }
      assertEquals(fault, "");
    }
  }
  // Without a script, a click shows it.
  const still = await opened.page({ javaScriptEnabled: false });
  await wordOf(still, "gpt").click();
  assertEquals(await shown(still), [notes.gpt]);
  assertEquals(opened.problems, []);
});
