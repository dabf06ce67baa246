/** The built site in a browser, in the three ways that readers open it. @module */

import { assertEquals } from "@std/assert";
import type { BrowserContext, BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import axe from "npm:axe-core@4.14.1";
import { findChromium } from "../../testing/browser/chromium.ts";
import { openContext } from "../../testing/browser/shared.ts";
import type { Site } from "../build.tsx";
import { siteResponse } from "../serve.ts";
import { builtSite } from "./built_site.ts";

/** How a site is opened: with headers for threads; without, at a sub-path; from the disk. */
export const ways = ["isolated", "plain", "file"] as const;
export type Way = typeof ways[number];

/**
 * A reader who wants no motion, so that the opening trains nothing, and a browser that takes no copy of
 * the site for visits without a network: pages do then what a test asks for, and no more.
 */
const calm: BrowserContextOptions = { reducedMotion: "reduce", serviceWorkers: "block" };

/** A site that is open in the browser of the test file. */
export interface Opened extends AsyncDisposable {
  /** Where it is. */
  readonly address: string;
  /** Opens a context: its pages share what the browser keeps. */
  context(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** Opens a page, moves so that all of it is loaded, and waits until it lives. */
  page(
    options?: BrowserContextOptions & {
      readonly path?: string;
      /** One that is open. @default {a fresh one} */
      readonly context?: BrowserContext;
      /** Whether nothing is moved, so that only the first widgets live. @default {false} */
      readonly isFirstLook?: boolean;
    },
  ): Promise<Page>;
  /** Errors of all pages so far, and requests to other hosts. */
  readonly problems: readonly string[];
  /** Ends the server; pages stay. */
  shutdown(): Promise<void>;
}

/** Opens the site. */
export async function openSite(way: Way, site?: Site): Promise<Opened> {
  const files = site ?? await builtSite();
  const isFile = way === "file";
  const folder = isFile ? await writeSite(files) : null;
  const base = way === "plain" ? "/some/where/" : "/";
  const headers = way === "plain" ? {} : undefined;
  const server = isFile ? null : Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) => {
      const { pathname } = new URL(url);
      if (pathname.startsWith(base)) {
        return siteResponse(files, pathname.slice(base.length), headers);
      }
      return new Response(`No such file: ${pathname}\n`, { status: 404 });
    },
  );
  const address = folder !== null
    ? `file://${folder}/index.html`
    : `http://127.0.0.1:${server!.addr.port}${base}`;
  const contexts: BrowserContext[] = [];
  const open = async (options: BrowserContextOptions = {}) => {
    const context = await openContext({ ...calm, ...options });
    contexts.push(context);
    return context;
  };
  const problems: string[] = [];
  return {
    address,
    problems,
    context: open,
    page: async ({ path = "", context, isFirstLook = false, ...options } = {}) => {
      const page = await (context ?? await open(options)).newPage();
      page.on("pageerror", (error) => problems.push(`${error}`));
      page.on("console", (message) => {
        if (message.type() === "error") problems.push(message.text());
      });
      page.on("request", (request) => {
        const url = request.url();
        const own = isFile ? `file://${folder}` : new URL(address).origin;
        if (!/^(data|blob):/.test(url) && !url.startsWith(own)) problems.push(`request: ${url}`);
      });
      await page.goto(address + path);
      if (options.javaScriptEnabled !== false && !/\.html$/.test(path)) {
        await page.waitForSelector("html[data-live]");
        if (isFirstLook) return page;
        await page.keyboard.press("Shift");
        await page.waitForSelector("html[data-ready]");
      }
      return page;
    },
    shutdown: async () => await server?.shutdown(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(contexts.map((context) => context.close()));
      await server?.shutdown();
      if (folder !== null) await Deno.remove(folder, { recursive: true });
    },
  };
}

let shared: Promise<{ readonly page: Page; readonly opened: Opened }> | undefined;

/**
 * The lesson, opened once for all tests of a process that move widgets which no other test moves, and leave
 * the page as wide as it was: to load it takes longer than most of them.
 */
export function sharedPage(): Promise<{ readonly page: Page; readonly opened: Opened }> {
  const open = async () => {
    const opened = await openSite("isolated");
    return { page: await opened.page(), opened };
  };
  return shared ??= open();
}

