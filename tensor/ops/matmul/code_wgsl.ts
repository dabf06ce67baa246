/**
 * What all matrix product kernels in WGSL have in common: their arguments, where the matrices of a
 * batch item begin, how elements are read and stored.
 *
 * Since all of them take the same arguments, any of them can compute any product, as far as its `fits`
 * says, and which is the fastest is a matter of the adapter.
 *
 * @module
 */

import type { WgslBuffer, WgslKernel } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import { TypeError } from "../../errors.ts";
import type { MatmulActivation, Matrix, Product } from "./product.ts";

/** Where a matrix lies, as arguments of a kernel, in elements. */
const place = (name: string): readonly string[] =>
  ["Offset", "Row", "Column", "Outer", "Inner"].map((distance) => name + distance);

/** The arguments of a product kernel: where the operands lie, and what else there is to know. */
const matmulArguments = (form: KernelForm): readonly string[] => [
  ...["a", "b", "c", ...addendNames(form)].flatMap(place),
  ...["m", "n", "k", "inner", "firstItem", "accumulate"],
];

/** The arguments of a kernel: {@linkcode matmulArguments}, in that order. */
export function integersOf(
  product: Product,
  firstItem: number,
  accumulate: boolean,
): number[] {
  const { m, n, k, inner } = product;
  const places = matricesOf(product).flatMap((
    { offset, row, column, outer, inner },
  ) => [offset, row, column, outer, inner]);
  return [...places, m, n, k, inner, firstItem, Number(accumulate)];
}

/** The operands, in the order of {@linkcode matrixBuffers}. */
export function matricesOf({ a, b, c, epilogue }: Product): readonly Matrix[] {
  return [a, b, c, ...epilogue?.addends ?? []];
}

/** A kernel, and which part of the result one workgroup computes. */
export interface MatmulKernel {
  /** The kernel, with {@linkcode matmulArguments} and {@linkcode matrixBuffers}. */
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
  /** The type of the elements of c, and of what is added. */
  readonly result: Element;
  /** How many matrices are added to the product. */
  readonly addends: number;
  /** What that goes through before it is stored. */
  readonly activation: MatmulActivation;
}

/** What the matrices that are added to the product are called. */
function addendNames({ addends }: KernelForm): string[] {
  return range(addends).map((i) => `addend${i}`);
}

/** The buffers of a product kernel; vectors of four where `vectors` names them. */
function matrixBuffers(
  form: KernelForm,
  vectors: readonly ("a" | "b")[],
): readonly WgslBuffer[] {
  const { operands, result } = form;
  const operand = (name: "a" | "b"): WgslBuffer => ({
    name,
    type: vectors.includes(name) ? `vec4<${operands}>` : operands,
    writes: false,
  });
  return [
    ...[operand("a"), operand("b"), { name: "c", type: result, writes: true }],
    ...addendNames(form).map((name) => ({ name, type: result, writes: false })),
  ];
}

/**
 * Makes a kernel.
 *
 * @param name Names the algorithm and all that its code depends on besides the form.
 * @param tile Rows and columns of the result for a workgroup.
 * @param main The code of the kernel, after {@linkcode storeWgsl}.
 * @param vectors The operands that are read in vectors of four.
 */
export function matmulKernel(
  name: string,
  form: KernelForm,
  [rows, columns]: readonly [rows: number, columns: number],
  main: () => string,
  vectors: readonly ("a" | "b")[] = [],
): MatmulKernel {
  const { operands, result, isSymmetric, addends, activation } = form;
  const types = operands === "f32" && result === "f32" ? "" : `, ${operands} to ${result}`;
  const added = addends === 0 ? "" : `, ${addends} added`;
  const activated = activation === "none" ? "" : `, ${activation}`;
  const kernel: WgslKernel = {
    key: `matmul ${name}${types}${isSymmetric ? ", symmetric" : ""}${added}${activated}`,
    code: () => storeWgsl(form) + main(),
    integers: matmulArguments(form),
    buffers: matrixBuffers(form, vectors),
  };
  return { kernel, rows, columns };
}

/** Begins a kernel whose workgroups have 8 × 8 threads: `thread` counts them over all workgroups. */
export const SQUARE_MAIN = `
@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(global_invocation_id) thread: vec3<u32>,
) {`;

/** The activations of `sum`; asking whether it is not positive keeps NaN. */
const ACTIVATION_FORMULAS: Readonly<Record<MatmulActivation, string>> = {
  none: "sum",
  relu: "select(sum, 0.0, sum <= 0.0)",
  reluSquared: "select(sum * sum, 0.0, sum <= 0.0)",
};

/**
 * Where the matrices of a batch item begin, and how elements of the result are stored.
 *
 * Where something is added, it begins in each item at a place that {@linkcode beginC} has noted.
 *
 * Tiles call `storeVector` in a loop and not once for each vector: compilers put it where it is called,
 * and took seconds for some kernels.
 */
const storeWgsl = (form: KernelForm): string => `
fn begin(z: u32, offset: i32, outer: i32, inner: i32) -> i32 {
  let item = arguments.firstItem + i32(z);
  return offset + (item / arguments.inner) * outer + (item % arguments.inner) * inner;
}
${form.addends === 0 ? "" : notingWgsl(form)}
fn put(cBegin: i32, row: i32, column: i32, value: f32) {
  let at = cBegin + row * arguments.cRow + column * arguments.cColumn;
  ${form.addends === 0 && form.activation === "none" ? putProduct(form) : putActivated(form)}
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

/** Tells where c begins, and notes where that begins which is added to it. */
const notingWgsl = (form: KernelForm): string => `
${lines(addendNames(form), (name) => `var<private> ${name}Begin: i32;`)}
fn beginC(z: u32) -> i32 {
  ${
  lines(addendNames(form), (name) =>
    `${name}Begin = begin(z, arguments.${name}Offset, arguments.${name}Outer, ` +
    `arguments.${name}Inner);`)
}
  return begin(z, arguments.cOffset, arguments.cOuter, arguments.cInner);
}
`;

/** Stores a product as it is. */
const putProduct = ({ result }: KernelForm): string => `
  if (arguments.accumulate != 0) {
    c[at] = ${result}(f32(c[at]) + value);
  } else {
    c[at] = ${result}(value);
  }`;

/** Stores what becomes of a product by what is added and the activation. */
const putActivated = (form: KernelForm): string => `
  var sum = value;
  if (arguments.accumulate != 0) {
    sum += f32(c[at]);
  }
  ${
  lines(addendNames(form), (name) =>
    `sum += f32(${name}[${name}Begin + row * arguments.${name}Row + ` +
    `column * arguments.${name}Column]);`)
}
  c[at] = ${form.result}(${ACTIVATION_FORMULAS[form.activation]});`;

/** Where the matrix a of a workgroup's batch item begins. */
export const BEGIN_A: string =
  "begin(group.z, arguments.aOffset, arguments.aOuter, arguments.aInner)";
/** Where the matrix b of a workgroup's batch item begins. */
export const BEGIN_B: string =
  "begin(group.z, arguments.bOffset, arguments.bOuter, arguments.bInner)";
/** Where the matrix c of a workgroup's batch item begins. */
export const beginC = ({ addends }: KernelForm): string =>
  addends === 0
    ? "begin(group.z, arguments.cOffset, arguments.cOuter, arguments.cInner)"
    : "beginC(group.z)";

/** The numbers from 0 to `length` − 1. */
export function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** Lines of code, one for each item. */
export function lines<T>(items: readonly T[], write: (item: T) => string): string {
  return items.map(write).join("\n");
}
