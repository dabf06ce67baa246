/**
 * oneDNN beside the BLAS: faster matmuls in float32 on processors with AVX-512, and far faster ones
 * with operands rounded to bf16 where there is AMX.
 *
 * @module
 */

import type { MatmulPrecision } from "../../device.ts";
import type { Blas } from "./blas.ts";
import { deno } from "./deno_subset.ts";
import type { Heap } from "./memory.ts";
import {
  ONEDNN_FUNCTIONS,
  type OneDnnStart,
  type OneDnnThread,
  openOneDnn,
} from "./onednn_binding.ts";
import type { Sgemm } from "./sgemm.ts";

/** The library that computes a part of a matmul, as a worker's mailbox has it. */
export const LIBRARY = { blas: 0, oneDnn: 1, oneDnnBf16: 2 } as const;

/** Values of `dnnl_cpu_isa_t`: a processor that has all of these bits. */
const AVX512 = 0x27;
const AMX = 0xfef;
/**
 * Creating a primitive takes up to a millisecond, and each takes some 100 KB. A training step has a
 * few dozen shapes; evaluation and generation make ever new ones.
 */
const MAX_PRIMITIVES = 256;
/** Operations of a thread's part below which the BLAS is as fast. */
export const MIN_ONEDNN_OPERATIONS: Readonly<Record<MatmulPrecision, number>> = {
  f32: 8_000_000,
  bf16: 300_000,
};
/**
 * With up to this many rows, the BLAS is faster in float32 at any size: the logits of 16 sequences,
 * 16×256×4096, take it 0.7 of the time.
 */
export const MAX_BLAS_ROWS = 16;
/** Minimum speedup over the BLAS in a matmul of {@linkcode TEST_SIZE}. */
const MIN_SPEEDUP = { f32: 1, bf16: 1.5 };
const TEST_SIZE = 256;
const TEST_RUNS = 5;
/** Measured once for each library and precision, so that all devices of a process are alike. */
const speedups = new Map<string, number>();

/** oneDNN, open and checked. */
export class OneDnn {
  readonly description: string;
  readonly forWorkers: OneDnnStart;
  readonly #thread: OneDnnThread;
  readonly #isUsedInF32: boolean;

  private constructor(start: OneDnnStart, thread: OneDnnThread, isUsedInF32: boolean) {
    this.forWorkers = start;
    this.#thread = thread;
    this.#isUsedInF32 = isUsedInF32;
    const file = start.path.split(/[\\/]/).at(-1);
    this.description = `oneDNN ${thread.version.join(".")} (${file})`;
  }

  /**
   * Opens the system's oneDNN where the processor suits it, or the one at a path on any processor,
   * without prompting for a permission; or says why not. The BLAS computes what oneDNN must not,
   * and what is too small for it.
   */
  static open(choice: boolean | string, blas: Blas | string, heap: Heap): OneDnn | string {
    if (choice === false) return "turned off";
    if (typeof blas === "string") return `no BLAS beside it: ${blas}`;
    if (!blas.isPerThread) return "the BLAS beside it has threads of its own";
    const runtime = deno();
    if (runtime === undefined) return "none in a browser";
    const paths = choice === true ? candidates(runtime.build.os) : [choice];
    const failures: string[] = [];
    for (const path of paths) {
      const { base } = blas;
      const start = { path, functions: ONEDNN_FUNCTIONS, base, maxPrimitives: MAX_PRIMITIVES };
      let thread: OneDnnThread;
      try {
        thread = openOneDnn(runtime, start);
      } catch (error) {
        failures.push(`${path}: ${error instanceof Error ? error.message : error}`);
        continue;
      }
      if (choice !== true || has(thread, AVX512)) {
        const gain = speedupOf(start, thread, blas, heap, false);
        if (gain > 0) return new OneDnn(start, thread, choice !== true || gain >= MIN_SPEEDUP.f32);
        failures.push(`${path}: it failed a small check`);
      } else failures.push("the processor has no AVX-512");
      thread.close();
      // Another name of the same library would be no better.
      return failures.at(-1)!;
    }
    return choice === true ? `none found; tried ${paths.join(", ")}` : failures.join("; ");
  }

  get primitives(): number {
    return this.#thread.primitives();
  }

