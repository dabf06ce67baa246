/**
 * The page: runs the test file named in its address, as in `/?tests=nn/layers_test.ts`. With
 * `&worker`, a worker of the page runs it, where blocking waits are allowed.
 */

import { runTests, type TestResult } from "./deno_tests.ts";

const { searchParams, search } = new URL(location.href);
const isPage = Reflect.has(globalThis, "document");

/** The results, read by the program that drives the browser. */
const results: Promise<TestResult[]> = isPage && searchParams.has("worker")
  ? runInWorker()
  : import(`/nanodino/${searchParams.get("tests")}`).then(() =>
    runTests(new RegExp(searchParams.get("only") ?? ""))
  );

if (isPage) Reflect.set(globalThis, "results", results);
else {
  const post: (message: unknown) => void = Reflect.get(globalThis, "postMessage");
  // An error in a worker reaches its page only if thrown or reported.
  results.then(post).catch(reportError);
}

/** Runs this file in a worker, with the same parameters. */
function runInWorker(): Promise<TestResult[]> {
  const worker = new Worker(import.meta.url + search, { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
}
