/** The CPU device's threads: posting jobs and waiting for them. @module */

import { Error, RangeError } from "../../errors.ts";
import type { CpuAllocation, Heap } from "./memory.ts";
import type { WorkerMatmuls } from "./matmul_libraries.ts";
import { startThread, type Thread } from "./thread.ts";
import { MAILBOX, STATE } from "./worker.ts";

/** Polls before either side sleeps: about 140 µs, in which the next job usually comes. */
const SPINS = 20_000;
/** Timeout for starting a worker, in milliseconds. */
const START_LIMIT = 10_000;

/** A job for one worker. The fields are those of {@linkcode MAILBOX}. */
export interface Job {
  readonly kernel: number;
  readonly arguments: number;
  readonly start: number;
  readonly end: number;
  readonly scratch: number;
  readonly code: CpuAllocation | null;
}

/**
 * Workers that share memory with the main thread.
 *
 * Jobs are posted through shared memory, without messages. If a worker does not start its job in
 * time, because it is asleep or its core is busy, the main thread takes the job back, so that a
 * dispatch is never much slower than on one thread.
 */
export class Pool {
  /** Number of workers, without the main thread. */
  readonly size: number;
  readonly #heap: Heap;
  readonly #threads: readonly Thread[];
  readonly #mailboxes: readonly CpuAllocation[];
  /** The words of each mailbox. They stay valid when the memory grows. */
  readonly #words: readonly Int32Array[];
  readonly #mayWait: boolean = mayWait();

  private constructor(
    heap: Heap,
    threads: readonly Thread[],
    mailboxes: readonly CpuAllocation[],
  ) {
    this.#heap = heap;
    this.#threads = threads;
    this.#mailboxes = mailboxes;
    this.#words = mailboxes.map((mailbox) => wordsOf(heap, mailbox));
    this.size = threads.length;
  }

  /** Starts the workers; or says why the pool has none. */
  static async start(
    heap: Heap,
    size: number,
    matmuls: WorkerMatmuls | null,
  ): Promise<{ pool: Pool; failure: string | null }> {
    const mailboxes = Array.from({ length: size }, () => {
      const mailbox = heap.reserve(MAILBOX.words * 4, "mailbox of a worker");
      wordsOf(heap, mailbox).fill(0);
      return mailbox;
    });
    const threads: Thread[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      for (const { address } of mailboxes) {
        threads.push(startThread({
          memory: heap.memory,
          mailbox: address,
          layout: MAILBOX,
          states: STATE,
          spins: SPINS,
          matmuls,
        }));
      }
      const limit = new Promise<never>((_, reject) => {
        const late = new Error(`no worker after ${START_LIMIT / 1000} s`);
        timer = setTimeout(() => reject(late), START_LIMIT);
      });
      await Promise.race([Promise.all(threads.map((thread) => thread.ready)), limit]);
      for (const thread of threads) thread.unref();
      return { pool: new Pool(heap, threads, mailboxes), failure: null };
    } catch (error) {
      for (const mailbox of mailboxes) quit(wordsOf(heap, mailbox));
      for (const thread of threads) {
        thread.ready.catch(() => {});
        thread.unref();
        thread.terminate();
      }
      const failure = error instanceof Error ? error.message : String(error);
      return { pool: new Pool(heap, [], []), failure };
    } finally {
      clearTimeout(timer);
    }
  }

  #mailbox(worker: number): Int32Array {
    const words = this.#words[worker];
    if (words === undefined) throw new RangeError(`Cannot reach worker ${worker} of ${this.size}`);
    return words;
  }

  post(worker: number, job: Job): void {
    const words = this.#mailbox(worker);
    words[MAILBOX.kernel] = job.kernel;
    words[MAILBOX.arguments] = job.arguments;
    words[MAILBOX.start] = job.start;
    words[MAILBOX.end] = job.end;
    words[MAILBOX.scratch] = job.scratch;
    words[MAILBOX.code] = job.code?.address ?? 0;
    words[MAILBOX.codeBytes] = job.code?.bytes ?? 0;
    offer(words);
  }

  /** Takes a job back; `false` if the worker has started it. */
  takeBack(worker: number): boolean {
    const words = this.#mailbox(worker);
    const before = Atomics.compareExchange(words, MAILBOX.state, STATE.open, STATE.idle);
    return before === STATE.open;
  }

  /** Waits until a worker has finished the job that it started. Returns its error, if any. */
  finish(worker: number): string | null {
    const words = this.#mailbox(worker);
    let state: number = Atomics.load(words, MAILBOX.state);
    for (let i = 0; state === STATE.claimed; i++) {
      if (i >= SPINS && this.#mayWait) Atomics.wait(words, MAILBOX.state, STATE.claimed);
      state = Atomics.load(words, MAILBOX.state);
    }
    if (state !== STATE.failed) return null;
    Atomics.store(words, MAILBOX.state, STATE.idle);
    const begin = words.byteOffset + MAILBOX.error * 4;
    const bytes = this.#heap.bytes.slice(begin, begin + (words[MAILBOX.errorBytes] ?? 0));
    return new TextDecoder().decode(bytes);
  }

  async close(): Promise<void> {
    for (const words of this.#words) quit(words);
    await Promise.all(this.#threads.map((thread) => thread.ended()));
    for (const mailbox of this.#mailboxes) this.#heap.release(mailbox);
  }
}

function wordsOf(heap: Heap, mailbox: CpuAllocation): Int32Array {
  return new Int32Array(heap.memory.buffer, mailbox.address, MAILBOX.words);
}

function offer(words: Int32Array): void {
  Atomics.store(words, MAILBOX.state, STATE.open);
  Atomics.notify(words, MAILBOX.state);
}

function quit(words: Int32Array): void {
  Atomics.store(words, MAILBOX.state, STATE.quit);
  Atomics.notify(words, MAILBOX.state);
}

/** Whether this thread may block: the main thread of a page may not. */
function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}
