/**
 * The page: runs test files on request of the program that drives the browser, in the page or in a
 * worker of it, where blocking waits are allowed.
 */

import { runFile, type TestResult } from "./deno_tests.ts";

interface Request {
  readonly file: string;
  readonly only: string;
}

let worker: Worker | undefined;

/** Runs a file in a worker that loads this module, too. */
function runInWorker(request: Request): Promise<TestResult[]> {
  const thread = worker ??= new Worker(import.meta.url + location.search, { type: "module" });
  return new Promise((resolve, reject) => {
    thread.onmessage = (event) => resolve(event.data);
    thread.onerror = (event) => reject(new Error(event.message));
    thread.postMessage(request);
  });
}

if (Reflect.has(globalThis, "document")) {
  const run = (file: string, only: string, isWorker: boolean): Promise<TestResult[]> =>
    isWorker ? runInWorker({ file, only }) : runFile(file, only);
  Reflect.set(globalThis, "runFile", run);
} else {
  const post: (message: unknown) => void = Reflect.get(globalThis, "postMessage");
  globalThis.addEventListener("message", ({ data }: MessageEvent<Request>) => {
    // An error in a worker reaches its page only if thrown or reported.
    runFile(data.file, data.only).then(post).catch(reportError);
  });
}
