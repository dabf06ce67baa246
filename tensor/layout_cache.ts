/** Remembering what was worked out for tensors that lie like these. @module */

import type { DType } from "./dtype.ts";

/** How the elements of a tensor lie, wherever they are. */
export interface TensorLayout {
  /** The type of the elements. */
  readonly dtype: DType;
  /** The length of each axis. */
  readonly shape: readonly number[];
  /** Distance between neighbours along each axis, in elements. */
  readonly strides: readonly number[];
}

/** When there are more entries than this, all are forgotten: shapes that grow never come again. */
const MOST_ENTRIES = 256;

/**
 * What follows from the types, shapes and strides of operands alone: checks, results' shapes, kernels.
 *
 * A model meets the same few layouts again and again, and to look one up takes a tenth of the time of
 * working it out. Addresses and numbers are no part of a layout, so nothing that changes between
 * calls can be remembered by mistake.
 *
 * @example
 * ```ts
 * import { LayoutCache } from "./layout_cache.ts";
 *
 * const sizes = new LayoutCache<number>();
 * const row = { dtype: "float32", shape: [3], strides: [1] } as const;
 * const size = sizes.get([row], 0, () => 3);
 * if (sizes.get([{ ...row }], 0, () => NaN) !== size) throw new Error("expected what was kept");
 * ```
 */
export class LayoutCache<T> {
  readonly #entries = new Map<number, Entry<T>>();

  /**
   * What was made for these operands, made now if need be.
   *
   * @param operands Tensors or views; nothing of them is kept but their layouts.
   * @param variant Whatever else the result depends on, as a number.
   * @param make Works the result out. What it throws is thrown, and nothing is kept.
   */
  get(operands: readonly TensorLayout[], variant: number, make: () => T): T {
    let hash = variant;
    for (let i = 0; i < operands.length; i++) {
      const { dtype, shape, strides } = operands[i]!;
      hash = Math.imul(hash, 31) + 2 * shape.length + Number(dtype === "float16");
      for (let axis = 0; axis < shape.length; axis++) {
        hash = Math.imul(Math.imul(hash, 31) + shape[axis]!, 31) + strides[axis]! | 0;
      }
    }
    const entry = this.#entries.get(hash);
    if (entry !== undefined && entry.variant === variant && sameLayouts(entry.layouts, operands)) {
      return entry.value;
    }
    const value = make();
    if (this.#entries.size >= MOST_ENTRIES) this.#entries.clear();
    const layouts = operands.map(({ dtype, shape, strides }) => ({ dtype, shape, strides }));
    this.#entries.set(hash, { variant, layouts, value });
    return value;
  }
}

interface Entry<T> {
  readonly variant: number;
  readonly layouts: readonly TensorLayout[];
  readonly value: T;
}

function sameLayouts(a: readonly TensorLayout[], b: readonly TensorLayout[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [one, other] = [a[i]!, b[i]!];
    if (one.dtype !== other.dtype) return false;
    if (!sameNumbers(one.shape, other.shape) || !sameNumbers(one.strides, other.strides)) {
      return false;
    }
  }
  return true;
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
