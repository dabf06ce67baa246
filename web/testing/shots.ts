/**
 * Takes the pictures of the pages, for eyes: light, dark, on a phone.
 *
 *     deno task site:shots --output DIR [--only NAME]
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
import { buildSite } from "../build.tsx";
import type { ModelFiles } from "../engine/inside.ts";
import { serveSite } from "../serve.ts";
import { words } from "../words/page.ts";
import { filesOf, small, trainInDeno } from "./gpt.ts";

/** A part of a page in a state. */
interface Shot {
  /** The hash of the address. */
  readonly hash?: string;
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

const lesson: Readonly<Record<string, Shot>> = {
  "neuron": { part: "#neuron" },
  "forward": { part: "#forward" },
  "slope": { part: "#gradient" },
  "backpropagation-step-0": { part: "#backpropagation" },
  "backpropagation-step-26": {
    part: "#backpropagation",
    prepare: (page) => press(page, "backpropagation", "Run until"),
  },
  "spiral-start": { hash: "device=cpu", part: "figure:has([data-widget=network])" },
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
};

/** Opens the model of the site. */
async function lookInside(page: Page): Promise<void> {
  await press(page, "inside", "this site");
  await page.waitForSelector("[data-table=lens]", patience);
}

const inside = { hash: "look=12%2B30%3D&lookDevice=cpu", prepare: lookInside };

/** The view into a model, and what it says about a file that lacks its end. */
async function insideShots(files: ModelFiles): Promise<Readonly<Record<string, Shot>>> {
  const payloads = await Promise.all([...files].map(async ([name, file]) => {
    const bytes = await file.bytes();
    const isWhole = !name.endsWith(".safetensors");
    const buffer = Buffer.from(isWhole ? bytes : bytes.subarray(0, 5000));
    return { name, mimeType: "application/octet-stream", buffer };
  }));
  return {
    "inside-attention": { ...inside, from: "Attention" },
    "inside-lens": { ...inside, from: "Logit lens" },
    "inside-probabilities": { ...inside, from: "What comes next" },
    "error-bad-checkpoint": {
      part: "#inside",
      prepare: async (page) => {
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
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  phone: { colorScheme: "light", viewport: { width: 360, height: 740 } },
} as const;

async function take(
  browser: Browser,
  address: string,
  shots: Readonly<Record<string, Shot>>,
  { output, only }: { readonly output: string; readonly only: string },
): Promise<void> {
  for (const [name, { hash = "", part, from, prepare }] of Object.entries(shots)) {
    if (!name.startsWith(only)) continue;
    const page = await browser.newPage({ ...looks.light, reducedMotion: "reduce" });
    await page.goto(`${address}#${hash}`);
    await page.waitForSelector("html[data-live]");
    await page.keyboard.press("Shift");
    await page.waitForSelector("html[data-ready]");
    await prepare?.(page);
    for (const [look, { colorScheme, viewport }] of Object.entries(looks)) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      await page.waitForTimeout(300);
      const file = { path: `${output}/${name}-${look}.png` };
      if (part !== undefined) await page.locator(part).screenshot(file);
      else if (from === undefined) await page.screenshot({ ...file, fullPage: true });
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
    :root { --ground: #fcfcfa; --brand: #1b7048 }
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
  options: { readonly output: string; readonly only: string },
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
  only: text("", "Only the pictures whose name begins so", "NAME"),
};

async function run({ output, only }: Values<typeof flags>): Promise<void> {
  if (output === null) throw new UsageError("Cannot take pictures: wanted --output, got none");
  const path = findChromium();
  if (path === null) throw new Error("Cannot take pictures: wanted Chromium on the PATH, got none");
  await Deno.mkdir(output, { recursive: true });
  const browser = await startChromium(path);
  if (!only.startsWith("dashboard")) {
    // The picture of links needs no model to look into.
    const steps = only === "share" ? 1 : 300;
    const files = filesOf(await trainInDeno({ spec: { ...small, depth: 2, steps } }));
    const model = new Map(
      await Promise.all(
        [...files].map(async ([name, file]) => [name, await file.bytes()] as const),
      ),
    );
    await using server = serveSite(await buildSite({ model }));
    const address = `http://127.0.0.1:${server.addr.port}/`;
    await take(browser, address, { ...lesson, ...await insideShots(files) }, { output, only });
    if ("no-javascript".startsWith(only)) await takeStill(browser, address, output);
    if ("share".startsWith(only)) await takeShare(browser, address, output);
  }
  if ("dashboard".startsWith(only.slice(0, 9))) await takeDashboard(browser, { output, only });
  await browser.close();
}

const summary = "Takes pictures of the pages in Chromium: light, dark, on a phone.";
const command = "deno task site:shots";
Deno.exit(await runCommand({ summary, command, flags, run }, Deno.args));
