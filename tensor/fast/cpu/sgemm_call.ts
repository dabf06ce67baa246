/**
 * A call of a matmul by a library, as integers in the memory that all threads share.
 *
 * `blas_matmul.ts` describes a matmul as an {@linkcode Sgemm}, writes it as 23 integers with
 * {@linkcode sgemmArguments}, and dispatches it with a number of work items. The device copies the
 * integers into shared memory and gives each thread their address and a range of the items. The
 * thread reads them and cuts out its own part ({@linkcode readSgemm}): a matmul that the library
 * computes on that thread.
 *
 * For example, C = A·Bᵀ with A 100×30 at byte 4096, B 20×30 at 16384 and C at 32768, all contiguous,
 * is split over two threads by its 100 rows. Both read
 *
 *     word  0 transposeA 0      5 a   4096      11 split 1 (rows)
 *           1 transposeB 1      6 lda   30      12 count 1
 *           2 m        100      7 b  16384      13 stepA 0
 *           3 n         20      8 ldb   30      14 stepB 0
 *           4 k         30      9 c  32768      15 stepC 0
 *                              10 ldc   20      16 accumulate 0
 *                                               17 operandBytes 4
 *                                               18 resultBytes 4
 *                                               19 outer 1, 20 to 22 its steps, 0
 *
 * and the second, with items 50 to 100, computes the part with m = 50, a = 4096 + 4·50·30 and
 * c = 32768 + 4·50·20.
 *
 * @module
 */

/** A batched GEMM, or part of one: C = op(A)·op(B), or C += op(A)·op(B); row-major, as in CBLAS. */
export interface Sgemm {
  /** 1 if A is stored as k×m or B as n×k, 0 for m×k and k×n. */
  readonly transposeA: number;
  readonly transposeB: number;
  /** C is m×n; sums have length k. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Addresses in the memory, in bytes, and leading dimensions, in elements. */
  readonly a: number;
  readonly lda: number;
  readonly b: number;
  readonly ldb: number;
  readonly c: number;
  readonly ldc: number;
  /** The size of the batch, and strides from one of its matrices to the next, in bytes. */
  readonly count: number;
  readonly stepA: number;
  readonly stepB: number;
  readonly stepC: number;
  /** A second axis of the batch, which threads do not share. */
  readonly outer: number;
  readonly outerA: number;
  readonly outerB: number;
  readonly outerC: number;
  /** 1 to add to C, 0 to replace it. */
  readonly accumulate: number;
  /** Bytes of an element of A and B, and of C: 4 for `float32`, 2 for `bfloat16`. */
  readonly operandBytes: number;
  readonly resultBytes: number;
}

/** How threads share a call: by columns or rows of each result, or by matrices of the batch. */
export type SgemmSplit = "columns" | "rows" | "batch";

const SPLITS: readonly SgemmSplit[] = ["columns", "rows", "batch"];

/** The integers of a call, in the order in which {@linkcode readSgemm} reads them. */
export function sgemmArguments(gemm: Sgemm, split: SgemmSplit): number[] {
  return [
    gemm.transposeA,
    gemm.transposeB,
    gemm.m,
    gemm.n,
    gemm.k,
    gemm.a,
    gemm.lda,
    gemm.b,
    gemm.ldb,
    gemm.c,
    gemm.ldc,
    SPLITS.indexOf(split),
    gemm.count,
    gemm.stepA,
    gemm.stepB,
    gemm.stepC,
    gemm.accumulate,
    gemm.operandBytes,
    gemm.resultBytes,
    gemm.outer,
    gemm.outerA,
    gemm.outerB,
    gemm.outerC,
  ];
}

/**
 * Reads a call, and returns the part of it that consists of the work items `[start, end)`.
 *
 * @param words The memory.
 * @param address Where the integers are, in bytes.
 */
export function readSgemm(
  words: Int32Array,
  address: number,
  start: number,
  end: number,
): Sgemm {
  // Addresses beyond 2 GiB are negative as signed integers.
  const word = (index: number): number => words[address / 4 + index]! >>> 0;
  const part = {
    transposeA: word(0),
    transposeB: word(1),
    m: word(2),
    n: word(3),
    k: word(4),
    a: word(5),
    lda: word(6),
    b: word(7),
    ldb: word(8),
    c: word(9),
    ldc: word(10),
    count: word(12),
    stepA: word(13),
    stepB: word(14),
    stepC: word(15),
    accumulate: word(16),
    operandBytes: word(17),
    resultBytes: word(18),
    outer: word(19),
    outerA: word(20),
    outerB: word(21),
    outerC: word(22),
  };
  const { operandBytes, resultBytes } = part;
  const length = end - start;
  switch (SPLITS[word(11)]) {
    case "columns":
      part.n = length;
      part.b += start * operandBytes * (part.transposeB === 0 ? 1 : part.ldb);
      part.c += start * resultBytes;
      return part;
    case "rows":
      part.m = length;
      part.a += start * operandBytes * (part.transposeA === 0 ? part.lda : 1);
      part.c += start * resultBytes * part.ldc;
      return part;
    default:
      part.count = length;
      part.a += start * part.stepA;
      part.b += start * part.stepB;
      part.c += start * part.stepC;
      return part;
  }
}
