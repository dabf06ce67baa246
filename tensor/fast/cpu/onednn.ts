/**
 * oneDNN beside the BLAS: faster matmuls in float32 on processors with AVX-512, and far faster ones
 * with operands rounded to bf16 where there is AMX.
 *
 * @module
 */

import type { MatmulPrecision } from "../../device.ts";
import type { Heap } from "../../devices/cpu/memory.ts";
import { roundToBfloat16 } from "../../layout.ts";
import type { Blas } from "./blas.ts";
import { deno, ONLY_DENO, openFirst } from "./deno_subset.ts";
import { type OneDnnStart, OneDnnThread } from "./onednn_binding.ts";
import type { Sgemm } from "./sgemm_call.ts";

/** Debian's package without the development files has only the last two. */
export const ONEDNN_FILES = ["libdnnl.so.3", "libdnnl.so.3.6", "libdnnl.so.3.7"] as const;
/** Values of `dnnl_cpu_isa_t`: a processor that has all of these bits. */
const AVX512 = 0x27;
const AMX = 0xfef;
/**
 * Creating a primitive takes up to a millisecond, and each takes some 100 KB. A training step has a
 * few dozen shapes; evaluation and generation make ever new ones.
 */
const MAX_PRIMITIVES = 256;
/** Minimum speedup of bf16 over the BLAS, in a matmul of {@linkcode TEST_SIZE}, for `auto`. */
const MIN_BF16_SPEEDUP = 1.5;
/** In single precision; with operands that it may round to bf16; with operands of `bfloat16`. */
type Way = "f32" | "rounded" | "bfloat16";
const TEST_SIZE = 256;
const TEST_RUNS = 5;
/** Measured once for each library and precision, so that all devices of a process are alike. */
const speedups = new Map<string, number>();

/** oneDNN, open and checked. */
export interface OneDnn {
  readonly description: string;
  readonly start: OneDnnStart;
  readonly thread: OneDnnThread;
}

/**
 * Opens the system's oneDNN where the processor suits it, or the one at a path on any processor,
 * without prompting for a permission; or says why not. The BLAS computes what oneDNN must not, and
 * what is too small for it.
 */
export function openSystemOneDnn(
  choice: boolean | string,
  blas: Blas,
  heap: Heap,
): OneDnn | string {
  if (choice === false) return "turned off";
  if (!blas.isPerThread) return "the BLAS beside it has threads of its own";
  const runtime = deno();
  if (runtime === undefined) return ONLY_DENO;
  const { base } = blas.start;
  const candidates = runtime.build.os === "linux" ? ONEDNN_FILES : [];
  const opened = openFirst(choice, candidates, (path) => {
    const start = { path, base, maxPrimitives: MAX_PRIMITIVES };
    return { start, thread: new OneDnnThread(runtime, start) };
  });
  if (typeof opened === "string") return opened;
  const { start, thread } = opened;
  const isSuited = choice !== true || has(thread, AVX512);
  // The library is used whether or not it is faster at the moment: its sums round otherwise than those
  // of the BLAS, so the speed of a busy machine would decide what a seed brings.
  if (!isSuited || speedupOf(opened, blas, heap, "f32") === 0) {
    thread.close();
    return isSuited ? `${start.path}: it failed a small check` : "the processor has no AVX-512";
  }
  const file = start.path.split(/[\\/]/).at(-1);
  return { description: `oneDNN ${thread.version} (${file})`, start, thread };
}

/**
 * Why it does not multiply in bf16 though that is asked for, or not much faster than the BLAS in a
 * short test though that is the condition of `auto`; or `null`.
 */
export function missingBf16(
  oneDnn: OneDnn | string,
  blas: Blas,
  heap: Heap,
  precision: MatmulPrecision | "auto",
): string | null {
  if (precision === "f32") return null;
  if (typeof oneDnn === "string") return `no oneDNN: ${oneDnn}`;
  const { description, thread } = oneDnn;
  if (!has(thread, AMX)) return "the processor has no AMX, or the environment hides it";
  const gain = speedupOf(oneDnn, blas, heap, "rounded");
  if (gain === 0) return `${description} failed a small check`;
  if (precision === "bf16" || gain >= MIN_BF16_SPEEDUP) return null;
  return `${description} is only ${gain.toFixed(1)} times as fast as f32`;
}

function has({ instructionSet }: OneDnnThread, bits: number): boolean {
  return (instructionSet & bits) === bits;
}

/**
 * How much faster than by the BLAS in single precision operands of `bfloat16` are multiplied, by a
 * short test: 0 if not at all. Processors without instructions for it are slower, or refuse.
 */
export function bfloat16Speed(oneDnn: OneDnn | string, blas: Blas, heap: Heap): number {
  if (typeof oneDnn === "string") return 0;
  try {
    return speedupOf(oneDnn, blas, heap, "bfloat16");
  } catch {
    return 0;
  }
}

/**
 * How much faster than the BLAS a matmul of {@linkcode TEST_SIZE} is, by the fastest of alternating
 * runs; 0 if its result is wrong.
 */
function speedupOf(
  { start: { path }, thread }: Pick<OneDnn, "start" | "thread">,
  blas: Blas,
  heap: Heap,
  way: Way,
): number {
  const key = `${path}, ${blas.start.path}, ${way}`;
  const known = speedups.get(key);
  if (known !== undefined) return known;
  const size = TEST_SIZE ** 2;
  const allocation = heap.reserve(16 * size, "check of oneDNN");
  const a = allocation.address;
  const [b, c, halves] = [a + 4 * size, a + 8 * size, a + 12 * size] as const;
  // Small integers, of which both libraries make the same sums in either precision.
  const numbers = Float32Array.from({ length: 2 * size }, (_, i) => i % 13 - 6);
  heap.floats.set(numbers, a / 4);
  heap.bytes.set(new Uint8Array(roundToBfloat16(numbers).buffer), halves);
  const gemm: Sgemm = {
    transposeA: 0,
    transposeB: 1,
    m: TEST_SIZE,
    n: TEST_SIZE,
    k: TEST_SIZE,
    a,
    lda: TEST_SIZE,
    b,
    ldb: TEST_SIZE,
    c,
    ldc: TEST_SIZE,
    count: 1,
    stepA: 0,
    stepB: 0,
    stepC: 0,
    accumulate: 0,
    operandBytes: 4,
    resultBytes: 4,
    outer: 1,
    outerA: 0,
    outerB: 0,
    outerC: 0,
  };
  const asked = way === "bfloat16"
    ? { ...gemm, operandBytes: 2, a: halves, b: halves + 2 * size }
    : gemm;
  const ways = [
    () => blas.thread.multiply(gemm),
    () => thread.multiply(asked, way === "rounded"),
  ] as const;
  const [wanted, got] = ways.map((run) => {
    heap.floats.fill(NaN, c / 4, c / 4 + size);
    run();
    return heap.floats.slice(c / 4, c / 4 + size);
  }) as [Float32Array, Float32Array];
  const fastest: [number, number] = [Infinity, Infinity];
  for (let i = 0; i < TEST_RUNS; i++) {
    ways.forEach((run, way) => {
      const start = performance.now();
      run();
      fastest[way] = Math.min(fastest[way]!, performance.now() - start);
    });
  }
  heap.release(allocation);
  const speedup = wanted.every((x, i) => x === got[i]) ? fastest[0] / fastest[1] : 0;
  speedups.set(key, speedup);
  return speedup;
}
