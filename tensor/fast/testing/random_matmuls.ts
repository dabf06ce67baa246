/**
 * Random small matmuls by oneDNN, compared with a plain loop.
 *
 *     deno run -A tensor/fast/testing/random_matmuls.ts 10000
 *
 * @module
 */

import { roundToBfloat16 } from "../../layout.ts";
import { Heap } from "../../devices/cpu/memory.ts";
import { openSystemBlas } from "../cpu/blas.ts";
import { deno } from "../cpu/deno_subset.ts";
import { bfloat16Speed, missingBf16, ONEDNN_FILES, openSystemOneDnn } from "../cpu/onednn.ts";
import { OneDnnThread } from "../cpu/onednn_binding.ts";
import type { Sgemm } from "../cpu/sgemm_call.ts";

const ROOM = 1 << 16;

/** oneDNN, opened on this thread alone, with memory for operands. */
export interface Opened {
  readonly heap: Heap;
  readonly thread: OneDnnThread;
  readonly hasAmx: boolean;
  readonly hasBfloat16: boolean;
  /**
   * In single precision, with operands that may be rounded to bf16 (without AMX none are, but the calls
   * are the same), and of `bfloat16` if the processor has instructions for it.
   */
  readonly ways: readonly ("f32" | "rounded" | "bfloat16")[];
  /** Addresses for A, B and C, of {@linkcode ROOM} elements each. */
  readonly places: readonly [number, number, number];
  readonly close: () => void;
}

export function openAlone(maxPrimitives = 256): Opened | string {
  const heap = new Heap(1 << 21);
  const blas = openSystemBlas(true, heap);
  if (typeof blas === "string") return blas;
  const found = ONEDNN_FILES.map((path) => openSystemOneDnn(path, blas, heap))
    .find((opened) => typeof opened !== "string");
  if (found === undefined) return "no oneDNN";
  const hasAmx = missingBf16(found, blas, heap, "bf16") === null;
  const hasBfloat16 = bfloat16Speed(found, blas, heap) > 0;
  const ways = ["f32", "rounded", ...(hasBfloat16 ? ["bfloat16" as const] : [])] as const;
  found.thread.close();
  blas.thread.close();
  const thread = new OneDnnThread(deno()!, { ...found.start, maxPrimitives });
  const { address } = heap.reserve(12 * ROOM, "operands");
  const places = [address, address + 4 * ROOM, address + 8 * ROOM] as const;
  return { heap, thread, hasAmx, hasBfloat16, ways, places, close: () => thread.close() };
}

/** The name under which the system has the library. */
export function systemOneDnn(): string | null {
  for (const path of ONEDNN_FILES) {
    try {
      Deno.dlopen(path, {}).close();
      return path;
    } catch {
      // Not under this name.
    }
  }
  return null;
}

export function randomIntegers(seed: number): (least: number, most: number) => number {
  let state = seed;
  return (least, most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return least + Math.floor((state / 2 ** 32) * (most - least + 1));
  };
}

/**
 * A random matmul of at least 2 rows and 2 columns, with gaps between rows and between the items of
 * a batch, which may share an operand or lie within each other's rows, like the heads of attention;
 * or a second axis of such batches.
 */
export function randomMatmul(
  random: (least: number, most: number) => number,
  [a, b, c]: readonly [number, number, number],
): Sgemm {
  const [m, n, k] = [random(2, 40), random(2, 40), random(1, 70)] as const;
  const [transposeA, transposeB, count] = [random(0, 1), random(0, 1), random(0, 3) || 1] as const;
  const outer = random(0, 3) === 0 ? 2 : 1;
  const isWithinRows = random(0, 1) === 1;
  const matrix = (rows: number, columns: number): [lead: number, step: number, outer: number] => {
    const lead = (isWithinRows ? count : 1) * (columns + random(0, 3)) + random(0, 2);
    const size = (rows + random(0, 1)) * lead;
    return isWithinRows
      ? [lead, 4 * Math.floor(lead / count), 4 * size]
      : [lead, 4 * size, 4 * count * size];
  };
  const [lda, stepA, outerA] = transposeA ? matrix(k, m) : matrix(m, k);
  const [ldb, stepB, outerB] = transposeB ? matrix(n, k) : matrix(k, n);
  const [ldc, stepC, outerC] = matrix(m, n);
  const isShared = random(0, 7) === 0;
  return {
    transposeA,
    transposeB,
    m,
    n,
    k,
    a,
    lda,
    b,
    ldb,
    c,
    ldc,
    count,
    stepA,
    stepB: isShared ? 0 : stepB,
    stepC,
    accumulate: random(0, 1),
    operandBytes: 4,
    resultBytes: 4,
    outer,
    outerA: random(0, 7) === 0 ? 0 : outerA,
    outerB,
    outerC,
  };
}

