/** Starting and ending the thread that runs `gpu_worker.ts`. @module */

import type { FromWorker, ToWorker } from "./gpu_messages.ts";

/** A thread that serves a graphics processor. */
export interface GpuThread {
  /** Sends a message; what is in `transfer` is handed over instead of copied. */
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
  /** Keeps the process alive, where that is not the rule. */
  ref(): void;
  /** Lets the process end although the thread is still there, where that can be done. */
  unref(): void;
  /** Ends the thread; resolves when it has ended. */
  terminate(): Promise<void>;
}

/** What a thread tells. */
export interface GpuThreadListener {
  /** It sent a message. */
  message(message: FromWorker): void;
  /** It failed, or could not start. */
  failure(reason: string): void;
}

/** The part of a worker of `node:worker_threads` that is used. */
interface NodeWorker {
  on(event: "message" | "error", listener: (value: unknown) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<unknown>;
}

/** The part of `node:worker_threads` that is used. */
interface NodeThreads {
  readonly Worker: new (url: URL) => NodeWorker;
}

/**
 * Starts a thread.
 *
 * Deno's own `Worker` keeps the process alive for ever; the one of `node:worker_threads` can be told
 * not to. It is asked for by a function instead of an import so that this file also loads in a browser.
 * Both begin with a line of their own, which imports the worker's module: the one takes no `https:`, and
 * the other in a browser none from another host than the page's.
 */
export function startGpuThread(listener: GpuThreadListener): GpuThread {
  const module = JSON.stringify(new URL("./gpu_worker.ts", import.meta.url).href);
  const serve = `import { serveGpu } from ${module};\n`;
  const threads: NodeThreads | undefined = Reflect.get(globalThis, "process")
    ?.getBuiltinModule?.("node:worker_threads");
  return threads === undefined
    ? startWebThread(serve, listener)
    : startNodeThread(threads, serve, listener);
}

function startNodeThread(
  threads: NodeThreads,
  serve: string,
  { message, failure }: GpuThreadListener,
): GpuThread {
  const source = `import { parentPort } from "node:worker_threads";\n${serve}` +
    `serveGpu((m, transfer) => parentPort.postMessage(m, transfer), (f) => parentPort.on("message", f));`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  const worker = new threads.Worker(url);
  worker.on("message", (value) => message(value as FromWorker));
  worker.on("error", (error) => failure(error instanceof Error ? error.message : String(error)));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate: async () => void await worker.terminate(),
  };
}

function startWebThread(serve: string, { message, failure }: GpuThreadListener): GpuThread {
  const source = `${serve}serveGpu(postMessage, (f) => { onmessage = (event) => f(event.data); });`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.onmessage = (event) => {
    URL.revokeObjectURL(url);
    message(event.data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    failure(event.message);
  };
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    ref: () => {},
    unref: () => {},
    terminate: () => Promise.resolve(worker.terminate()),
  };
}