  /**
   * Why it does not multiply in bf16; `null` if it does.
   *
   * @param mustGain Whether it also has to be much faster than the BLAS in a short test.
   */
  missingBf16(blas: Blas, heap: Heap, mustGain: boolean): string | null {
    if (!has(this.#thread, AMX)) return "the processor has no AMX, or the environment hides it";
    const gain = speedupOf(this.forWorkers, this.#thread, blas, heap, true);
    if (gain === 0) return `${this.description} failed a small check`;
    if (!mustGain || gain >= MIN_SPEEDUP.bf16) return null;
    return `${this.description} is only ${gain.toFixed(1)} times as fast as f32`;
  }

  /**
   * Which library computes a matmul, or one thread's part of it. An axis of length 1 is never
   * oneDNN's: it computes such results wrongly, and writes outside of them.
   */
  libraryFor({ m, n, k, count }: Sgemm, precision: MatmulPrecision): number {
    if (m < 2 || n < 2) return LIBRARY.blas;
    const operations = 2 * m * n * k * count;
    if (precision === "bf16" && operations >= MIN_ONEDNN_OPERATIONS.bf16) return LIBRARY.oneDnnBf16;
    return this.#isUsedInF32 && operations >= MIN_ONEDNN_OPERATIONS.f32 && m > MAX_BLAS_ROWS
      ? LIBRARY.oneDnn
      : LIBRARY.blas;
  }

  multiply(gemm: Sgemm, library: number): void {
    this.#thread.multiply(gemm, library === LIBRARY.oneDnnBf16);
  }

  close(): void {
    this.#thread.close();
  }
}

/** Debian's package without the development files has only the last two names. */
function candidates(os: string): string[] {
  return os === "linux" ? ["libdnnl.so.3", "libdnnl.so.3.6", "libdnnl.so.3.7"] : [];
}

function has({ instructionSet }: OneDnnThread, bits: number): boolean {
  return (instructionSet & bits) === bits;
}

function speedupOf(
  { path }: OneDnnStart,
  thread: OneDnnThread,
  blas: Blas,
  heap: Heap,
  isBf16: boolean,
): number {
  const key = `${path}, ${blas.path}, ${isBf16}`;
  const known = speedups.get(key);
  if (known !== undefined) return known;
  const measured = measureSpeedup(thread, blas, heap, isBf16);
  speedups.set(key, measured);
  return measured;
}

/**
 * How much faster than the BLAS a matmul of {@linkcode TEST_SIZE} is, by the fastest of alternating
 * runs; 0 if its result is wrong.
 */
function measureSpeedup(thread: OneDnnThread, blas: Blas, heap: Heap, isBf16: boolean): number {
  const size = TEST_SIZE ** 2;
  const allocation = heap.reserve(12 * size, "check of oneDNN");
  const [a, b, c] = [0, 1, 2].map((i) => allocation.address + 4 * i * size) as [
    number,
    number,
    number,
  ];
  // Small integers, of which both libraries make the same sums in either precision.
  for (let i = 0; i < 2 * size; i++) heap.floats[a / 4 + i] = i % 13 - 6;
  const gemm: Sgemm = {
    ...{ transposeA: 0, transposeB: 1, m: TEST_SIZE, n: TEST_SIZE, k: TEST_SIZE },
    ...{ a, b, c, lda: TEST_SIZE, ldb: TEST_SIZE, ldc: TEST_SIZE, alpha: 2, beta: 0 },
    ...{ split: "rows", count: 1, stepA: 0, stepB: 0, stepC: 0 },
  };
  const ways = [() => blas.multiply(gemm), () => thread.multiply(gemm, isBf16)] as const;
  const fastest = [Infinity, Infinity] as [number, number];
  const results = ways.map((run) => {
    heap.floats.fill(NaN, c / 4, c / 4 + size);
    run();
    return heap.floats.slice(c / 4, c / 4 + size);
  }) as [Float32Array, Float32Array];
  for (let i = 0; i < TEST_RUNS; i++) {
    ways.forEach((run, way) => {
      const start = performance.now();
      run();
      fastest[way] = Math.min(fastest[way]!, performance.now() - start);
    });
  }
  heap.release(allocation);
  const isRight = results[0].every((value, i) => value === results[1][i]);
  return isRight ? fastest[0] / fastest[1] : 0;
}
