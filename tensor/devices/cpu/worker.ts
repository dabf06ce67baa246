/** What a worker of the CPU device does: waits for a share of a kernel's work and does it. @module */

import type { ForeignFunction } from "./deno_subset.ts";

/** Where the words of a worker's mailbox are. Its bytes are shared memory. */
export const MAILBOX = {
  /** One of {@linkcode STATE}: the only word that both sides write. */
  state: 0,
  /** Which kernel, and the four values to call it with. */
  kernel: 1,
  arguments: 2,
  start: 3,
  end: 4,
  scratch: 5,
  /** Address and size of the kernel's module; the size is 0 where the worker has it already. */
  code: 6,
  codeBytes: 7,
  /**
   * The words of a call of `cblas_sgemm`, in its order, with alpha and beta as floats; how many calls,
   * and the bytes by which the three matrices move on from one to the next.
   */
  sgemm: 16,
  /** Size and bytes of the message of what was thrown. */
  errorBytes: 34,
  error: 35,
  /** Size of all of it. */
  words: 256,
} as const;

/** What a mailbox names as its kernel when the BLAS is to be called. Others are 0 and above. */
export const BLAS_KERNEL = -1;

/**
 * The states of a mailbox. The main thread opens a job; whoever first turns `open` into something
 * else does it: the worker (`claimed`, then `idle` or `failed`), or the main thread, which takes
 * back (`idle`) what the worker did not begin in time.
 */
export const STATE = { idle: 0, open: 1, claimed: 2, failed: 3, quit: 4 } as const;

/** What a worker begins with. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  /** Byte address of its mailbox. */
  readonly mailbox: number;
  readonly layout: typeof MAILBOX;
  readonly states: typeof STATE;
  /** How often it looks for a job before it sleeps. */
  readonly spins: number;
  readonly blas: {
    readonly path: string;
    readonly functions: { readonly sgemm: ForeignFunction };
    /** Address of the memory's first byte in this process. */
    readonly base: number;
  } | null;
}

/** What a worker says when it is ready. */
export interface WorkerReport {
  readonly hasBlas: boolean;
}

/**
 * Runs until the mailbox says quit.
 *
 * A worker is started from the text of this function, and not from this file: reading a file needs
 * a permission, and loading it from a URL another one. So it may use nothing but what it is given.
 *
 * @param report Called once, before the first job.
 */
export function runWorker(start: WorkerStart, report: (report: WorkerReport) => void): void {
  const { memory, layout, states, blas } = start;
  type Kernel = (words: number, start: number, end: number, scratch: number) => void;
  const kernels: (Kernel | undefined)[] = [];
  // The memory's views end where it ended when they were made, but the mailbox does not move.
  const words = new Int32Array(memory.buffer, start.mailbox, layout.words);
  const floats = new Float32Array(memory.buffer, start.mailbox, layout.words);
  const word = (index: number): number => words[index] ?? 0;

  const openLibrary = () => {
    try {
      return blas && Reflect.get(globalThis, "Deno").dlopen(blas.path, blas.functions);
    } catch {
      return null;
    }
  };
  const library = openLibrary();
  const sgemm: ((...values: number[]) => void) | undefined = library?.symbols.sgemm;
  const base = blas?.base ?? 0;

  const multiply = (): void => {
    const at = layout.sgemm;
    const count = word(at + 14);
    let [a, b, c] = [word(at + 7) >>> 0, word(at + 9) >>> 0, word(at + 12) >>> 0];
    for (let i = 0; i < count; i++) {
      sgemm?.(
        word(at),
        word(at + 1),
        word(at + 2),
        word(at + 3),
        word(at + 4),
        word(at + 5),
        floats[at + 6] ?? 0,
        base + a,
        word(at + 8),
        base + b,
        word(at + 10),
        floats[at + 11] ?? 0,
        base + c,
        word(at + 13),
      );
      a += word(at + 15);
      b += word(at + 16);
      c += word(at + 17);
    }
  };

  const compile = (id: number): Kernel => {
    const address = word(layout.code) >>> 0;
    const size = word(layout.codeBytes);
    // Growing by nothing brings the buffer up to date with growth on the main thread.
    if (address + size > memory.buffer.byteLength) memory.grow(0);
    const code = new Uint8Array(memory.buffer, address, size).slice();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
    const kernel = instance.exports.kernel as Kernel;
    kernels[id] = kernel;
    return kernel;
  };

  const work = (): void => {
    const id = word(layout.kernel);
    if (id < 0) return multiply();
    const kernel = word(layout.codeBytes) > 0 ? compile(id) : kernels[id];
    if (kernel === undefined) throw new Error("the worker has no code for the kernel");
    kernel(word(layout.arguments), word(layout.start), word(layout.end), word(layout.scratch));
  };

  const writeError = (error: unknown): void => {
    const room = (layout.words - layout.error) * 4;
    const message = new TextEncoder().encode(String(error)).subarray(0, room);
    new Uint8Array(memory.buffer, start.mailbox + layout.error * 4, room).set(message);
    words[layout.errorBytes] = message.length;
  };

  report({ hasBlas: typeof sgemm === "function" });
  for (;;) {
    let state: number = states.idle;
    for (let i = 0; i < start.spins && state !== states.open; i++) {
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
    } catch (error) {
      writeError(error);
      outcome = states.failed;
    }
    Atomics.store(words, layout.state, outcome);
    Atomics.notify(words, layout.state);
  }
  library?.close();
}
