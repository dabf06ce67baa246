import { assertEquals } from "@std/assert";
import { readSgemm, type Sgemm, sgemmArguments, type SgemmSplit } from "./sgemm_call.ts";

/** The example of the module's documentation. */
const gemm: Sgemm = {
  transposeA: 0,
  transposeB: 1,
  m: 100,
  n: 20,
  k: 30,
  a: 4096,
  lda: 30,
  b: 16384,
  ldb: 30,
  c: 32768,
  ldc: 20,
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

function part(whole: Sgemm, split: SgemmSplit, start: number, end: number): Sgemm {
  const words = Int32Array.from([0, ...sgemmArguments(whole, split)]);
  return readSgemm(words, 4, start, end);
}

Deno.test("a thread reads the whole of a call that is not split", () => {
  assertEquals(part(gemm, "rows", 0, 100), gemm);
  assertEquals(part(gemm, "columns", 0, 20), gemm);
  assertEquals(part(gemm, "batch", 0, 1), gemm);
});

Deno.test("a part of the rows begins at a row of A and of C", () => {
  const [a, c] = [4096 + 4 * 50 * 30, 32768 + 4 * 50 * 20];
  assertEquals(part(gemm, "rows", 50, 100), { ...gemm, m: 50, a, c });
  const transposed = { ...gemm, transposeA: 1, lda: 100 };
  assertEquals(part(transposed, "rows", 50, 100), { ...transposed, m: 50, a: 4096 + 4 * 50, c });
});

Deno.test("a part of the columns begins at a column of B and of C", () => {
  const c = 32768 + 4 * 5;
  assertEquals(part(gemm, "columns", 5, 9), { ...gemm, n: 4, b: 16384 + 4 * 5 * 30, c });
  const straight = { ...gemm, transposeB: 0, ldb: 20 };
  assertEquals(part(straight, "columns", 5, 9), { ...straight, n: 4, b: 16384 + 4 * 5, c });
});

Deno.test("a part of bfloat16 operands begins at their elements", () => {
  const half = { ...gemm, operandBytes: 2 };
  const [a, c] = [4096 + 2 * 50 * 30, 32768 + 4 * 50 * 20];
  assertEquals(part(half, "rows", 50, 100), { ...half, m: 50, a, c });
  const all = { ...half, resultBytes: 2 };
  const [b, to] = [16384 + 2 * 5 * 30, 32768 + 2 * 5];
  assertEquals(part(all, "columns", 5, 9), { ...all, n: 4, b, c: to });
});

Deno.test("a part of the batch begins at a matrix, and addresses reach 4 GiB", () => {
  const batch = { ...gemm, count: 8, stepA: 12_000, stepB: 0, stepC: 8_000, c: 3 * 2 ** 30 };
  const wanted = { ...batch, count: 2, a: 4096 + 3 * 12_000, c: 3 * 2 ** 30 + 3 * 8_000 };
  assertEquals(part(batch, "batch", 3, 5), wanted);
});