/**
 * Multiplies, and compares with a plain loop, bit by bit: all values are multiples of 1/8 below 3,
 * which bf16 represents, and so are their sums in single precision. Where the sum is not read, the
 * result holds NaN before; between its rows and after it stand numbers that must remain.
 *
 * @returns What is wrong, or `null`.
 */
export function compare(
  { heap, thread }: Opened,
  gemm: Sgemm,
  way: "f32" | "rounded" | "bfloat16",
): string | null {
  const { transposeA, transposeB, m, n, k, lda, ldb, ldc, accumulate, count, outer } = gemm;
  const view = (address: number) => heap.floats.subarray(address / 4, address / 4 + ROOM);
  const [a, b, c] = [view(gemm.a), view(gemm.b), view(gemm.c)] as const;
  for (let i = 0; i < ROOM; i++) {
    a[i] = ((i * 7_919) % 33 - 16) / 8;
    b[i] = ((i * 104_729 + 5) % 33 - 16) / 8;
    c[i] = i % 1_000;
  }
  const wanted = c.slice();
  for (let item = 0; item < outer * count; item++) {
    const [first, second] = [Math.floor(item / count), item % count];
    const ofA = (first * gemm.outerA + second * gemm.stepA) / 4;
    const ofB = (first * gemm.outerB + second * gemm.stepB) / 4;
    const ofC = (first * gemm.outerC + second * gemm.stepC) / 4;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) {
          sum += a[ofA + (transposeA ? p * lda + i : i * lda + p)]! *
            b[ofB + (transposeB ? j * ldb + p : p * ldb + j)]!;
        }
        const at = ofC + i * ldc + j;
        wanted[at] = sum + (accumulate === 0 ? 0 : wanted[at]!);
        if (accumulate === 0) c[at] = NaN;
      }
    }
  }
  if (way === "bfloat16") {
    for (const operand of [a, b]) {
      const bits = roundToBfloat16(operand);
      new Uint16Array(operand.buffer, operand.byteOffset, ROOM).set(bits);
    }
    const steps = {
      stepA: gemm.stepA / 2,
      stepB: gemm.stepB / 2,
      outerA: gemm.outerA / 2,
      outerB: gemm.outerB / 2,
    };
    thread.multiply({ ...gemm, ...steps, operandBytes: 2 }, false);
  } else thread.multiply(gemm, way === "rounded");
  const wrong = c.findIndex((value, i) => value !== wanted[i]);
  if (wrong < 0) return null;
  return `${JSON.stringify({ ...gemm, way })}: element ${wrong} of the result is ${
    c[wrong]
  }, wanted ${wanted[wrong]}`;
}

if (import.meta.main) {
  const opened = openAlone();
  if (typeof opened === "string") throw new Error(opened);
  const count = Number(Deno.args[0] ?? 10_000);
  for (const way of opened.ways) {
    const random = randomIntegers(1);
    const resident: number[] = [];
    let wrong = 0;
    for (let i = 0; i < count; i++) {
      const message = compare(opened, randomMatmul(random, opened.places), way);
      if (message !== null) {
        wrong++;
        console.log(message);
      }
      if (i % Math.ceil(count / 10) === 0) resident.push(Deno.memoryUsage().rss);
    }
    const megabytes = resident.map((bytes) => Math.round(bytes / 1e6)).join(", ");
    console.log(
      `${count} random matmuls in ${way}: ${wrong} wrong; ` +
        `${opened.thread.primitives} primitives; resident MB: ${megabytes}`,
    );
  }
  opened.close();
}
