/** GEMM descriptors as BLAS takes them, and how one is split over threads. @module */

import type { Arguments } from "../../device.ts";
import { RangeError } from "../../errors.ts";

export const ROW_MAJOR = 101;
const NO_TRANSPOSE = 111;
const TRANSPOSE = 112;

/** Posting a part to a worker costs less than 0.5 µs; a part of this size takes at least 2 µs. */
const MIN_FLOPS = 200_000;

/** The kinds of work items, by their index among the arguments. */
const SPLITS = ["columns", "rows", "batch"] as const;

/** A batched GEMM, or part of one, from {@linkcode Arguments} of `CpuDevice.dispatch`. */
export interface Sgemm {
  /** 1 if A is stored as k×m or B as n×k, 0 for m×k and k×n. */
  readonly transposeA: number;
  readonly transposeB: number;
  /** C is m×n; sums have length k. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Byte addresses, and row strides in elements. */
  readonly a: number;
  readonly lda: number;
  readonly b: number;
  readonly ldb: number;
  readonly c: number;
  readonly ldc: number;
  readonly alpha: number;
  readonly beta: number;
  /** Whether work items are columns of each C, rows of each C, or matmuls of the batch. */
  readonly split: typeof SPLITS[number];
  /** Batch size, and the batch strides in bytes. */
  readonly count: number;
  readonly stepA: number;
  readonly stepB: number;
  readonly stepC: number;
}

/** Parses the arguments of `sgemm`. */
export function readSgemm(arguments_: Arguments): Sgemm {
  const { integers, floats = [] } = arguments_;
  if (integers.length !== 16 || floats.length !== 2) {
    throw new RangeError(
      `Cannot dispatch sgemm: wanted 16 integers and 2 floats, ` +
        `got ${integers.length} and ${floats.length}`,
    );
  }
  const [
    transposeA = 0,
    transposeB = 0,
    m = 0,
    n = 0,
    k = 0,
    a = 0,
    lda = 0,
    b = 0,
    ldb = 0,
    c = 0,
    ldc = 0,
    split = 0,
    count = 0,
    stepA = 0,
    stepB = 0,
    stepC = 0,
  ] = integers;
  const [alpha = 0, beta = 0] = floats;
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
    alpha,
    beta,
    split: SPLITS[split] ?? "columns",
    count,
    stepA,
    stepB,
    stepC,
  };
}

/** Work items `[start, end)`: columns, rows, or matmuls of the batch. */
export function partOf(call: Sgemm, start: number, end: number): Sgemm {
  const { a, lda, b, ldb, c, ldc, split, stepA, stepB, stepC } = call;
  if (split === "batch") {
    return {
      ...call,
      count: end - start,
      a: a + start * stepA,
      b: b + start * stepB,
      c: c + start * stepC,
    };
  }
  if (split === "rows") {
    const row = call.transposeA === 0 ? lda : 1;
    return { ...call, m: end - start, a: a + start * row * 4, c: c + start * ldc * 4 };
  }
  const column = call.transposeB === 0 ? 1 : ldb;
  return { ...call, n: end - start, b: b + start * column * 4, c: c + start * 4 };
}

/** Into how many parts splitting is worthwhile. */
export function usefulParts({ m, n, k, count }: Sgemm): number {
  return Math.max(1, Math.floor((2 * m * n * k * count) / MIN_FLOPS));
}

/**
 * Writes the arguments of the first `cblas_sgemm` call from word `at` on, then the number of calls
 * and the strides between them.
 */
export function writeSgemm(
  call: Sgemm,
  words: Int32Array,
  floats: Float32Array,
  at: number,
): void {
  words[at] = ROW_MAJOR;
  words[at + 1] = transposition(call.transposeA);
  words[at + 2] = transposition(call.transposeB);
  words[at + 3] = call.m;
  words[at + 4] = call.n;
  words[at + 5] = call.k;
  floats[at + 6] = call.alpha;
  words[at + 7] = call.a;
  words[at + 8] = call.lda;
  words[at + 9] = call.b;
  words[at + 10] = call.ldb;
  floats[at + 11] = call.beta;
  words[at + 12] = call.c;
  words[at + 13] = call.ldc;
  words[at + 14] = call.count;
  words[at + 15] = call.stepA;
  words[at + 16] = call.stepB;
  words[at + 17] = call.stepC;
}

export function transposition(transpose: number): number {
  return transpose === 0 ? NO_TRANSPOSE : TRANSPOSE;
}
