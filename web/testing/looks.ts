/** A section of the lesson in three looks: what can be seen of it must be readable in each. @module */

import { assert, assertEquals } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import axe from "npm:axe-core@4.14.1";
import { axeFaults, type Opened, removeOthers, svgFaults } from "./pages.ts";

const looks = {
  light: { colorScheme: "light", viewport: { width: 1440, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1024, height: 900 } },
  narrow: { colorScheme: "light", viewport: { width: 360, height: 740 } },
} as const;

/**
 * Opens a section, and looks at it as {@linkcode checkLooksOf} does.
 *
 * @param prepare Brings the page into the state to look at.
 * @returns The height of the section on the phone, in pixels, with all closed that can be opened.
 */
export async function checkLooks(
  opened: Opened,
  section: string,
  prepare: (page: Page) => Promise<void> = async () => {},
  path = "",
): Promise<number> {
  const page = await opened.page({ ...looks.light, path, reducedMotion: "reduce" });
  await page.locator(`#${section}`).scrollIntoViewIfNeeded();
  await prepare(page);
  const height = await checkLooksOf(page, section);
  await page.close();
  return height;
}

/**
 * Looks at a section light, dark and on a phone, and fails where axe finds something, text is small, a drawing
 * is wider than its box, a table is cut, words lie over each other, the page is wider than its window, or
 * something moves although the reader wants no motion. The other sections are gone afterwards.
 *
 * @returns The height of the section on the phone, in pixels, with all closed that can be opened.
 */
export async function checkLooksOf(page: Page, section: string): Promise<number> {
  await removeOthers(page, section);
  await page.setViewportSize(looks.narrow.viewport);
  const height = await page.$eval(`#${section}`, (one) => one.getBoundingClientRect().height);
  await page.$$eval(
    `#${section} details`,
    (all) => all.forEach((one) => (one as HTMLDetailsElement).open = true),
  );
  // The trained model decides how strong a color is: text on it must be readable at its strongest.
  await page.$$eval(
    `#${section} [style*="--strength"]`,
    (all) => all.forEach((one) => (one as HTMLElement).style.setProperty("--strength", "1")),
  );
  await page.$$eval(
    `#${section} .matrix :is([class^=plus], [class^=minus])`,
    (all) =>
      all.forEach((one) => (one as HTMLElement).className = one.className.replace(/\d/, "5")),
  );
  await page.evaluate(axe.source);
  for (const [look, { colorScheme, viewport }] of Object.entries(looks)) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(wide <= viewport.width, `${section}, ${look}: ${wide} pixels wide`);
    assertEquals(await page.evaluate(axeFaults, section), [], `${section}, ${look}`);
    assertEquals(await page.evaluate(svgFaults), [], `${section}, ${look}`);
    assertEquals(await page.evaluate(readingFaults, section), [], `${section}, ${look}`);
  }
  return height;
}

/** Small text, words over words, tables that are cut, rows half empty, and motion, in a section of a page. */
export function readingFaults(section: string): string[] {
  const faults: string[] = [];
  const element = document.getElementById(section)!;
  const texts: { readonly words: string; readonly box: DOMRect; readonly parent: Element }[] = [];
  /** The height that a text is seen in: rows of a box that scrolls are cut by it. */
  const frameOf = (parent: Element) => {
    for (let one: Element | null = parent; one !== null; one = one.parentElement) {
      if (
        /auto|scroll/.test(getComputedStyle(one).overflowY) && one.scrollHeight > one.clientHeight
      ) {
        return one.getBoundingClientRect();
      }
    }
    return { top: -Infinity, bottom: Infinity };
  };
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const parent = node.parentElement!;
    const words = node.textContent!.trim();
    const isClosed = parent.closest("option, math, pre, .unseen") !== null;
    if (words === "" || isClosed || !parent.checkVisibility()) continue;
    const size = parseFloat(getComputedStyle(parent).fontSize);
    // Drawings are scaled, and have a check of their own.
    if (size < 12 && parent.closest("svg") === null) faults.push(`${size} pixels: ${words}`);
    range.selectNodeContents(node);
    const frame = frameOf(parent);
    for (const { left, top, right, bottom } of range.getClientRects()) {
      const [from, to] = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
      const box = new DOMRect(left, from, right - left, Math.max(0, to - from));
      if (box.width > 1 && box.height > 1) texts.push({ words, box, parent });
    }
  }
  /** The element that a text stays in view with, which passes over the rest. */
  const fixedWith = ({ parent }: typeof texts[number]) => {
    for (let one: Element | null = parent; one !== null; one = one.parentElement) {
      if (/sticky|fixed/.test(getComputedStyle(one).position)) return one;
    }
    return null;
  };
  const placed = texts.map((one) => ({ ...one, fixed: fixedWith(one) }))
    .sort((a, b) => a.box.top - b.box.top);
  for (const [i, { words, box, fixed }] of placed.entries()) {
    for (const other of placed.slice(i + 1)) {
      // Lines may touch: letters do not fill them.
      if (other.box.top > box.bottom - 5) break;
      if (other.fixed !== fixed) continue;
      const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
      if (across > 2) faults.push(`“${words.slice(0, 40)}” over “${other.words.slice(0, 40)}”`);
    }
  }
  for (const one of element.querySelectorAll(".scroll, .matrices")) {
    if (one.scrollWidth <= one.clientWidth) continue;
    faults.push(`${one.scrollWidth} pixels in ${one.clientWidth}: ${one.textContent.slice(0, 40)}`);
  }
  // The last of three does not stand alone in half a row.
  for (const one of element.querySelectorAll(".trio:has(> :nth-child(3))")) {
    const [own, last] = [one, one.lastElementChild!].map((box) =>
      box.getBoundingClientRect().right
    );
    if (last! < own! - 5) faults.push(`a row is empty from ${last} to ${own}`);
  }
  for (const one of element.querySelectorAll("*")) {
    const { transitionDuration, animationName } = getComputedStyle(one);
    if (/[1-9]/.test(transitionDuration) || animationName !== "none") {
      faults.push(`moves: ${one.tagName} ${one.className}`);
    }
  }
  return faults;
}
