/**
 * Takes the pictures of the pages, for eyes: light, dark, on a phone.
 *
 *     deno task site:shots --output DIR [--only NAME,NAME…]
 *
 * Models in them train while they are taken, which takes minutes. Nothing compares them: fonts differ
 * between machines.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Browser, Page } from "npm:playwright-core@1.65.1";
import {
  optional,
  runScript as runCommand,
  text,
  UsageError,
  type Values,
} from "../../scripts/flags.ts";
import { makeCorpus, makeHome, runScript, tinyFlags } from "../../scripts/testing/run_script.ts";
import { serveScript } from "../../scripts/testing/served.ts";
import { findChromium, startChromium } from "../../testing/browser/chromium.ts";
import { keptSiteModel, makeSiteModelShowing } from "../../scripts/site_model.ts";
import { buildSite, type Site } from "../build.tsx";
import { fillTemplate, modelPageTemplate, packCheckpoint } from "../model_page/mod.ts";
import { serveSite } from "../serve.ts";
import { words } from "../words/page.ts";
import { words as servingWords } from "../words/serving.ts";
import { answererModel, keepModels, readerModel } from "./talk.ts";

/** A part of a page in a state. */
interface Shot {
  /** The page of the site. @default {the lesson} */
  readonly path?: string;
  /** The hash of the address. */
  readonly hash?: string;
  /** Whether only what a window shows is in the picture. @default {false} */
  readonly isWindow?: boolean;
  /** The element in the picture. @default {all of the page} */
  readonly part?: string;
  /** The heading of a part of the view into a model: the picture goes from there to the next one. */
  readonly from?: string;
  /** Brings the page into the state. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

const press = (page: Page, widget: string, text: string) =>
  page.locator(`[data-widget=${widget}] button`, { hasText: text }).click();

const patience = { timeout: 180_000 };

/** Waits until a cell of a widget has a value. */
const row = (page: Page, name: string, value: string) =>
  page.locator(`[data-row=${name}]`, { hasText: new RegExp(`^${value}$`) }).waitFor(patience);

/** Gives the page a model that has read, and one that answers. */
async function giveModels(page: Page): Promise<void> {
  await keepModels(page, { read: await readerModel(), taught: await answererModel() });
  await page.locator("[data-widget=answering] [role=status]", { hasText: "kept" }).waitFor();
}

const cpu = "talkDevice=cpu";

const lesson: Readonly<Record<string, Shot>> = {
  "opening": {
    isWindow: true,
    prepare: async (page) => {
      await page.getByRole("button", { name: "Let it learn" }).click();
      await page.waitForSelector("[data-opening='60']", patience);
      await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
    },
  },
  "neuron": { part: "#neuron" },
  "forward": { part: "#forward" },
  "slope": { part: "#gradient" },
  "backpropagation-step-0": { part: "#backpropagation" },
  "backpropagation-step-26": {
    part: "#backpropagation",
    prepare: (page) => press(page, "backpropagation", "Run until"),
  },
  "spiral-start": {
    hash: "device=cpu",
    part: "figure:has([data-widget=network])",
    prepare: async (page) => {
      await page.locator("#network .trio").scrollIntoViewIfNeeded();
      await page.waitForSelector(".net .edge[data-weight]", patience);
    },
  },
  "note": {
    part: "#network > .text",
    prepare: (page) => page.locator("[popovertarget=note-tensor]").focus(),
  },
  "spiral-done": {
    hash: "device=cpu&steps=800&pace=fast",
    // The light one is in the README.
    part: "figure:has([data-widget=network])",
    prepare: async (page) => {
      await press(page, "network", "Start");
      await row(page, "step", "800");
    },
  },
  "rules": { part: "#rules" },
  "mlp": { part: "#mlp" },
  "loss": { part: "#loss" },
  "loop": { part: "#loop" },
  "letters": {
    part: "#letters",
    prepare: async (page) => {
      await page.locator("[data-widget=letters] button").click();
      await page.waitForSelector("[data-table=letters]", patience);
    },
  },
  "tokens": {
    part: "#tokens",
    hash: "tokenMerges=6",
  },
  "embeddings": { part: "#embeddings" },
  "attention": { part: "#attention" },
  "block": { part: "#block" },
  "optimizers": {
    part: "#optimizers",
    prepare: async (page) => {
      await press(page, "optimizer", "Let them run");
      await press(page, "muon", "Make them equal");
      await press(page, "rule", "Run it");
      await page.waitForSelector("[data-table=valley] tbody tr:nth-child(4)", patience);
      await page.waitForSelector("[data-table=muon] tbody tr:nth-child(6)", patience);
    },
  },
  "overfitting": {
    part: "#overfitting",
    prepare: async (page) => {
      await press(page, "overfitting", "Train all three");
      await page.locator("[data-overfitting]", { hasText: "never seen" }).waitFor(patience);
    },
  },
  "gpt-training": {
    hash: "gptDevice=cpu&gptSteps=200",
    part: "#gpt",
    prepare: async (page) => {
      await press(page, "gpt", "Start");
      await row(page, "gptStep", "200");
    },
  },
  "gpt-start": { part: "#gpt" },
  "sense": {
    part: "#sense",
    prepare: async (page) => {
      await press(page, "sense", "Tell a story");
      await page.locator("[data-widget=sense] [role=status]").waitFor(patience);
      await press(page, "sense", "Count over");
      await page.waitForSelector("[data-table=sense] tbody tr:nth-child(4)", patience);
    },
  },
  "inside-start": { part: "#inside" },
  "answering-start": { part: "#answering" },
  "answering": {
    hash: `${cpu}&talkSteps=80`,
    part: "#answering",
    prepare: async (page) => {
      await giveModels(page);
      await press(page, "answering", "Teach it again");
      await page.waitForSelector("[data-table=compared] tbody tr:nth-child(5)", patience);
    },
  },
  "tool-start": { part: "#tool" },
  "tool": {
    hash: cpu,
    part: "#tool",
    prepare: async (page) => {
      await giveModels(page);
      await press(page, "tool", "Ask");
      await page.waitForSelector("[data-widget=tool] .stream", patience);
      await press(page, "tool", "To the end");
    },
  },
  "reward": {
    hash: cpu,
    part: "#reward",
    prepare: async (page) => {
      await giveModels(page);
      await press(page, "reward", "Reward right answers");
      await page.locator("[data-widget=reward] [role=status]", { hasText: "From" })
        .waitFor(patience);
      await page.locator("[data-widget=reward] summary").click();
    },
  },
  "serving": {
    hash: cpu,
    part: "#serving",
    prepare: async (page) => {
      await giveModels(page);
      await press(page, "serving", "Serve them");
      await page.waitForSelector("[data-table=served]", patience);
      await page.focus("#serveStep");
      for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowRight");
    },
  },
  "ideas": { part: "#ideas" },
};

/** Asks two questions in a chat. */
async function ask(page: Page): Promise<void> {
  await page.waitForSelector(".greeting", patience);
  for (const [i, question] of ["What does the owl say?", "What is 27+16?"].entries()) {
    await page.fill("#message", question);
    await page.keyboard.press("Enter");
    await page.locator(".assistant .actions .note").nth(i).waitFor(patience);
  }
}

/** The chat page of the site, answered by a model of the lesson. */
const chat: Readonly<Record<string, Shot>> = {
  "chat-empty": { path: "chat.html", isWindow: true },
  "chat": {
    isWindow: true,
    prepare: async (page) => {
      await giveModels(page);
      await page.goto(new URL("chat.html", page.url()).href);
      await ask(page);
    },
  },
};

/** Opens the model of the site. */
async function lookInside(page: Page): Promise<void> {
  await press(page, "inside", "this site");
  await page.waitForSelector("[data-table=lens]", patience);
}

/** Switches a head off, and each part in turn. */
async function switchOff(page: Page): Promise<void> {
  await lookInside(page);
  await page.locator("[data-widget=inside] .switch").first().click();
  await press(page, "inside", "Switch off each one");
  await page.waitForSelector("[data-table=each]", patience);
}

const inside = { hash: "lookDevice=cpu", prepare: lookInside };

/** The view into a model, and what it says about a file that lacks its end. */
function insideShots(files: Site): Readonly<Record<string, Shot>> {
  const payloads = Array.from(files, ([name, bytes]) => {
    const isWhole = !name.endsWith(".safetensors");
    const buffer = Buffer.from(isWhole ? bytes : bytes.subarray(0, 5000));
    return { name, mimeType: "application/octet-stream", buffer };
  });
  return {
    "inside-attention": { ...inside, from: "Attention" },
    "inside-lens": { ...inside, from: "Logit lens" },
    "inside-probabilities": { ...inside, from: "What comes next" },
    "inside": { ...inside, part: "#inside" },
    "inside-ablation": { ...inside, prepare: switchOff, from: "Switch parts off" },
    "error-bad-checkpoint": {
      part: "#inside",
      prepare: async (page) => {
        await lookInside(page);
        await page.setInputFiles("#insideFiles", payloads);
        await page.waitForSelector("[data-inside]:has-text('Cannot')", patience);
      },
    },
  };
}

const dashboard: Readonly<Record<string, Shot>> = {
  "dashboard-live": { hash: "runs=base%2Flive" },
  "dashboard-compare": { hash: "runs=base%2Fsmall-batch%2Cbase%2Flarge-batch" },
};

const looks = {
  // Text and widgets are side by side, or below each other.
  light: { colorScheme: "light", viewport: { width: 1440, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1024, height: 900 } },
  phone: { colorScheme: "light", viewport: { width: 360, height: 740 } },
} as const;

/** Which pictures are taken, and where they go. */
interface Pictures {
  readonly output: string;
  readonly isWanted: (name: string) => boolean;
}

async function take(
  browser: Browser,
  address: string,
  shots: Readonly<Record<string, Shot>>,
  { output, isWanted }: Pictures,
): Promise<void> {
  for (const [name, shot] of Object.entries(shots)) {
    if (!isWanted(name)) continue;
    const { path = "", hash = "", isWindow = false, part, from, prepare } = shot;
    const page = await browser.newPage({ ...looks.light, reducedMotion: "reduce" });
    await page.goto(`${address}${path}#${hash}`);
    // The lesson loads the rest of it when the reader moves.
    await page.keyboard.press("Shift");
    await page.waitForSelector("html[data-ready]");
    await prepare?.(page);
    for (const [look, { colorScheme, viewport }] of Object.entries(looks)) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      await page.waitForTimeout(300);
      const file = { path: `${output}/${name}-${look}.png` };
      if (part !== undefined) {
        // Elements that stay in view while the page scrolls would lie over the part, or elsewhere in it.
        await page.$$eval(
          ".progress, .index",
          (all) => all.forEach((one) => one.style.visibility = "hidden"),
        );
        await page.$$eval(
          ".text, .widgets > div, .explained",
          (all) => all.forEach((one) => one.style.position = "static"),
        );
        await page.locator(part).screenshot(file);
      } else if (from === undefined) await page.screenshot({ ...file, fullPage: !isWindow });
      else await page.screenshot({ ...file, fullPage: true, clip: await boxFrom(page, from) });
    }
    console.log(name);
    await page.close();
  }
}

