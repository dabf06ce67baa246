/** The browser of a test file: each of its tests has contexts of its own. @module */

import type { Browser, BrowserContext, BrowserContextOptions } from "npm:playwright-core@1.65.1";
import { findChromium, startChromium } from "./chromium.ts";

/**
 * Milliseconds for which a test waits for whatever a page is to do. They find what never comes; how long
 * the rest takes depends on the machine, and on what else it does.
 */
const PATIENCE = 240_000;

let browser: Promise<Browser> | undefined;

/**
 * Opens a context in the browser, which is started once, since that takes as long as many a test, and closed
 * after the last test of the file.
 *
 * @throws {Error} If there is no Chromium.
 */
export async function openContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const path = findChromium();
  if (path === null) throw new Error("wanted Chromium on the PATH, got none");
  const context = await (await (browser ??= startChromium(path))).newContext(options);
  context.setDefaultTimeout(PATIENCE);
  return context;
}

/** Closes the browser; for programs that are no tests. */
export async function closeSharedBrowser(): Promise<void> {
  await (await browser)?.close();
}

Deno.test.afterAll(closeSharedBrowser);