Deno.test.afterAll(async () => await (await shared)?.opened.shutdown());

async function writeSite(site: Site): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const [path, bytes] of site) {
    const file = `${folder}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(file, bytes);
  }
  return folder;
}

/** A number that a page shows, whose minus sign is no hyphen. */
export function shownNumber(text: string | null | undefined): number {
  return Number(text?.replaceAll("−", "-"));
}

/** Declares a test of pages, which is skipped where there is no browser. */
export function pageTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  const ignore = findChromium() === null && Deno.env.get("NANODINO_REQUIRE_BROWSER") !== "1";
  Deno.test({ name: ignore ? `${name} (ignored: Chromium is not installed)` : name, ignore, fn });
}

/** A widget, by its name in `lesson/widgets.ts`, moved with keys alone. */
export class Widget {
  readonly #page: Page;
  readonly #name: string;

  constructor(page: Page, name: string) {
    this.#page = page;
    this.#name = name;
  }

  /** Moves a slider: to its start with Home, to its end with End, or by notches with the arrows. */
  async move(id: string, by: number | "Home" | "End"): Promise<void> {
    await this.#page.focus(`#${id}`);
    const key = typeof by === "string" ? by : by < 0 ? "ArrowLeft" : "ArrowRight";
    const times = typeof by === "string" ? 1 : Math.abs(by);
    for (let i = 0; i < times; i++) await this.#page.keyboard.press(key);
  }

  /** Presses a button by its text, with Enter. */
  async press(text: string): Promise<void> {
    await this.#page.locator(`[data-widget=${this.#name}] button`, { hasText: text }).focus();
    await this.#page.keyboard.press("Enter");
  }

  /** The shown numbers by the rows' names. */
  async rows(): Promise<Record<string, string>> {
    return await this.#page.$$eval(
      `[data-widget=${this.#name}] [data-row]`,
      (cells) => Object.fromEntries(cells.map((cell) => [cell.dataset.row, cell.textContent])),
    );
  }

  /** Compares some of the shown numbers, once the page shows them. */
  async shows(wanted: Readonly<Record<string, string>>, status?: string): Promise<void> {
    await this.#page.evaluate(() => new Promise(requestAnimationFrame));
    const rows = await this.rows();
    const shown = Object.fromEntries(Object.keys(wanted).map((name) => [name, rows[name]]));
    assertEquals(shown, wanted);
    if (status !== undefined) assertEquals(await this.status(), status);
  }

  /** The first status of the widget. */
  async status(): Promise<string | null> {
    return await this.#page.textContent(`[data-widget=${this.#name}] [role=status]`);
  }

  /** The cells of a table, row by row, heads left out. */
  async table(id: string): Promise<string[][]> {
    return await this.#page.$$eval(
      `[data-widget=${this.#name}] [data-table=${id}] tbody tr`,
      (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)),
    );
  }
}

/**
 * The violations of accessibility in an open page.
 *
 * @param section The section that is tried for them, where what is open elsewhere is tried by others: to
 * try the whole lesson takes seconds. @default {the whole page}
 */
export async function violations(page: Page, section = ""): Promise<string[]> {
  await page.evaluate(axe.source);
  return [...await page.evaluate(axeFaults, section), ...await page.evaluate(hardToRead)];
}

/**
 * Removes all sections but one: the others have tests of their own, and axe and the layout of each look would
 * take most of their time for them.
 */
export async function removeOthers(page: Page, section: string): Promise<void> {
  await page.$$eval(`section:not(#${section})`, (all) => all.forEach((one) => one.remove()));
}

/** The faults that axe, which has been loaded, finds in a section of a page, or in all of it. */
export async function axeFaults(section: string): Promise<string[]> {
  const axe = Reflect.get(globalThis, "axe");
  // Descriptions of all that passes are not needed.
  const options = { resultTypes: ["violations"], selectors: false };
  const { violations } = await axe.run(document.getElementById(section) ?? document, options);
  return violations.map(({ id, nodes }: { id: string; nodes: { html: string }[] }) =>
    `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(" | ")}`
  );
}

/**
 * The faults of the drawings of a page, in which it is evaluated: text that is smaller than 12 pixels,
 * outside of its drawing or wider than its box, and drawings that are wider than what they are in.
 */
