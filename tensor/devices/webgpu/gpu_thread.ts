/** Starts and ends the thread that runs {@linkcode serveGpu}. @module */

import { factsOf, findAdapter, requestGpu } from "./adapter.ts";
import { oneLine } from "./checks.ts";
import { defineDirectGpu } from "./direct_gpu.ts";
import { defineEncoding } from "./encode.ts";
import { COMMAND } from "./gpu.ts";
import type { FromWorker, ToWorker } from "./gpu_messages.ts";
import { serveGpu } from "./gpu_worker.ts";

export interface GpuThread {
  /** Posts a message; buffers in `transfer` are transferred instead of copied. */
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
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

type PlainWorker = Omit<GpuThread, "post"> & {
  /** Passes on the port for all messages, in the only message to the worker itself. */
  give(port: MessagePort): void;
};

interface NodeWorker {
  on(event: "error", listener: (error: unknown) => void): void;
  postMessage(message: unknown, transfer: readonly unknown[]): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<unknown>;
}

interface NodeThreads {
  readonly Worker: new (url: URL) => NodeWorker;
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
  worker.give(port2);
  return {
    post: (message, transfer) => port1.postMessage(message, transfer),
    ref: worker.ref,
    unref: worker.unref,
    terminate: () => {
      port1.close();
      return worker.terminate();
    },
  };
}

/** The worker's code: serves the port that `port` evaluates to. */
function codeFor(port: string): string {
  const parts = { oneLine, findAdapter, factsOf, requestGpu, defineEncoding, defineDirectGpu };
  const list = Object.entries(parts).map(([name, part]) => `${name}: ${part}`).join(",\n");
  return `(${serveGpu})(${port}, { COMMAND: ${JSON.stringify(COMMAND)},\n${list} })`;
}

function startNodeWorker(
  threads: NodeThreads,
  failure: GpuThreadListener["failure"],
): PlainWorker {
  const source = `import { parentPort } from "node:worker_threads";\n` +
    `parentPort.once("message", (port) => ${codeFor("port")});`;
  const worker = new threads.Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  worker.on("error", (error) => failure(error instanceof Error ? error.message : String(error)));
  return {
    give: (port) => worker.postMessage(port, [port]),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate: async () => void await worker.terminate(),
  };
}

function startWebWorker(failure: GpuThreadListener["failure"]): PlainWorker {
  const source = `onmessage = (event) => ${codeFor("event.data")};`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.onerror = (event) => {
    event.preventDefault();
    // A page whose policy forbids the worker gives no message.
    failure(event.message || "an error without a message");
  };
  return {
    give: (port) => worker.postMessage(port, [port]),
    ref: () => {},
    unref: () => {},
    terminate: () => {
      URL.revokeObjectURL(url);
      return Promise.resolve(worker.terminate());
    },
  };
}