/** From a heading of the view into a model to the next one. */
async function boxFrom(
  page: Page,
  text: string,
): Promise<{ x: number; y: number; width: number; height: number }> {
  return await page.$$eval("[data-widget=inside] h3", (all, text) => {
    const i = all.findIndex(({ textContent }) => textContent.includes(text));
    const top = (one: Element) => one.getBoundingClientRect().top + scrollY;
    return { x: 0, y: top(all[i]!), width: innerWidth, height: top(all[i + 1]!) - top(all[i]!) };
  }, text);
}

/** The lesson without JavaScript, and on paper. */
async function takeStill(browser: Browser, address: string, output: string): Promise<void> {
  const page = await browser.newPage({ javaScriptEnabled: false, viewport: looks.light.viewport });
  await page.goto(address);
  await page.screenshot({ path: `${output}/no-javascript.png`, fullPage: true });
  await page.emulateMedia({ media: "print" });
  await page.screenshot({ path: `${output}/print.png`, fullPage: true });
  await page.close();
}

const modelPage: Readonly<Record<string, Shot>> = {
  "model-page": { isWindow: true, prepare: (page) => page.waitForSelector(".greeting", patience) },
  "model-page-chat": { isWindow: true, prepare: ask },
  "model-page-card": {
    isWindow: true,
    prepare: (page) => page.locator(".card summary").click(patience),
  },
  "model-page-probabilities": {
    isWindow: true,
    prepare: async (page) => {
      await ask(page);
      await page.getByRole("button", { name: "Probabilities" }).first().click();
    },
  },
  "model-page-inside": {
    prepare: async (page) => {
      await page.waitForSelector(".greeting", patience);
      await page.getByRole("button", { name: "Look inside" }).click();
      await page.waitForSelector("[data-table=lens]", patience);
    },
  },
};

