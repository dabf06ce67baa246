/**
 * Takes pictures of the chat page, for eyes: its first view, a long chat, the probabilities of tokens, and
 * what is shown when something goes wrong; light, dark, and on a phone.
 *
 *     deno task chat:shots --output DIR [--url URL]
 *
 * @module
 */

import type { Browser, BrowserContextOptions, Page } from "npm:playwright-core@1.65.1";
import { optional, runScript, text, UsageError, type Values } from "../../scripts/flags.ts";
import { suggestions } from "../../chat/suggestions.ts";
import { findChromium, startChromium } from "../../testing/browser/chromium.ts";
import { buildChat } from "../../web/page.ts";
import { withServer } from "./tiny_server.ts";

/** Says something, and waits for the answer. */
async function ask(page: Page, text: string): Promise<void> {
  const before = await page.locator("[data-turn]").count();
  await page.getByText(/is ready\.|complete\.|limit of/).first().waitFor({ state: "attached" });
  await page.fill("#message", text);
  await page.press("#message", "Enter");
  await page.waitForFunction(
    (before) =>
      document.querySelectorAll("[data-turn]").length > before &&
      document.querySelector("[aria-busy=true]") === null,
    before,
  );
}

async function askAll(page: Page): Promise<void> {
  for (const text of suggestions) await ask(page, text);
}

/** The content of each picture, by its name. */
const shots: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  first: (page) => page.waitForSelector(".chips"),
  card: async (page) => await (await page.waitForSelector(".card summary")).click(),
  long: askAll,
  "scrolled-up": async (page) => {
    await askAll(page);
    await page.hover(".scroller");
    await page.mouse.wheel(0, -300);
    await page.waitForSelector(".to-end");
  },
  probabilities: async (page) => {
    await ask(page, suggestions[1]!);
    await page.getByRole("button", { name: "Probabilities" }).click();
  },
  silent: async (page) => {
    await page.waitForSelector(".chips");
    await page.route("**/completions", (route) => route.abort());
    await page.fill("#message", "Are you there?");
    await page.press("#message", "Enter");
    await page.waitForSelector(".ending.failed");
  },
};

const desk = { width: 1280, height: 800 }, pocket = { width: 360, height: 740 };
const looks: Readonly<Record<string, BrowserContextOptions>> = {
  light: { colorScheme: "light", viewport: desk },
  dark: { colorScheme: "dark", viewport: desk },
  phone: { colorScheme: "light", viewport: pocket, hasTouch: true, isMobile: true },
};

async function take(browser: Browser, url: string, folder: string): Promise<void> {
  for (const [look, options] of Object.entries(looks)) {
    for (const [name, prepare] of Object.entries(shots)) {
      const page = await browser.newPage(options);
      await page.goto(url);
      await prepare(page);
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${folder}/chat-${name}-${look}.png` });
      await page.close();
    }
  }
}

const flags = {
  output: optional(text("", "The folder to write the pictures to", "DIR")),
  url: text("", "Where deno task serve runs; by default a model with made-up weights is served"),
};

async function takePictures({ output, url }: Values<typeof flags>): Promise<void> {
  if (output === null) throw new UsageError("Cannot take pictures: wanted --output, got none");
  const path = findChromium();
  if (path === null) throw new Error("Cannot take pictures: wanted Chromium on the PATH, got none");
  await Deno.mkdir(output, { recursive: true });
  const browser = await startChromium(path);
  if (url !== "") await take(browser, url, output);
  else {
    const page = await buildChat();
    const model = { stage: "sft", origin: "made-up weights", examples: suggestions, context: 120 };
    await withServer({ ...model, page }, ({ url }) => take(browser, url, output));
  }
  await browser.close();
  console.log(`Pictures are in ${output}`);
}

const summary = "Takes pictures of the chat page in Chromium: light, dark, on a phone.";
Deno.exit(
  await runScript(
    { summary, command: "deno task chat:shots", flags, run: takePictures },
    Deno.args,
  ),
);
