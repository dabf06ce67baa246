/** A worker with limits of memory and time, for files that may be damaged or hostile. @module */

import type { MessagePort, Worker } from "node:worker_threads";

/** The reason why a call had no answer. */
export type CallFailure = "time" | "memory" | "crash";

/** A call that the worker could not answer. The worker is gone; the next call starts another. */
export class CallError extends Error {
  override readonly name = "CallError";

  /** @param failure The limit that was reached, or `crash` if the worker failed by itself. */
  constructor(readonly failure: CallFailure, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  /** The number of answers, which the waiting thread can read without an event. */
  readonly answers: Int32Array<SharedArrayBuffer>;
  readonly heapMiB: number;
  /** Takes the next answer. */
  onReply: (reply: Reply) => void;
}

interface Limits {
  /** Heap of the worker in MiB; a worker with less is replaced. Typed arrays do not count. */
  readonly heapMiB: number;
  /** Seconds until an answer. */
  readonly seconds: number;
}

type Reply = { readonly value: unknown } | { readonly error: Error };

/**
 * Runs a module in a thread of its own, one call at a time. For each call, its function `prepare`
 * reads what a request needs, and resolves to a function that computes the answer without waiting:
 * Deno reports that a thread has used up its heap only if that happens in a task of its own, not in
 * the continuation of a promise.
 *
 * A call that reaches a limit ends the thread and is rejected, even if it is in an endless loop;
 * errors that the module throws arrive with their class and message. An idle worker does not keep
 * the process alive.
 */
export class LimitedWorker {
  readonly #module: URL;
  #thread: Thread | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @param module The URL of a module with `prepare(request): Promise<() => answer>`. */
  constructor(module: URL) {
    this.#module = module;
  }

  /**
   * Answers a request; it and its answer must be cloneable.
   *
   * @throws {CallError} If a limit is reached, or the worker cannot start.
   */
  call(request: unknown, limits: Limits): Promise<unknown> {
    const result = this.#last.then(() => this.#call(request, limits));
    this.#last = result.catch(() => {});
    return result;
  }

  async #call(request: unknown, { heapMiB, seconds }: Limits): Promise<unknown> {
    if (this.#thread !== null && this.#thread.heapMiB < heapMiB) await this.#end();
    const thread = this.#thread ??= await this.#start(heapMiB);
    const { worker, answers } = thread;
    const answered = Atomics.load(answers, 0);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const fail = (error: Error & { code?: string }) => {
      const failure = error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "memory" : "crash";
      reject(new CallError(failure, error.message, { cause: error }));
    };
    // When a worker fails at its start, Deno loses every second error event, but never the end.
    const onExit = (code: number) =>
      reject(new CallError("crash", `the worker of ${this.#module} ended with code ${code}`));
    const onTime = () => {
      // This thread may have been busy while the answer came.
      if (Atomics.load(answers, 0) > answered) return;
      reject(new CallError("time", `no answer within ${seconds} s`));
    };
    const timer = seconds === Infinity ? undefined : setTimeout(onTime, 1000 * seconds);
    thread.onReply = resolve;
    worker.on("error", fail);
    worker.on("exit", onExit);
    worker.ref();
    try {
      thread.port.postMessage(request);
      const reply = await promise;
      if ("error" in reply) throw reply.error;
      return reply.value;
    } catch (error) {
      if (error instanceof CallError) await this.#end();
      throw error;
    } finally {
      clearTimeout(timer);
      worker.off("error", fail);
      worker.off("exit", onExit);
      worker.unref();
    }
  }

  async #start(heapMiB: number): Promise<Thread> {
    // Imported here, because it takes 6 MB, and most programs need no such worker.
    const { MessageChannel, Worker } = await import("node:worker_threads");
    // A worker cannot be started from the URL of another host, but may import from it.
    const source = `import { parentPort } from "node:worker_threads";
      import { prepare } from ${JSON.stringify(this.#module.href)};
      parentPort.once("message", ({ port, answers }) => {
        const reply = (message) => {
          Atomics.add(answers, 0, 1);
          port.postMessage(message);
        };
        port.onmessage = async ({ data }) => {
          try {
            const compute = await prepare(data);
            setTimeout(() => {
              try {
                reply({ value: compute() });
              } catch (error) {
                reply({ error });
              }
            });
          } catch (error) {
            reply({ error });
          }
        };
      });`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
      resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 32 },
    });
    // Deno takes 80 ms per MiB for direct messages to such a worker, but not for messages through
    // ports.
    const { port1, port2 } = new MessageChannel();
    const answers = new Int32Array(new SharedArrayBuffer(4));
    worker.postMessage({ port: port2, answers }, [port2]);
    const thread: Thread = { worker, port: port1, answers, heapMiB, onReply: () => {} };
    port1.on("message", (reply) => thread.onReply(reply));
    // The worker decides whether the process stays alive.
    port1.unref();
    return thread;
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    thread?.port.close();
    await thread?.worker.terminate();
  }
}