/** A model as one page, which is opened from the disk. */
async function takeModelPage(
  browser: Browser,
  options: Pictures,
): Promise<void> {
  const files = await answererModel();
  const contents = [...files].map(async ([name, file]) => [name, await file.bytes()] as const);
  const packed = await packCheckpoint(new Map(await Promise.all(contents)));
  const blobs = new Map([...packed].map(([name, bytes]) => [name, new Blob([bytes])]));
  const card = { ...servingWords.card(false), facts: [["Bits per byte", "1.2345"]] as const };
  const html = await fillTemplate(await modelPageTemplate(), card, blobs);
  const file = await Deno.makeTempFile({ suffix: ".html" });
  await Deno.writeTextFile(file, html);
  await take(browser, `file://${file}`, modelPage, options);
  await Deno.remove(file);
}

/** The picture that links to the site show: `assets/share.png`. */
async function takeShare(browser: Browser, address: string, output: string): Promise<void> {
  const page = await browser.newPage({ ...looks.light, deviceScaleFactor: 2 });
  await page.goto(`${address}#device=cpu&pace=fast`);
  await page.waitForSelector("html[data-ready]");
  await press(page, "network", "Start");
  await row(page, "step", "800");
  const [graph, map, mark] = await Promise.all([
    page.locator(".net .layers").screenshot(),
    page.locator(".trio > div > .heat").screenshot(),
    page.locator(".brand .mark").evaluate((one) => one.outerHTML),
  ]);
  const image = (bytes: Uint8Array) => `<img src="data:image/png;base64,${bytes.toBase64()}">`;
  await page.close();
  const card = await browser.newPage({ viewport: { width: 1200, height: 630 } });
  await card.setContent(`<style>
    :root { --ground: #ffffff; --brand: #1b7048 }
    body { margin: 0; padding: 56px; font-family: system-ui, sans-serif; color: #1c211f;
      background: var(--ground) }
    h1 { display: flex; align-items: center; gap: 24px; margin: 0 0 40px; font-size: 64px;
      letter-spacing: -0.03em }
    .mark { width: 96px; height: 96px; color: var(--brand) }
    main { display: flex; justify-content: space-around; align-items: center }
    img { height: 400px }
  </style><h1>${mark}${words.share}</h1><main>${image(graph)}${image(map)}</main>`);
  await card.screenshot({ path: `${output}/share.png` });
  await card.close();
}

