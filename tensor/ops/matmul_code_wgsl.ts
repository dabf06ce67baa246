/**
 * What all matrix product kernels in WGSL have in common: their arguments, where the matrices of a
 * batch item begin, how elements are read and stored.
 *
 * Since all of them take the same arguments, any of them can compute any product, as far as its `fits`
 * says, and which is the fastest is a matter of the adapter.
 *
 * @module
 */

import type { WgslBuffer, WgslKernel } from "../device.ts";
import type { DType } from "../dtype.ts";

/** The arguments of every product kernel, in elements. */
export const MATMUL_ARGUMENTS: readonly string[] = [
  ...["aOffset", "aRow", "aColumn", "aOuter", "aInner"],
  ...["bOffset", "bRow", "bColumn", "bOuter", "bInner"],
  ...["cOffset", "cRow", "cColumn", "cOuter", "cInner"],
  ...["m", "n", "k", "inner", "firstItem", "accumulate"],
];

/** A kernel, and which part of the result one workgroup computes. */
export interface MatmulKernel {
  /** The kernel, with {@linkcode MATMUL_ARGUMENTS} and the buffers a, b and c. */
  readonly kernel: WgslKernel;
  /** Rows of the result for a workgroup, along y. */
  readonly rows: number;
  /** Columns of the result for a workgroup, along x. */
  readonly columns: number;
}

/** A type of number in a buffer, by its name in WGSL. Sums are always `f32`. */
export type Element = "f32" | "f16";

/** What the elements of a matrix are called in WGSL. @throws {TypeError} If it cannot be multiplied. */
export function elementOf(dtype: DType): Element {
  if (dtype === "float32") return "f32";
  if (dtype === "float16") return "f16";
  throw new TypeError(`Cannot multiply matrices: wanted float32 or float16, got ${dtype}`);
}

/** What the kernel of a product depends on, besides the way it is computed. */
export interface KernelForm {
  /** Whether rows of a (after its transposition) are contiguous, and not columns. */
  readonly rowMajorA: boolean;
  /** The same for b. */
  readonly rowMajorB: boolean;
  /** Whether only elements from the diagonal on are computed, and stored on both sides. */
  readonly isSymmetric: boolean;
  /** The type of the elements of a and b. */
  readonly operands: Element;
  /** The type of the elements of c. */
  readonly result: Element;
}

/** The buffers of a product kernel; vectors of four where `vectors` names them. */
export function matrixBuffers(
  { operands, result }: KernelForm,
  vectors: readonly ("a" | "b")[] = [],
): readonly WgslBuffer[] {
  const operand = (name: "a" | "b"): WgslBuffer => ({
    name,
    type: vectors.includes(name) ? `vec4<${operands}>` : operands,
    writes: false,
  });
  return [operand("a"), operand("b"), { name: "c", type: result, writes: true }];
}

/** Completes the name of a kernel by the form that its code depends on. */
export function kernelKey(name: string, { operands, result, isSymmetric }: KernelForm): string {
  const types = operands === "f32" && result === "f32" ? "" : `, ${operands} to ${result}`;
  return `matmul ${name}${types}${isSymmetric ? ", symmetric" : ""}`;
}

/**
 * Where the matrices of a batch item begin, and how elements of the result are stored.
 *
 * Tiles call `storeVector` in a loop and not once for each vector: compilers put it where it is called,
 * and took seconds for some kernels.
 */
export const storeWgsl = (form: KernelForm): string => `
fn begin(z: u32, offset: i32, outer: i32, inner: i32) -> i32 {
  let item = arguments.firstItem + i32(z);
  return offset + (item / arguments.inner) * outer + (item % arguments.inner) * inner;
}

fn put(cBegin: i32, row: i32, column: i32, value: f32) {
  let at = cBegin + row * arguments.cRow + column * arguments.cColumn;
  if (arguments.accumulate != 0) {
    c[at] = ${form.result}(f32(c[at]) + value);
  } else {
    c[at] = ${form.result}(value);
  }
}

fn store(cBegin: i32, row: i32, column: i32, value: f32) {
  if (row >= arguments.m || column >= arguments.n${form.isSymmetric ? " || column < row" : ""}) {
    return;
  }
  put(cBegin, row, column, value);
  ${form.isSymmetric ? "if (column > row) { put(cBegin, column, row, value); }" : ""}
}

fn storeVector(cBegin: i32, row: i32, column: i32, value: vec4<f32>) {
  store(cBegin, row, column, value.x);
  store(cBegin, row, column + 1, value.y);
  store(cBegin, row, column + 2, value.z);
  store(cBegin, row, column + 3, value.w);
}
`;

/** Where the matrix a of a workgroup's batch item begins. */
export const BEGIN_A: string =
  "begin(group.z, arguments.aOffset, arguments.aOuter, arguments.aInner)";
/** Where the matrix b of a workgroup's batch item begins. */
export const BEGIN_B: string =
  "begin(group.z, arguments.bOffset, arguments.bOuter, arguments.bInner)";
/** Where the matrix c of a workgroup's batch item begins. */
export const BEGIN_C: string =
  "begin(group.z, arguments.cOffset, arguments.cOuter, arguments.cInner)";

/** The numbers from 0 to `length` − 1. */
export function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** Lines of code, one for each item. */
export function lines<T>(items: readonly T[], write: (item: T) => string): string {
  return items.map(write).join("\n");
}
