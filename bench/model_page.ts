/**
 * Times a model as one page: from opening the file to the greeting, to the first token, and tokens a second.
 * Before that, it compares 20 greedy answers of the page with those of Deno, from the same weights.
 *
 *     deno task export --html model.html
 *     deno run -A bench/model_page.ts model.html "What can you do?"
 *
 * A page that was opened from a disk computes on one thread.
 *
 * @module
 */

import type { Page } from "npm:playwright-core@1.65.1";
import { openDevice } from "../tensor/mod.ts";
import { findChromium, startChromium } from "../testing/browser/chromium.ts";
import { answersInDeno, askPage, filesInPage, setGreedy } from "../web/testing/model_page.ts";

/** Questions that people type first: half of them want the calculator, or letters one by one. */
const questions = [
  "What can you do?",
  "hi",
  "Who are you?",
  "2+2",
  "What is 17 times 23?",
  "12*12",
  "144 divided by 12",
  "What is 1000 + 2345?",
  "How do you spell river?",
  "How many r are in mirror?",
  "Spell strawberry",
  "What is the capital of Japan?",
  "capital of france",
  "Which currency does Brazil use?",
  "What is the opposite of early?",
  "What comes after Monday?",
  "My name is Ada.",
  "I am sad",
  "Tell me a joke",
  "Thank you!",
];

const [path, question = "What can you do?"] = Deno.args;
const chromium = findChromium();
if (path === undefined || chromium === null) {
  console.error("Cannot time the page: wanted a file and Chromium on the PATH");
  Deno.exit(2);
}

/** Visits the page in a browser of its own. @param use Is also told how many seconds it took to open. */
async function visit<Result>(use: (page: Page, open: number) => Promise<Result>): Promise<Result> {
  const browser = await startChromium(chromium!);
  try {
    const page = await (await browser.newContext({ offline: true })).newPage();
    const start = performance.now();
    await page.goto(new URL(path!, `file://${Deno.cwd()}/`).href);
    await page.waitForSelector(".greeting");
    return await use(page, (performance.now() - start) / 1000);
  } finally {
    await browser.close();
  }
}

/** Times an answer. */
async function time(
  page: Page,
  open: number,
): Promise<{ open: number; first: number; rate: number }> {
  await page.fill("#message", question);
  await page.keyboard.press("Enter");
  const timing = page.locator(".assistant .actions .note");
  await timing.waitFor({ timeout: 120_000 });
  const [first = NaN, rate = NaN] = (await timing.innerText()).match(/[\d.]+/g)!.map(Number);
  return { open, first, rate };
}

/** Counts the answers that are the same in the page and in Deno, and prints the others. */
async function countEqual(): Promise<number> {
  const device = await openDevice("cpu");
  const files = await filesInPage(await Deno.readTextFile(path!));
  const wanted = await answersInDeno(device, files, questions);
  await device.close();
  const given = await visit(async (page) => {
    await setGreedy(page);
    return await Array.fromAsync(questions, (question) => askPage(page, question));
  });
  const others = questions.filter((_, i) => given[i] !== wanted[i]);
  for (const question of others) {
    const i = questions.indexOf(question);
    console.log(`${question}\n  page  ${given[i]}\n  Deno  ${wanted[i]}`);
  }
  return questions.length - others.length;
}

const equal = await countEqual();
console.log(`Greedy answers as in Deno: ${equal} of ${questions.length}`);
const visits = [];
for (let i = 0; i < 5; i++) visits.push(await visit(time));
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
console.log(JSON.stringify({
  bytes: (await Deno.stat(path)).size,
  equal_answers: equal,
  open_s: median(visits.map(({ open }) => open)),
  first_token_s: median(visits.map(({ first }) => first)),
  tokens_per_second: median(visits.map(({ rate }) => rate)),
}));
