/**
 * GEMM descriptor: M, N, K, batch sizes, and the offset and strides of each operand. Views of any
 * rank become one matmul over at most two batch axes, with as many axes as possible folded into the
 * rows.
 *
 * @module
 */

import type { MatmulPrecision, TypedPointer, View } from "../../device.ts";
import { wrongState } from "../../errors.ts";
import { bytesPerElement, formatShape } from "../../layout.ts";
import type { Work } from "../../profile.ts";

/** How to multiply matrices; nothing of it by default. */
export interface MatmulForm {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Whether to add to the result instead of overwriting it. */
  readonly accumulate?: boolean;
  /**
   * The caller's promise that the result is symmetric, like X·Xᵀ (and was before, when
   * accumulating), so that half of the work is enough.
   */
  readonly symmetric?: boolean;
  /** The precision of the operands. @default {the device's} */
  readonly precision?: MatmulPrecision | undefined;
  /**
   * Whether elements 0 of the first operand add nothing, even where the second is NaN or infinite,
   * as if such terms were left out. Only the plain kernel can do so.
   */
  readonly skipZeros?: boolean;
  /** For profiles: another name, and the share of the multiplications that count. */
  readonly counted?: { readonly name: string; readonly share: number } | undefined;
}

/** A batch of matrices in memory. Strides are in elements. */
export interface Matrix extends TypedPointer {
  /** Strides along the rows and the columns, after transposition. */
  readonly row: number;
  readonly column: number;
  /** Strides along the outer and the inner batch axis; 0 if broadcast. */
  readonly outer: number;
  readonly inner: number;
}

/** The strides of a matrix as arguments of a kernel, in the order of {@linkcode strideNames}. */
export function stridesOf({ row, column, outer, inner }: Matrix): readonly number[] {
  return [row, column, outer, inner];
}

const STRIDES = ["Row", "Column", "Outer", "Inner"] as const;
export type StrideName<Matrix extends string> = `${Matrix}${typeof STRIDES[number]}`;
/** The names of these arguments, for matrices of these names. */
export function strideNames<Name extends string>(matrices: readonly Name[]): StrideName<Name>[] {
  return matrices.flatMap((name) => STRIDES.map((stride): StrideName<Name> => `${name}${stride}`));
}

/** `c = a · b` with a of shape [m, k] and b of shape [k, n], for `outer · inner` batch items. */
export interface MatmulProblem
  extends Required<Pick<MatmulForm, "accumulate" | "symmetric" | "skipZeros">> {
  readonly precision: MatmulForm["precision"];
  readonly counted: MatmulForm["counted"];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly outer: number;
  readonly inner: number;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
}

/** A batch axis: its size, and the strides of a, b and c. */
interface BatchAxis {
  readonly length: number;
  readonly strides: readonly number[];
}

const SINGLE: BatchAxis = { length: 1, strides: [0, 0, 0] };

/**
 * Describes `c = op(a) · op(b)` as matmuls with at most two batch axes; usually a single one, none
 * if the result is empty. Batch axes broadcast to those of c.
 * The operands' shapes and dtypes match, which `matmul` checks where it infers the shape of c.
 *
 * @throws {Error} If kernels do not support the strides.
 *
 * @example Batch items that share b are more rows of one matmul
 * ```ts
 * import { describeMatmuls } from "./problem.ts";
 *
 * const view = (shape: number[], strides: number[]) => ({
 *   allocation: { bytes: 0 }, dtype: "float32" as const, shape, strides, offset: 0,
 * });
 * const [problem] = describeMatmuls(
 *   view([4, 8, 16], [128, 16, 1]),
 *   view([4, 32, 16], [0, 16, 1]),
 *   view([4, 8, 32], [256, 32, 1]),
 *   { transposeB: true },
 * );
 * if (problem!.m !== 32 || problem!.inner !== 1) throw new Error("expected one problem of 32 rows");
 * ```
 */
export function describeMatmuls(
  a: View,
  b: View,
  c: View,
  form: MatmulForm,
): readonly MatmulProblem[] {
  const rank = c.shape.length;
  const m = c.shape[rank - 2]!;
  const n = c.shape[rank - 1]!;
  const { transposeA = false, transposeB = false, accumulate = false } = form;
  const k = a.shape.at(transposeA ? -2 : -1)!;
  checkStrides("the first operand", a);
  checkStrides("the second operand", b);
  if (n > 1 && c.strides[rank - 1] !== 1) {
    const got = `strides ${formatShape(c.strides)}`;
    throw wrongState("multiply matrices", "a result whose last axis has stride 1", got);
  }
  const axes = batchAxes([a, b, c], c.shape);
  if (m === 0 || n === 0 || axes.some((axis) => axis.length === 0)) return [];

  const [aRow, aColumn] = lastStrides(a, transposeA);
  const [bRow, bColumn] = lastStrides(b, transposeB);
  const [cRow] = lastStrides(c, false);
  // Batch items that share b, and follow each other, are more rows.
  const [aStride, bStride, cStride] = axes.at(-1)?.strides ?? [];
  const areRows = bStride === 0 && aStride === m * aRow && cStride === m * cRow;
  const rows = areRows ? m * axes.pop()!.length : m;
  const inner = axes.pop() ?? SINGLE;
  const outer = axes.pop() ?? SINGLE;
  const place = (view: View, row: number, column: number, operand: number, begin: number) => ({
    allocation: view.allocation,
    dtype: view.dtype,
    offset: view.offset + begin,
    row,
    column,
    outer: outer.strides[operand]!,
    inner: inner.strides[operand]!,
  });
  return offsets(axes).map(([inA, inB, inC]) => ({
    m: rows,
    n,
    k,
    outer: outer.length,
    inner: inner.length,
    a: place(a, aRow, aColumn, 0, inA),
    b: place(b, bRow, bColumn, 1, inB),
    c: place(c, cRow, 1, 2, inC),
    accumulate,
    symmetric: rows === n && (form.symmetric ?? false),
    precision: form.precision,
    skipZeros: form.skipZeros ?? false,
    counted: form.counted,
  }));
}

