/** Matrix products as the BLAS takes them, and how one is divided between threads. @module */

import type { Arguments } from "../../device.ts";

/** How CBLAS is told that rows are contiguous. */
export const ROW_MAJOR = 101;
/** How it is told about transposes. */
const NO_TRANSPOSE = 111;
const TRANSPOSE = 112;

/** Handing a part to a worker costs less than half a microsecond; a part takes 2 µs at least. */
const LEAST_FLOPS = 200_000;

/** What the items of work are, by their number among the arguments: along what a batch is divided. */
const SPLITS = ["columns", "rows", "products"] as const;

/** Matrix products as {@linkcode Arguments} describe them in `CpuDevice.dispatch`, or a part of them. */
export interface Product {
  /** 1 where A is stored as k×m and B as n×k, 0 where as m×k and k×n. */
  readonly transposeA: number;
  readonly transposeB: number;
  /** Rows of C, columns of C, and the length of the sums. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Byte addresses, each with the distance between rows in elements. */
  readonly a: number;
  readonly lda: number;
  readonly b: number;
  readonly ldb: number;
  readonly c: number;
  readonly ldc: number;
  /** C becomes alpha·A·B + beta·C. */
  readonly alpha: number;
  readonly beta: number;
  /** Whether the items of work are columns of each C, rows of each C, or products of the batch. */
  readonly split: typeof SPLITS[number];
  /** How many products there are, and the bytes from one's matrices to the next one's. */
  readonly count: number;
  readonly stepA: number;
  readonly stepB: number;
  readonly stepC: number;
}

/**
 * Reads the arguments of `sgemm`.
 *
 * @throws {RangeError} If there are not sixteen integers and two floats.
 */
export function readProduct(arguments_: Arguments): Product {
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

/** The rows or columns of each C, or the products, from `start` to `end`. */
export function partOf(product: Product, start: number, end: number): Product {
  const { a, lda, b, ldb, c, ldc, split, stepA, stepB, stepC } = product;
  if (split === "products") {
    return {
      ...product,
      count: end - start,
      a: a + start * stepA,
      b: b + start * stepB,
      c: c + start * stepC,
    };
  }
  if (split === "rows") {
    const row = product.transposeA === 0 ? lda : 1;
    return { ...product, m: end - start, a: a + start * row * 4, c: c + start * ldc * 4 };
  }
  const column = product.transposeB === 0 ? 1 : ldb;
  return { ...product, n: end - start, b: b + start * column * 4, c: c + start * 4 };
}

/** Into how many parts it is worth dividing the products. */
export function usefulParts({ m, n, k, count }: Product): number {
  return Math.max(1, Math.floor((2 * m * n * k * count) / LEAST_FLOPS));
}

/**
 * Writes the words of the first call of `cblas_sgemm` from word `at` on, and then how many calls there
 * are and the steps from one to the next, as the worker reads them.
 */
export function writeProduct(
  product: Product,
  words: Int32Array,
  floats: Float32Array,
  at: number,
): void {
  words[at] = ROW_MAJOR;
  words[at + 1] = transposition(product.transposeA);
  words[at + 2] = transposition(product.transposeB);
  words[at + 3] = product.m;
  words[at + 4] = product.n;
  words[at + 5] = product.k;
  floats[at + 6] = product.alpha;
  words[at + 7] = product.a;
  words[at + 8] = product.lda;
  words[at + 9] = product.b;
  words[at + 10] = product.ldb;
  floats[at + 11] = product.beta;
  words[at + 12] = product.c;
  words[at + 13] = product.ldc;
  words[at + 14] = product.count;
  words[at + 15] = product.stepA;
  words[at + 16] = product.stepB;
  words[at + 17] = product.stepC;
}

/** What CBLAS wants to hear of a transpose that is 0 or 1. */
export function transposition(transpose: number): number {
  return transpose === 0 ? NO_TRANSPOSE : TRANSPOSE;
}
