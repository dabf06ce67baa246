/**
 * Shared by all matmul kernels in WGSL: arguments, the place of a workgroup's tile, storing elements.
 *
 * All of them take the same arguments, so any of them can compute any matmul that it supports, and
 * the adapter determines which is fastest.
 *
 * @module
 */

import type { WgslBuffer, WgslKernel } from "../../device.ts";
import { kernelOf } from "../../devices/webgpu/kernel_cache.ts";
import { beginMain } from "../../devices/webgpu/workgroup_grid.ts";
import type { Element } from "../../ops/matmul/plain.ts";
import type { MatmulActivation, MatmulProblem, Matrix } from "../../ops/matmul/problem.ts";

/** The position of a matrix as kernel arguments, in elements. */
const place = (name: string): readonly string[] =>
  ["Offset", "Row", "Column", "Outer", "Inner"].map((distance) => name + distance);

/** The arguments of a matmul kernel: the positions of the operands, the sizes, and flags. */
const matmulArguments = (form: KernelForm): readonly string[] => [
  ...matrixNames(form).flatMap(place),
  ...["m", "n", "k", "inner", "items", "accumulate"],
];

/** The values of {@linkcode matmulArguments}, in that order. */
export function integersOf(problem: MatmulProblem): number[] {
  const { m, n, k, outer, inner, accumulate } = problem;
  const places = matricesOf(problem).flatMap((
    { offset, row, column, outer, inner },
  ) => [offset, row, column, outer, inner]);
  return [...places, m, n, k, inner, outer * inner, Number(accumulate)];
}

/** The operands, in the order of {@linkcode matrixBuffers}. */
export function matricesOf({ a, b, c, addends }: MatmulProblem): readonly Matrix[] {
  return [a, b, c, ...addends];
}

/** A kernel, and the part of the result that a workgroup computes. */
export interface MatmulKernel {
  /** Takes {@linkcode matmulArguments} and {@linkcode matrixBuffers}. */
  readonly kernel: WgslKernel;
  readonly rows: number;
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

function matrixNames(form: KernelForm): string[] {
  return ["a", "b", "c", ...addendNames(form)];
}

/** The buffers of a matmul kernel. */
function matrixBuffers(form: KernelForm): readonly WgslBuffer[] {
  return matrixNames(form).map((name) => ({
    name,
    type: name === "a" || name === "b" ? form.operands : form.result,
    writes: name === "c",
  }));
}

/**
 * The kernel for a form, made when it is first used.
 *
 * @param name Names the algorithm and all that its code depends on besides the form.
 * @param tile Rows and columns of the result per workgroup.
 * @param threads Threads per workgroup.
 * @param shared The workgroup's memory.
 * @param body The rest of `main`: computes the tile from `firstRow` and `firstColumn` on in the
 * workgroup's `thread`. The matrices of its batch item start at `aBegin` and so on.
 */
export function matmulKernel(
  name: string,
  form: KernelForm,
  [rows, columns]: readonly [rows: number, columns: number],
  threads: number,
  shared: string,
  body: () => string,
): MatmulKernel {
  const { operands, result, isSymmetric, addends, activation } = form;
  const types = operands === "f32" && result === "f32" ? "" : `, ${operands} to ${result}`;
  const added = addends === 0 ? "" : `, ${addends} added`;
  const activated = activation === "none" ? "" : `, ${activation}`;
  const begin = (matrix: string) =>
    `${matrix}Begin = arguments.${matrix}Offset + ` +
    `item / arguments.inner * arguments.${matrix}Outer + ` +
    `item % arguments.inner * arguments.${matrix}Inner;`;
  const key = `matmul ${name}${types}${isSymmetric ? ", symmetric" : ""}${added}${activated}`;
  const kernel = kernelOf(key, () => ({
    code: () => `
${lines(matrixNames(form), (matrix) => `var<private> ${matrix}Begin: i32;`)}
${storeWgsl(form)}
${shared}
${beginMain(threads, "group", "index")}
  let number = i32(group);
  let thread = i32(index);
  let across = (arguments.n + ${columns - 1}) / ${columns};
  let down = (arguments.m + ${rows - 1}) / ${rows};
  let firstRow = number / across % down * ${rows};
  let firstColumn = number % across * ${columns};
  let item = number / across / down;
  if (item >= arguments.items) { return; }
  ${isSymmetric ? `if (firstColumn + ${columns} <= firstRow) { return; }` : ""}
  ${lines(matrixNames(form), begin)}
${body()}
}
`,
    integers: matmulArguments(form),
    buffers: matrixBuffers(form),
  }));
  return { kernel, rows, columns };
}

/** The activations of `sum`; testing for "not positive" keeps NaN. */
const ACTIVATION_FORMULAS: Readonly<Record<MatmulActivation, string>> = {
  none: "sum",
  relu: "select(sum, 0.0, sum <= 0.0)",
  reluSquared: "select(sum * sum, 0.0, sum <= 0.0)",
};

/**
 * Functions that store elements of the result.
 *
 * Tiles call `storeVector` in a loop instead of once per vector: compilers inline it, and took
 * seconds for some kernels.
 */
const storeWgsl = (form: KernelForm): string => `
fn put(row: i32, column: i32, value: f32) {
  let at = cBegin + row * arguments.cRow + column * arguments.cColumn;
  var sum = value;
  if (arguments.accumulate != 0) {
    sum += f32(c[at]);
  }
  ${
  lines(addendNames(form), (name) =>
    `sum += f32(${name}[${name}Begin + row * arguments.${name}Row + ` +
    `column * arguments.${name}Column]);`)
}
  c[at] = ${form.result}(${ACTIVATION_FORMULAS[form.activation]});
}

fn store(row: i32, column: i32, value: f32) {
  if (row >= arguments.m || column >= arguments.n${form.isSymmetric ? " || column < row" : ""}) {
    return;
  }
  put(row, column, value);
  ${form.isSymmetric ? "if (column > row) { put(column, row, value); }" : ""}
}

fn storeVector(row: i32, column: i32, value: vec4<f32>) {
  store(row, column, value.x);
  store(row, column + 1, value.y);
  store(row, column + 2, value.z);
  store(row, column + 3, value.w);
}
`;

/** The numbers from 0 to `length` − 1. */
export function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

export function lines<T>(items: readonly T[], write: (item: T) => string): string {
  return items.map(write).join("\n");
}