/** The transposed matmul: `cᵀ = bᵀ · aᵀ`. */
export function transposeMatmul(problem: MatmulProblem): MatmulProblem {
  const transpose = (matrix: Matrix) => ({ ...matrix, row: matrix.column, column: matrix.row });
  return {
    ...problem,
    m: problem.n,
    n: problem.m,
    a: transpose(problem.b),
    b: transpose(problem.a),
    c: transpose(problem.c),
  };
}

/** Whether kernels support the strides of the last two axes: one is 1, and nothing overlaps. */
export function hasUnitStride(view: View): boolean {
  const rank = view.shape.length;
  const [rows, columns] = [view.shape[rank - 2]!, view.shape[rank - 1]!];
  const [row, column] = lastStrides(view, false);
  const rowMajor = column === 1 && row >= columns;
  const columnMajor = row === 1 && column >= rows;
  return rows === 0 || columns === 0 || rowMajor || columnMajor;
}

function checkStrides(name: string, view: View): void {
  if (hasUnitStride(view)) return;
  const wanted = `${name} with stride 1 along one of its last two axes and no overlap`;
  const got = `shape ${formatShape(view.shape)} with strides ${formatShape(view.strides)}`;
  throw wrongState("multiply matrices", wanted, got);
}

/**
 * The strides of the last two axes. The stride of an axis of length 1 is arbitrary: return the one
 * that later code expects.
 */
function lastStrides(view: View, swapped: boolean): [row: number, column: number] {
  const rank = view.shape.length;
  const [rows, columns] = [view.shape[rank - 2]!, view.shape[rank - 1]!];
  let row = view.strides[rank - 2]!;
  let column = view.strides[rank - 1]!;
  if (columns === 1 && !(row === 1 && column >= rows)) column = 1;
  if (rows === 1 && !(column === 1 && row >= columns)) {
    row = column === 1 ? Math.max(1, columns) : 1;
  }
  return swapped ? [column, row] : [row, column];
}

/** The batch axes, outermost first, without those of length 1, merged if possible. */
function batchAxes(operands: readonly View[], shape: readonly number[]): BatchAxis[] {
  const axes: BatchAxis[] = [];
  for (let axis = 0; axis < shape.length - 2; axis++) {
    const length = shape[axis]!;
    if (length === 1) continue;
    const strides = operands.map((each) => {
      const own = axis + each.shape.length - shape.length;
      // An index below 0 would be looked up as a name.
      return own >= 0 && each.shape[own] === length ? each.strides[own]! : 0;
    });
    const previous = axes.at(-1);
    if (previous?.strides.every((stride, operand) => stride === length * strides[operand]!)) {
      axes[axes.length - 1] = { length: previous.length * length, strides };
    } else {
      axes.push({ length, strides });
    }
  }
  return axes;
}

/** Offsets of the batch items along these axes in a, b and c. */
function offsets(axes: readonly BatchAxis[]): (readonly [a: number, b: number, c: number])[] {
  let all: (readonly [number, number, number])[] = [[0, 0, 0]];
  for (const { length, strides: [ofA = 0, ofB = 0, ofC = 0] } of axes) {
    all = all.flatMap(([a, b, c]) =>
      Array.from({ length }, (_, i) => [a + i * ofA, b + i * ofB, c + i * ofC] as const)
    );
  }
  return all;
}

/**
 * The work of a matmul, for profiles.
 *
 * @param half Whether only half of a symmetric result is computed.
 */
export function matmulWork(
  { m, n, k, a, b, c, outer, inner, accumulate, counted }: MatmulProblem,
  half = false,
): Work {
  const items = outer * inner;
  const copies = (matrix: Matrix) => matrix.outer === 0 && matrix.inner === 0 ? 1 : items;
  const results = items * (half ? n * (n + 1) / 2 : m * n);
  const bytes = bytesPerElement(a.dtype) * copies(a) * m * k +
    bytesPerElement(b.dtype) * copies(b) * k * n +
    bytesPerElement(c.dtype) * (accumulate ? 2 : 1) * results;
  return {
    name: counted?.name ?? `matmul ${m}×${k}×${n}`,
    flops: Math.round(2 * k * results * (counted?.share ?? 1)),
    bytes,
  };
}
