/**
 * Times a model as one page: from opening the file to the greeting, to the first token, and tokens a second.
 *
 *     deno task export --html model.html
 *     deno run -A bench/model_page.ts model.html "What can you do?"
 *
 * A page that was opened from a disk computes on one thread.
 *
 * @module
 */

import { findChromium, startChromium } from "../testing/browser/chromium.ts";

const [path, question = "What can you do?"] = Deno.args;
const chromium = findChromium();
if (path === undefined || chromium === null) {
  console.error("Cannot time the page: wanted a file and Chromium on the PATH");
  Deno.exit(2);
}

/** Times one visit, in a browser of its own. */
async function visit(): Promise<{ open: number; first: number; rate: number }> {
  const browser = await startChromium(chromium!);
  try {
    const page = await (await browser.newContext({ offline: true })).newPage();
    const start = performance.now();
    await page.goto(new URL(path!, `file://${Deno.cwd()}/`).href);
    await page.waitForSelector(".greeting");
    const open = (performance.now() - start) / 1000;
    await page.fill("#message", question);
    await page.keyboard.press("Enter");
    const timing = page.locator(".assistant .actions .note");
    await timing.waitFor({ timeout: 120_000 });
    const [first = NaN, rate = NaN] = (await timing.innerText()).match(/[\d.]+/g)!.map(Number);
    return { open, first, rate };
  } finally {
    await browser.close();
  }
}

const visits = [];
for (let i = 0; i < 5; i++) visits.push(await visit());
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
console.log(JSON.stringify({
  bytes: (await Deno.stat(path)).size,
  open_s: median(visits.map(({ open }) => open)),
  first_token_s: median(visits.map(({ first }) => first)),
  tokens_per_second: median(visits.map(({ rate }) => rate)),
}));
