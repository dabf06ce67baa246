/** Matrix products as the BLAS takes them, and how one is divided between threads. @module */

import type { Arguments } from "../../device.ts";

/** How CBLAS is told that rows are contiguous. */
export const ROW_MAJOR = 101;
/** How it is told about transposes. */
const NO_TRANSPOSE = 111;
const TRANSPOSE = 112;

/** Handing a part to a worker costs less than half a microsecond; a part takes 2 µs at least. */
const LEAST_FLOPS = 200_000;

/** A matrix product as {@linkcode Arguments} describe it in `CpuDevice.dispatch`, or a part of one. */
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
  /** Whether the items of work are rows of C, and not columns. */
  readonly splitRows: boolean;
}

/**
 * Reads the arguments of `sgemm`.
 *
 * @throws {RangeError} If there are not twelve integers and two floats.
 */
export function readProduct(arguments_: Arguments): Product {
  const { integers, floats = [] } = arguments_;
  if (integers.length !== 12 || floats.length !== 2) {
    throw new RangeError(
      `Cannot dispatch sgemm: wanted 12 integers and 2 floats, ` +
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
    splitRows = 0,
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
    splitRows: splitRows === 1,
  };
}

/** The rows or columns of C from `start` to `end` as a product of its own. */
export function partOf(product: Product, start: number, end: number): Product {
  const { a, lda, b, ldb, c, ldc } = product;
  if (product.splitRows) {
    const stepA = product.transposeA === 0 ? lda : 1;
    return { ...product, m: end - start, a: a + start * stepA * 4, c: c + start * ldc * 4 };
  }
  const stepB = product.transposeB === 0 ? 1 : ldb;
  return { ...product, n: end - start, b: b + start * stepB * 4, c: c + start * 4 };
}

/** Into how many parts it is worth dividing a product. */
export function usefulParts({ m, n, k }: Product): number {
  return Math.max(1, Math.floor((2 * m * n * k) / LEAST_FLOPS));
}

/** Writes the words of a call of `cblas_sgemm` from word `at` on, as the worker reads them. */
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
}

/** What CBLAS wants to hear of a transpose that is 0 or 1. */
export function transposition(transpose: number): number {
  return transpose === 0 ? NO_TRANSPOSE : TRANSPOSE;
}