export function svgFaults(): string[] {
  const faults: string[] = [];
  for (const svg of document.querySelectorAll<SVGSVGElement>("svg:not(svg svg)")) {
    const box = svg.getBoundingClientRect();
    if (box.width === 0) continue;
    const name = svg.getAttribute("aria-label") ?? svg.getAttribute("class") ?? "a drawing";
    // Whatever lies around it may neither cut it nor scroll.
    for (let around = svg.parentElement; around !== null; around = around.parentElement) {
      const { left, right } = around.getBoundingClientRect();
      if (getComputedStyle(around).overflowX === "visible" || right - left === 1) continue;
      if (box.right <= right + 1 && box.left >= left - 1) continue;
      faults.push(`${name}: ${box.width} pixels wide in ${right - left}`);
      break;
    }
    for (const text of svg.querySelectorAll("text")) {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      if (right === left) continue;
      const scale = text.getScreenCTM()!.a;
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      if (size < 11.99) {
        faults.push(`${name}: ${text.textContent} is ${size.toFixed(1)} pixels tall`);
      }
      const isInside = left >= box.left - 1 && right <= box.right + 1 && top >= box.top - 2 &&
        bottom <= box.bottom + 2;
      if (!isInside) faults.push(`${name}: ${text.textContent} is outside`);
      const node = text.closest(".node")?.querySelector("rect")?.getBoundingClientRect();
      if (node !== undefined && (left < node.left || right > node.right)) {
        faults.push(`${name}: ${text.textContent} is wider than its box`);
      }
    }
  }
  return faults;
}

/** Names and titles that are there twice, tables without a name, and words over curves. */
function hardToRead(): string[] {
  const all = (selector: string, within: ParentNode = document) => [
    ...within.querySelectorAll<HTMLElement>(selector),
  ];
  const twice = all("section").flatMap((section) => {
    const titles = all("h2, h3, figcaption, caption, summary", section)
      .map(({ innerText }) => innerText.trim().replace(/^\d+ /, ""));
    // A closed element has no text.
    return titles.filter((title, i) => title !== "" && titles.indexOf(title) < i);
  });
  const ids = all("[id]").map(({ id }) => id).filter((id, i, ids) => ids.indexOf(id) < i);
  const nameless = all("table").filter((table) =>
    table.querySelector("caption") === null &&
    !document.getElementById(table.getAttribute("aria-labelledby") ?? "")?.innerText &&
    !table.parentElement!.ariaLabel
  );
  const covered = all("svg.plot").flatMap((plot) => {
    const axes = plot.querySelector(".axis")!.getBoundingClientRect();
    return all("text, .legend li", plot.parentElement!).filter((one) => {
      const { left, right, top, bottom } = one.getBoundingClientRect();
      return left < axes.right && right > axes.left && top < axes.bottom && bottom > axes.top;
    });
  });
  return [
    ...ids.map((id) => `two elements are called ${id}`),
    ...twice.map((title) => `shown twice: ${title}`),
    ...nameless.map(({ innerText }) => `a table without a name: ${innerText.slice(0, 120)}`),
    ...covered.map(({ textContent }) => `over a plot: ${textContent}`),
  ];
}

/** The controls that Tab does not reach, by number. */
export async function unreached(page: Page): Promise<string[]> {
  const wanted = await page.$$eval(
    "input:not([disabled]), select, button:not([disabled]), summary, nav a",
    (all) => all.filter((one) => one.checkVisibility()).map((one, i) => one.dataset.tab = `${i}`),
  );
  const marked = () =>
    page.$$eval("[data-tab][data-reached]", (all) => all.map((one) => one.dataset.tab!));
  await page.evaluate(() =>
    addEventListener("focusin", ({ target }) => (target as HTMLElement).dataset.reached = "")
  );
  for (let i = 0; i < wanted.length; i++) await page.keyboard.press("Tab");
  // Besides them there are words to reach.
  for (let i = 0; i < 400 && (await marked()).length < wanted.length; i += 20) {
    for (let j = 0; j < 20; j++) await page.keyboard.press("Tab");
  }
  const reached = new Set(await marked());
  return wanted.filter((tab) => !reached.has(tab));
}
