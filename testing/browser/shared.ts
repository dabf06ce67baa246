/** The browser of a test file: each of its tests has contexts of its own. @module */

import type { Browser } from "npm:playwright-core@1.65.1";
import { findChromium, startChromium } from "./chromium.ts";

let browser: Promise<Browser> | undefined;

/**
 * The browser, which is started once, since that takes as long as many a test, and closed after the
 * last test of the file.
 *
 * @throws {Error} If there is no Chromium.
 */
export function sharedBrowser(): Promise<Browser> {
  const path = findChromium();
  if (path === null) throw new Error("wanted Chromium on the PATH, got none");
  return browser ??= startChromium(path);
}

/** Closes the browser; for programs that are no tests. */
export async function closeSharedBrowser(): Promise<void> {
  await (await browser)?.close();
}

Deno.test.afterAll(closeSharedBrowser);
