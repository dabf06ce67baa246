/** Starts and ends the threads that run `worker.ts`. @module */

import { Error } from "../../errors.ts";
import { runWorker, type WorkerStart } from "./worker.ts";

export interface Thread {
  /** Resolves when the worker is about to wait for its first job. Rejects if it cannot start. */
  readonly ready: Promise<void>;
  /** Lets the process exit while the thread is alive, if supported. */
  unref(): void;
  ended(): Promise<void>;
  terminate(): void;
}

interface NodeWorker {
  once(event: "message" | "error" | "exit", listener: (value: unknown) => void): void;
  ref(): void;
  unref(): void;
  terminate(): unknown;
}

interface NodeThreads {
  readonly Worker: new (url: URL, options: { workerData: WorkerStart }) => NodeWorker;
}

/**
 * Starts a thread. A Deno `Worker` that waits for work keeps the process alive, and has no `unref`;
 * `node:worker_threads` has, and costs 25 ms more to start. It is loaded by a function call instead
 * of an import so that this file also loads in a browser. Throws where there are no threads, or
 * memory cannot be shared.
 */
export function startThread(start: WorkerStart): Thread {
  const threads: NodeThreads | undefined = Reflect.get(globalThis, "process")
    ?.getBuiltinModule?.("node:worker_threads");
  return threads === undefined ? startWebThread(start) : startNodeThread(threads, start);
}

/** The text of what opens the libraries of matmuls in a worker. */
function openingOf({ matmuls }: WorkerStart): string {
  return matmuls?.code ?? "null";
}

function startNodeThread(threads: NodeThreads, start: WorkerStart): Thread {
  const source = `import { parentPort, workerData } from "node:worker_threads";\n` +
    `(${runWorker})(workerData, () => parentPort.postMessage(null), ${openingOf(start)});`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const worker = new threads.Worker(url, { workerData: start });
  const exit = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  return {
    ready: new Promise((resolve, reject) => {
      worker.once("message", () => resolve());
      worker.once("error", reject);
    }),
    unref: () => worker.unref(),
    ended: () => {
      worker.ref();
      return exit;
    },
    terminate: () => worker.terminate(),
  };
}

function startWebThread(start: WorkerStart): Thread {
  const source = `onmessage = ({ data }) => ` +
    `(${runWorker})(data, () => postMessage(null), ${openingOf(start)});`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  const ready = new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  }).finally(() => URL.revokeObjectURL(url));
  try {
    worker.postMessage(start);
  } catch (error) {
    // A page that is not isolated cannot share memory.
    worker.terminate();
    throw error;
  }
  return {
    ready,
    unref: () => {},
    ended: () => Promise.resolve(worker.terminate()),
    terminate: () => worker.terminate(),
  };
}
