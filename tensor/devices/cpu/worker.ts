/** A worker of the CPU device: waits for shares of kernels and runs them. @module */

import type { ForeignFunction } from "./deno_subset.ts";
import type { OneDnnStart, OneDnnThread, OpenOneDnn } from "./onednn_binding.ts";

/** Offsets of the words of a worker's mailbox, which is in shared memory. */
export const MAILBOX = {
  /** One of {@linkcode STATE}: the only word that both sides write. */
  state: 0,
  /** The kernel, and the four values to call it with. */
  kernel: 1,
  arguments: 2,
  start: 3,
  end: 4,
  scratch: 5,
  /** Address and size of the kernel's module; size 0 if the worker already has it. */
  code: 6,
  codeBytes: 7,
  /** Which library multiplies: one of `LIBRARY` of `onednn.ts`. */
  library: 8,
  /**
   * The arguments of `cblas_sgemm`, in order, with alpha and beta as floats; then the number of
   * calls, and the strides in bytes of the three matrices between calls.
   */
  sgemm: 16,
  /** Size and bytes of the error message. */
  errorBytes: 34,
  error: 35,
  words: 256,
} as const;

/** The kernel of a mailbox that calls a library. Others are 0 and above. */
export const BLAS_KERNEL = -1;

/**
 * The states of a mailbox. The main thread opens a job; whoever first changes `open` runs it: the
 * worker (`claimed`, then `idle` or `failed`), or the main thread, which takes back (`idle`) what
 * the worker did not start in time.
 */
export const STATE = { idle: 0, open: 1, claimed: 2, failed: 3, quit: 4 } as const;

export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly mailbox: number;
  readonly layout: typeof MAILBOX;
  readonly states: typeof STATE;
  /** How often it polls for a job before it sleeps. */
  readonly spins: number;
  readonly blas: {
    readonly path: string;
    readonly functions: { readonly sgemm: ForeignFunction };
    /** Address of the memory's first byte in this process. */
    readonly base: number;
  } | null;
  readonly oneDnn: OneDnnStart | null;
}

export interface WorkerReport {
  readonly hasBlas: boolean;
  readonly hasOneDnn: boolean;
}

/**
 * Runs until the mailbox says quit, and calls `report` before the first job. A worker is started
 * from this function's source text, because reading a file would need a permission: so it may only
 * use its arguments.
 */
export function runWorker(
  start: WorkerStart,
  report: (report: WorkerReport) => void,
  openOneDnn: OpenOneDnn,
): void {
  const { memory, layout, states, blas } = start;
  type Kernel = (words: number, start: number, end: number, scratch: number) => void;
  const kernels: (Kernel | undefined)[] = [];
  // Views made before the memory grew end at its old size, but the mailbox does not move.
  const words = new Int32Array(memory.buffer, start.mailbox, layout.words);
  const floats = new Float32Array(memory.buffer, start.mailbox, layout.words);
  const word = (index: number): number => words[index] ?? 0;

  const runtime = Reflect.get(globalThis, "Deno");
  const openLibrary = () => {
    try {
      return blas && runtime.dlopen(blas.path, blas.functions);
    } catch {
      return null;
    }
  };
  const openOneDnnHere = (): OneDnnThread | null => {
    try {
      return start.oneDnn && openOneDnn(runtime, start.oneDnn);
    } catch {
      return null;
    }
  };
  const library = openLibrary();
  const sgemm: ((...values: number[]) => void) | undefined = library?.symbols.sgemm;
  const oneDnn = openOneDnnHere();
  const base = blas?.base ?? 0;

  const multiply = (): void => {
    const at = layout.sgemm;
    const count = word(at + 14);
    let [a, b, c] = [word(at + 7) >>> 0, word(at + 9) >>> 0, word(at + 12) >>> 0];
    const library = word(layout.library);
    if (library > 0) {
      const gemm = {
        ...{ transposeA: word(at + 1) - 111, transposeB: word(at + 2) - 111 },
        ...{ m: word(at + 3), n: word(at + 4), k: word(at + 5) },
        ...{ a, lda: word(at + 8), b, ldb: word(at + 10), c, ldc: word(at + 13) },
        ...{ alpha: floats[at + 6] ?? 0, beta: floats[at + 11] ?? 0 },
        ...{ count, stepA: word(at + 15), stepB: word(at + 16), stepC: word(at + 17) },
      };
      return oneDnn?.multiply(gemm, library > 1);
    }
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
    // Growing by 0 pages refreshes the buffer after growth on the main thread.
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

  report({ hasBlas: typeof sgemm === "function", hasOneDnn: oneDnn !== null });
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
  oneDnn?.close();
  library?.close();
}
