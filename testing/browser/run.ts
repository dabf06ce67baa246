/**
 * Runs unmodified test files in a browser.
 *
 *     deno run --lock=deno.lock -A testing/browser/run.ts nn/layers_test.ts tensor/ops/scan/scan_test.ts
 */

import type { Browser, Page } from "npm:playwright-core@1.65.1";
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
  /** Pages that run nothing. Loading the library takes longer than most files. */
  readonly #idle: Page[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(executablePath: string): Promise<TestBrowser> {
    return new TestBrowser(await startChromium(executablePath));
  }

  /**
   * Runs tests, in the page of an earlier run if one is idle.
   *
   * @throws {Error} If the page fails, has no such test, or times out. It is closed then.
   */
  async run({ file, only = "", worker = false }: Selection): Promise<TestResult[]> {
    const page = this.#idle.pop() ?? await this.#open();
    const broken = Promise.withResolvers<never>();
    const fail = (error: Error) => broken.reject(error);
    const crash = () => broken.reject(new Error(`The page that ran ${file} crashed`));
    page.on("pageerror", fail);
    page.on("crash", crash);
    const timer = setTimeout(() => broken.reject(new Error(`${file} did not end`)), LONGEST);
    try {
      const run = page.evaluate(
        ([file, only, worker]) => Reflect.get(globalThis, "runFile")(file, only, worker),
        [file, only, worker] as const,
      );
      const results: TestResult[] = await Promise.race([run, broken.promise]);
      if (results.length === 0) throw new Error(`${file} has no test that matches "${only}"`);
      page.off("pageerror", fail);
      page.off("crash", crash);
      this.#idle.push(page);
      return results;
    } catch (error) {
      await page.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #open(): Promise<Page> {
    const page = await this.#browser.newPage();
    page.setDefaultTimeout(LONGEST);
    // The browser has an adapter in software: tests on WebGPU fail without one, and are not skipped.
    await page.goto(`http://127.0.0.1:${this.#server.addr.port}/?NANODINO_REQUIRE_GPU=1`);
    return page;
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
