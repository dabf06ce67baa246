/**
 * Runs unmodified test files in a browser.
 *
 *     deno run --lock=deno.lock -A testing/browser/run.ts nn/layers_test.ts tensor/ops/scan/scan_test.ts
 */

import type { Browser } from "npm:playwright-core@1.65.1";
import { findChromium, startChromium } from "./chromium.ts";
import type { TestResult } from "./deno_tests.ts";
import { serveTests } from "./server.ts";

export interface Selection {
  /** Path relative to the repository root. */
  readonly file: string;
  /** Regular expression that test names must match. @default {all} */
  readonly only?: string;
  /** Whether to run in a worker of the page instead of its main thread. */
  readonly worker?: boolean;
}

/** Timeout per file, in milliseconds: the longest take a minute, and many where others compute, too. */
const LONGEST = 1_800_000;

export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #server = serveTests();

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(executablePath: string): Promise<TestBrowser> {
    return new TestBrowser(await startChromium(executablePath));
  }

  /** Runs tests in a page of their own. @throws {Error} If it fails, has no test, or times out. */
  async run({ file, only = "", worker = false }: Selection): Promise<TestResult[]> {
    const page = await this.#browser.newPage();
    page.setDefaultTimeout(LONGEST);
    const broken = Promise.withResolvers<never>();
    page.on("pageerror", (error) => broken.reject(error));
    page.on("crash", () => broken.reject(new Error(`The page that ran ${file} crashed`)));
    const timer = setTimeout(() => broken.reject(new Error(`${file} did not end`)), LONGEST);
    const parameters = new URLSearchParams({ tests: file, only, ...(worker && { worker: "" }) });
    const load = async (): Promise<TestResult[]> => {
      await page.goto(`http://127.0.0.1:${this.#server.addr.port}/?${parameters}`);
      return await page.evaluate(() => Reflect.get(globalThis, "results"));
    };
    try {
      const results = await Promise.race([load(), broken.promise]);
      if (results.length === 0) throw new Error(`${file} has no test that matches "${only}"`);
      return results;
    } finally {
      clearTimeout(timer);
      await page.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.#server.shutdown();
  }
}

if (import.meta.main) {
  const chromium = findChromium();
  if (chromium === null) {
    throw new Error("Cannot run tests in a browser: wanted Chromium, got none");
  }
  await using browser = await TestBrowser.start(chromium);
  for (const file of Deno.args) {
    for (const { name, failure, ignored, milliseconds } of await browser.run({ file })) {
      if (failure !== null) Deno.exitCode = 1;
      const outcome = failure !== null ? "FAILED" : ignored ? "ignored" : "ok";
      console.log(`${file}: ${name} ... ${outcome} (${Math.round(milliseconds)} ms)`);
      if (failure !== null) console.log(failure);
    }
  }
}
