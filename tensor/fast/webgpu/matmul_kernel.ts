/**
 * Shared by all matmul kernels in WGSL: arguments, offsets of batch items, loading and storing
 * elements.
 *
 * All of them take the same arguments, so any of them can compute any matmul that it supports, and
 * the adapter determines which is fastest.
 *
 * @module
 */

import type { WgslBuffer, WgslKernel } from "../../device.ts";
import type { Element } from "../../ops/matmul/plain.ts";
import type { MatmulActivation, MatmulProblem, Matrix } from "../../ops/matmul/problem.ts";

/** The position of a matrix as kernel arguments, in elements. */
const place = (name: string): readonly string[] =>
  ["Offset", "Row", "Column", "Outer", "Inner"].map((distance) => name + distance);

/** The arguments of a matmul kernel: the positions of the operands, the sizes, and flags. */
const matmulArguments = (form: KernelForm): readonly string[] => [
  ...["a", "b", "c", ...addendNames(form)].flatMap(place),
  ...["m", "n", "k", "inner", "firstItem", "accumulate"],
];

/** The values of {@linkcode matmulArguments}, in that order. */
export function integersOf(problem: MatmulProblem, firstItem: number): number[] {
  const { m, n, k, inner, accumulate } = problem;
  const places = matricesOf(problem).flatMap((
    { offset, row, column, outer, inner },
  ) => [offset, row, column, outer, inner]);
  return [...places, m, n, k, inner, firstItem, Number(accumulate)];
}

/** The operands, in the order of {@linkcode matrixBuffers}. */
export function matricesOf({ a, b, c, epilogue }: MatmulProblem): readonly Matrix[] {
  return [a, b, c, ...epilogue?.addends ?? []];
}

/** A kernel, and the part of the result that a workgroup computes. */
export interface MatmulKernel {
  /** Takes {@linkcode matmulArguments} and {@linkcode matrixBuffers}. */
  readonly kernel: WgslKernel;
  readonly rows: number;
  /** Columns of the result per workgroup, along x. */
  readonly columns: number;
}

/** Properties that a matmul kernel's code depends on, besides its algorithm. */
export interface KernelForm {
  /** Whether a is row-major after transposition. */
  readonly rowMajorA: boolean;
  /** Whether b is row-major after transposition. */
  readonly rowMajorB: boolean;
  /** Whether to compute only the upper half, and mirror it. */
  readonly isSymmetric: boolean;
  /** Storage type of a and b. */
  readonly operands: Element;
  /** Storage type of c and of the addends. */
  readonly result: Element;
  readonly addends: number;
  readonly activation: MatmulActivation;
}

function addendNames({ addends }: KernelForm): string[] {
  return range(addends).map((i) => `addend${i}`);
}

/** The buffers of a matmul kernel. */
function matrixBuffers(form: KernelForm): readonly WgslBuffer[] {
  const { operands, result } = form;
  return [
    ...["a", "b"].map((name) => ({ name, type: operands, writes: false })),
    { name: "c", type: result, writes: true },
    ...addendNames(form).map((name) => ({ name, type: result, writes: false })),
  ];
}

/**
 * Creates a kernel.
 *
 * @param name Names the algorithm and all that its code depends on besides the form.
 * @param tile Rows and columns of the result per workgroup.
 * @param main The code of the kernel, after {@linkcode storeWgsl}.
 */
export function matmulKernel(
  name: string,
  form: KernelForm,
  [rows, columns]: readonly [rows: number, columns: number],
  main: () => string,
): MatmulKernel {
  const { operands, result, isSymmetric, addends, activation } = form;
  const types = operands === "f32" && result === "f32" ? "" : `, ${operands} to ${result}`;
  const added = addends === 0 ? "" : `, ${addends} added`;
  const activated = activation === "none" ? "" : `, ${activation}`;
  const kernel: WgslKernel = {
    key: `matmul ${name}${types}${isSymmetric ? ", symmetric" : ""}${added}${activated}`,
    code: () => storeWgsl(form) + main(),
    integers: matmulArguments(form),
    buffers: matrixBuffers(form),
  };
  return { kernel, rows, columns };
}

/** The activations of `sum`; testing for "not positive" keeps NaN. */
const ACTIVATION_FORMULAS: Readonly<Record<MatmulActivation, string>> = {
  none: "sum",
  relu: "select(sum, 0.0, sum <= 0.0)",
  reluSquared: "select(sum * sum, 0.0, sum <= 0.0)",
};

/**
 * Offsets of batch items, and functions that store elements of the result.
 *
 * The offset of an addend's batch item is recorded by {@linkcode beginC}.
 *
 * Tiles call `storeVector` in a loop instead of once per vector: compilers inline it, and took
 * seconds for some kernels.
 */
const storeWgsl = (form: KernelForm): string => `
fn begin(z: u32, offset: i32, outer: i32, inner: i32) -> i32 {
  let item = arguments.firstItem + i32(z);
  return offset + (item / arguments.inner) * outer + (item % arguments.inner) * inner;
}
${form.addends === 0 ? "" : notingWgsl(form)}
fn put(cBegin: i32, row: i32, column: i32, value: f32) {
  let at = cBegin + row * arguments.cRow + column * arguments.cColumn;
  ${form.addends === 0 && form.activation === "none" ? putPlain(form) : putActivated(form)}
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

/** Returns the offset of c, and records those of the addends. */
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

/** Stores a product without an epilogue. */
const putPlain = ({ result }: KernelForm): string => `
  if (arguments.accumulate != 0) {
    c[at] = ${result}(f32(c[at]) + value);
  } else {
    c[at] = ${result}(value);
  }`;

/** Stores a product with its addends and activation. */
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

/** The offset of a for a workgroup's batch item. */
export const BEGIN_A: string =
  "begin(group.z, arguments.aOffset, arguments.aOuter, arguments.aInner)";
/** The offset of b for a workgroup's batch item. */
export const BEGIN_B: string =
  "begin(group.z, arguments.bOffset, arguments.bOuter, arguments.bInner)";
/** The offset of c for a workgroup's batch item. */
export const beginC = ({ addends }: KernelForm): string =>
  addends === 0
    ? "begin(group.z, arguments.cOffset, arguments.cOuter, arguments.cInner)"
    : "beginC(group.z)";

/** The numbers from 0 to `length` − 1. */
export function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

export function lines<T>(items: readonly T[], write: (item: T) => string): string {
  return items.map(write).join("\n");
}
