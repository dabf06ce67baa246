/**
 * Takes pictures of the chat page, for eyes: light, dark, on a phone, with the probabilities of tokens.
 *
 *     deno task chat:shots DIR
 *
 * The model has made-up weights.
 *
 * @module
 */

import type { Page } from "npm:playwright-core@1.65.1";
import { findChromium, startChromium } from "../../testing/browser/chromium.ts";
import { buildChat } from "../../web/page.ts";
import { withServer } from "./tiny_server.ts";

async function ask(page: Page, text: string): Promise<void> {
  await page.waitForSelector("button[type=submit]:not([disabled])");
  await page.fill("#message", text);
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=The answer is complete.");
}

const [folder] = Deno.args;
const path = findChromium();
if (folder === undefined || path === null) {
  console.error("Cannot take pictures: wanted a folder, and Chromium on the PATH");
  Deno.exit(2);
}
await Deno.mkdir(folder, { recursive: true });
await withServer({ stage: "sft", page: await buildChat(), context: 120 }, async ({ url }) => {
  const browser = await startChromium(path);
  for (const colorScheme of ["light", "dark"] as const) {
    for (const [name, width] of [["desk", 1200], ["phone", 360]] as const) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 760 } });
      await page.goto(url);
      await ask(page, "How many roses are there?");
      await page.getByRole("button", { name: "Probabilities" }).click();
      await page.screenshot({ path: `${folder}/chat-${name}-${colorScheme}.png` });
      await page.close();
    }
  }
  await browser.close();
});
console.log(`Pictures are in ${folder}`);
