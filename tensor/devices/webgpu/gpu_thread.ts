/** Starts and ends the thread that drives a GPU. @module */

import { type FromWorker, type GpuCall, workerCode } from "./gpu_worker.ts";

export interface GpuThread {
  /** Posts calls; buffers in `transfer` are transferred instead of copied. */
  post(calls: readonly GpuCall[], transfer: ArrayBuffer[]): void;
  /** Keeps the process alive, if that is not the default. */
  ref(): void;
  /** Lets the process exit while the thread is alive, if supported. */
  unref(): void;
  /** Terminates the thread; resolves when it has ended. */
  terminate(): Promise<void>;
}

export interface GpuThreadListener {
  message(message: FromWorker): void;
  /** Called if the thread fails or cannot start. */
  failure(reason: string): void;
}

/** What the workers of Node and of browsers have in common, and what only those of Node have. */
interface AnyWorker {
  postMessage(message: unknown, transfer: Transferable[]): void;
  ref?(): void;
  unref?(): void;
  terminate(): unknown;
}

interface NodeThreads {
  readonly Worker: new (url: URL) => AnyWorker & {
    on(event: "error", listener: (error: unknown) => void): void;
  };
}

/**
 * Starts a thread. A Deno `Worker` keeps the process alive; a `node:worker_threads` one can be
 * unreferenced. It is loaded by a function call instead of an import so that this file also loads
 * in a browser. The worker's code is the text of functions, and imports nothing: it needs no file
 * beside it, which a bundle would not have, and no permission. Messages go through a port, because
 * Deno takes 80 ms per MiB for messages to a `node:worker_threads` worker itself.
 */
export function startGpuThread({ message, failure }: GpuThreadListener): GpuThread {
  const threads: unknown = Reflect.get(globalThis, "process")
    ?.getBuiltinModule?.("node:worker_threads");
  const worker = threads === undefined
    ? startWebWorker(failure)
    : startNodeWorker(threads as NodeThreads, failure);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = (event) => message(event.data);
  // The worker decides whether the process stays alive, so unref the port. Browsers' ports have no
  // `unref`.
  Reflect.get(port1, "unref")?.call(port1);
  worker.postMessage(port2, [port2]);
  return {
    post: (calls, transfer) => port1.postMessage(calls, transfer),
    ref: () => worker.ref?.(),
    unref: () => worker.unref?.(),
    terminate: async () => {
      port1.close();
      await worker.terminate();
    },
  };
}

function startNodeWorker({ Worker }: NodeThreads, failure: (reason: string) => void): AnyWorker {
  const source = `import { parentPort } from "node:worker_threads";\n` +
    `parentPort.once("message", (port) => ${workerCode("port")});`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  worker.on("error", (error) => failure(error instanceof Error ? error.message : String(error)));
  return worker;
}

function startWebWorker(failure: (reason: string) => void): AnyWorker {
  const source = `onmessage = (event) => ${workerCode("event.data")};`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.onerror = (event) => {
    event.preventDefault();
    // A page whose policy forbids the worker gives no message.
    failure(event.message || "an error without a message");
  };
  return {
    postMessage: (message, transfer) => worker.postMessage(message, transfer),
    terminate: () => {
      URL.revokeObjectURL(url);
      worker.terminate();
    },
  };
}
