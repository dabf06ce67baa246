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

/** The part of a worker that is used, whatever runtime it is of. */
type PlainWorker = Omit<GpuThread, "post"> & {
  /** Hands over the port for all messages, as the only message that goes to the worker itself. */
  give(port: MessagePort): void;
};

/** The part of a worker of `node:worker_threads` that is used. */
interface NodeWorker {
  on(event: "error", listener: (error: unknown) => void): void;
  postMessage(message: unknown, transfer: readonly unknown[]): void;
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
 * Both begin with lines of their own, which import the worker's module: the one takes no `https:`, and
 * the other in a browser none from another host than the page's. Messages go through a port, since
 * Deno takes 80 ms for each MiB that comes to a worker of `node:worker_threads` itself.
 */
export function startGpuThread({ message, failure }: GpuThreadListener): GpuThread {
  const module = JSON.stringify(new URL("./gpu_worker.ts", import.meta.url).href);
  const serve = `import { serveGpu } from ${module};\n`;
  const threads: unknown = Reflect.get(globalThis, "process")
    ?.getBuiltinModule?.("node:worker_threads");
  const worker = threads === undefined
    ? startWebWorker(serve, failure)
    : startNodeWorker(threads as NodeThreads, serve, failure);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = (event) => message(event.data);
  // The worker decides whether the process lives on. In a browser a port has no say, and no `unref`.
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

function startNodeWorker(
  threads: NodeThreads,
  serve: string,
  failure: GpuThreadListener["failure"],
): PlainWorker {
  const source = `import { parentPort } from "node:worker_threads";\n${serve}` +
    `parentPort.once("message", serveGpu);`;
  const worker = new threads.Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  worker.on("error", (error) => failure(error instanceof Error ? error.message : String(error)));
  return {
    give: (port) => worker.postMessage(port, [port]),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate: async () => void await worker.terminate(),
  };
}

function startWebWorker(serve: string, failure: GpuThreadListener["failure"]): PlainWorker {
  const source = `${serve}onmessage = (event) => serveGpu(event.data);`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.onerror = (event) => {
    event.preventDefault();
    failure(event.message);
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
