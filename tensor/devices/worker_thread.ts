/**
 * Workers of Deno and Node or of a browser, whose code is the text of one function.
 *
 * A module (`new Worker(new URL("./worker.ts", import.meta.url))`) would be the usual form. It was
 * tried with Deno 2.9.6, and takes the threads from two kinds of programs: one that is run from a disk
 * without `--allow-read`, which is asked for every file that a worker imports, even if the main thread
 * has imported it ("Requires read access"); and a bundle, which has no file beside it, for `deno
 * bundle` and esbuild do not follow such a URL. The text of a function needs neither. What it calls
 * must be its argument, so there is one such function, and a short one: `devices/cpu/worker.ts`.
 * It imports what a worker needs besides, where that can be read.
 *
 * @module
 */

export interface WorkerThread {
  /** Lets the process exit while the worker is alive, if supported. */
  unref(): void;
  /** Resolves when the worker has ended by itself; where that is not reported, terminates it. */
  ended(): Promise<void>;
  /** Terminates the worker; resolves when it has ended. */
  terminate(): Promise<void>;
}

/** A worker of Node or of a browser; the optional members are Node's. */
interface AnyWorker {
  postMessage(message: unknown, transfer: Transferable[]): void;
  ref?(): void;
  unref?(): void;
  ended?(): Promise<void>;
  terminate(): unknown;
}

interface NodeThreads {
  readonly Worker: new (url: URL) => AnyWorker & {
    once(event: "error" | "exit", listener: (value: unknown) => void): void;
  };
}

/**
 * Starts a worker, which runs `run` from its text, with `data` and a function that calls `ready`
 * here. Throws where there are no workers, or `data` cannot be sent.
 *
 * A Deno `Worker` keeps the process alive; one of `node:worker_threads` can be unreferenced, and
 * costs 25 ms more to start. It is loaded by a function call instead of an import so that this file
 * also loads in a browser. The report comes through a port, because Deno takes 80 ms per MiB for
 * messages of such a worker itself.
 */
export function startWorker<Data>(
  run: (data: Data, ready: () => void) => unknown,
  data: Data,
  ready: () => void,
  failure: (reason: string) => void,
): WorkerThread {
  const threads: unknown = Reflect.get(globalThis, "process")
    ?.getBuiltinModule?.("node:worker_threads");
  const code = `([data, port]) => (${run})(data, () => port.postMessage(null))`;
  const worker = threads === undefined
    ? makeWebWorker(code, failure)
    : makeNodeWorker(threads as NodeThreads, code, failure);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ready;
  // The worker decides whether the process stays alive. Browsers' ports have no `unref`.
  Reflect.get(port1, "unref")?.call(port1);
  const terminate = async (): Promise<void> => {
    port1.close();
    await worker.terminate();
  };
  try {
    worker.postMessage([data, port2], [port2]);
  } catch (error) {
    // A page that is not isolated cannot share memory.
    terminate();
    throw error;
  }
  return {
    unref: () => worker.unref?.(),
    ended: worker.ended ?? terminate,
    terminate,
  };
}

function makeNodeWorker(
  { Worker }: NodeThreads,
  code: string,
  failure: (reason: string) => void,
): AnyWorker {
  const source = `import { parentPort } from "node:worker_threads";\n` +
    `parentPort.once("message", ${code});`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  worker.once("error", (error) => failure(error instanceof Error ? error.message : String(error)));
  const exit = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.ended = () => {
    worker.ref?.();
    return exit;
  };
  return worker;
}

function makeWebWorker(code: string, failure: (reason: string) => void): AnyWorker {
  const source = `onmessage = (event) => (${code})(event.data);`;
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