async function takeDashboard(
  browser: Browser,
  options: Pictures,
): Promise<void> {
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  const flags = [...tinyFlags, "--data", corpus, "--num-iterations", "400"];
  const often = ["--eval-every", "50", "--sample-every", "200"];
  for (const [tag, size] of [["small-batch", "32"], ["large-batch", "256"]] as const) {
    const args = [...flags, ...often, "--model-tag", tag, "--total-batch-size", size];
    const { code, stderr } = await runScript("base_train.ts", args, home);
    if (code !== 0) throw new Error(stderr);
  }
  const args = [...flags, "--num-iterations", "100000", "--model-tag", "live", "--dashboard"];
  await using served = await serveScript("base_train.ts", args, home);
  await new Promise((go) => setTimeout(go, 5000));
  await take(browser, `${served.url}/`, dashboard, options);
}

const flags = {
  output: optional(text("", "The folder to write the pictures to", "DIR")),
  only: text("", "Only the pictures whose names begin so", "NAME,NAME…"),
};

async function run({ output, only }: Values<typeof flags>): Promise<void> {
  if (output === null) throw new UsageError("Cannot take pictures: wanted --output, got none");
  const path = findChromium();
  if (path === null) throw new Error("Cannot take pictures: wanted Chromium on the PATH, got none");
  await Deno.mkdir(output, { recursive: true });
  const isWanted = (name: string) => only.split(",").some((start) => name.startsWith(start));
  const wantsAny = (shots: Readonly<Record<string, unknown>>) => Object.keys(shots).some(isWanted);
  const pictures = { output, isWanted };
  const browser = await startChromium(path);
  const { signal } = new AbortController();
  const model = await keptSiteModel() ?? await makeSiteModelShowing(signal);
  const shots = { ...lesson, ...insideShots(model!), ...chat };
  const others = { "no-javascript": takeStill, share: takeShare };
  if (wantsAny(shots) || wantsAny(others)) {
    await using server = serveSite(await buildSite({ model: model! }));
    const address = `http://127.0.0.1:${server.addr.port}/`;
    await take(browser, address, shots, pictures);
    for (const [name, takeOther] of Object.entries(others)) {
      if (isWanted(name)) await takeOther(browser, address, output);
    }
  }
  if (wantsAny(modelPage)) await takeModelPage(browser, pictures);
  if (wantsAny(dashboard)) await takeDashboard(browser, pictures);
  await browser.close();
}

const summary = "Takes pictures of the pages in Chromium: light, dark, on a phone.";
const command = "deno task site:shots";
Deno.exit(await runCommand({ summary, command, flags, run }, Deno.args));
