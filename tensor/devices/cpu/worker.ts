/** A worker of the CPU device: waits for shares of kernels and runs them. @module */

import type { KernelFunction, ThreadMatmuls, WorkerMatmuls } from "./matmul_libraries.ts";

/** Offsets of the words of a worker's mailbox, which is in shared memory. */
export const MAILBOX = {
  /** One of {@linkcode STATE}: the only word that both sides write. */
  state: 0,
  /** The words of a {@linkcode Job}. */
  job: 1,
  words: 8,
} as const;

/**
 * The states of a mailbox. The main thread opens a job; whoever first changes `open` runs it: the
 * worker (`claimed`, then `idle` or `failed`), or the main thread, which takes back (`idle`) what
 * the worker did not start in time. It also runs again what failed in the worker, for the error.
 */
export const STATE = { idle: 0, open: 1, claimed: 2, failed: 3, quit: 4 } as const;

/** The kernel, and the four values to call it with; address and size of its module. */
export type Job = readonly [
  kernel: number,
  words: number,
  start: number,
  end: number,
  scratch: number,
  code: number,
  codeBytes: number,
];

export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly mailbox: number;
  readonly layout: typeof MAILBOX;
  readonly states: typeof STATE;
  /** How often it polls for a job before it sleeps. */
  readonly spins: number;
  /** How it opens the libraries of matmuls, if it has them. */
  readonly matmuls: WorkerMatmuls | null;
}

/**
 * Runs until the mailbox says quit, and calls `report` before the first job. A worker gets this
 * function as text (`worker_thread.ts` says why), so it may only use its arguments and what it
 * imports from the module of the libraries.
 */
export async function runWorker(
  { memory, mailbox, layout, states, spins, matmuls: libraries }: WorkerStart,
  report: () => void,
): Promise<void> {
  const matmuls: ThreadMatmuls | null = libraries &&
    (await import(libraries.module)).openMatmuls(memory, libraries.start);
  const kernels: (KernelFunction | undefined)[] = [...matmuls?.kernels ?? []];
  // Views made before the memory grew end at its old size, but the mailbox does not move.
  const words = new Int32Array(memory.buffer, mailbox, layout.words);
  const jobWords = words.subarray(layout.job);

  const compile = (address: number, size: number): KernelFunction => {
    // Growing by 0 pages refreshes the buffer after growth on the main thread.
    if (address + size > memory.buffer.byteLength) memory.grow(0);
    const code = new Uint8Array(memory.buffer, address, size).slice();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
    return instance.exports.kernel as KernelFunction;
  };

  const work = (): void => {
    const [id = 0, argument = 0, start = 0, end = 0, scratch = 0, code = 0, codeBytes = 0] =
      jobWords;
    (kernels[id] ??= compile(code >>> 0, codeBytes))(argument, start, end, scratch);
  };

  report();
  for (;;) {
    let state: number = states.idle;
    for (let i = 0; i < spins && state !== states.open; i++) {
      state = Atomics.load(words, layout.state);
    }
    if (state === states.quit) break;
    if (state !== states.open) {
      Atomics.wait(words, layout.state, state);
      continue;
    }
    if (Atomics.compareExchange(words, layout.state, states.open, states.claimed) !== states.open) {
      continue;
    }
    let outcome: number = states.idle;
    try {
      work();
    } catch {
      outcome = states.failed;
    }
    Atomics.store(words, layout.state, outcome);
    Atomics.notify(words, layout.state);
  }
  matmuls?.close();
}
