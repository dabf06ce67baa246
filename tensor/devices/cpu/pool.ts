/** The CPU device's threads: posting jobs and waiting for them. @module */

import { Error } from "../../errors.ts";
import { startWorker, type WorkerThread } from "../worker_thread.ts";
import type { Heap } from "./memory.ts";
import type { WorkerMatmuls } from "./matmul_libraries.ts";
import { type Job, MAILBOX, runWorker, STATE, type WorkerStart } from "./worker.ts";

/** Polls before either side sleeps: about 140 µs, in which the next job usually comes. */
const SPINS = 20_000;
/** Timeout for starting a worker, in milliseconds. */
const START_LIMIT = 10_000;

interface PoolWorker {
  readonly thread: WorkerThread;
  /** The mailbox. Its words stay valid when the memory grows. */
  readonly words: Int32Array;
}

/**
 * Workers that share memory with the main thread.
 *
 * Jobs are posted through shared memory, without messages. If a worker does not start its job in
 * time, because it is asleep or its core is busy, the main thread takes the job back, so that a
 * dispatch is never much slower than on one thread.
 */
export class Pool {
  readonly #workers: PoolWorker[] = [];
  readonly #mayWait: boolean = mayWait();

  /** Starts the workers; or says why the pool has none. */
  static async start(
    heap: Heap,
    size: number,
    matmuls: WorkerMatmuls | null,
  ): Promise<{ pool: Pool; failure: string | null }> {
    const pool = new Pool();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const fail = (reason: string) => reject(new Error(reason));
        timer = setTimeout(fail, START_LIMIT, `no worker after ${START_LIMIT / 1000} s`);
        let missing = size;
        const reported = () => void (--missing === 0 && resolve());
        for (let i = 0; i < size; i++) pool.#add(heap, matmuls, reported, fail);
        if (size === 0) resolve();
      });
      for (const { thread } of pool.#workers) thread.unref();
      return { pool, failure: null };
    } catch (error) {
      for (const { words, thread } of pool.#workers.splice(0)) {
        signal(words, STATE.quit);
        thread.unref();
        thread.terminate();
      }
      return { pool, failure: error instanceof Error ? error.message : String(error) };
    } finally {
      clearTimeout(timer);
    }
  }

  #add(
    heap: Heap,
    matmuls: WorkerMatmuls | null,
    reported: () => void,
    failure: (reason: string) => void,
  ): void {
    const { memory } = heap;
    const { address } = heap.reserve(MAILBOX.words * 4, "mailbox of a worker");
    const words = new Int32Array(memory.buffer, address, MAILBOX.words).fill(0);
    const start: WorkerStart = {
      memory,
      mailbox: address,
      layout: MAILBOX,
      states: STATE,
      spins: SPINS,
      matmuls,
    };
    const thread = startWorker(runWorker, start, reported, failure);
    this.#workers.push({ thread, words });
  }

  /** Number of workers, without the main thread. */
  get size(): number {
    return this.#workers.length;
  }

  post(worker: number, job: Job): void {
    const { words } = this.#workers[worker]!;
    words.set(job, MAILBOX.job);
    signal(words, STATE.open);
  }

  /**
   * Waits until a worker has finished its job, or takes back a job that it has not started. Returns
   * `idle`, `failed`, or for a job taken back `open`.
   */
  finish(worker: number): number {
    const { words } = this.#workers[worker]!;
    let state: number = Atomics.compareExchange(words, MAILBOX.state, STATE.open, STATE.idle);
    for (let i = 0; state === STATE.claimed; i++) {
      if (i >= SPINS && this.#mayWait) Atomics.wait(words, MAILBOX.state, STATE.claimed);
      state = Atomics.load(words, MAILBOX.state);
    }
    return state;
  }

  async close(): Promise<void> {
    for (const { words } of this.#workers) signal(words, STATE.quit);
    await Promise.all(this.#workers.map(({ thread }) => thread.ended()));
  }
}

function signal(words: Int32Array, state: number): void {
  Atomics.store(words, MAILBOX.state, state);
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
