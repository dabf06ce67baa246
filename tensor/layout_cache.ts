import type { DType } from "./dtype.ts";
import { shapesEqual } from "./shape.ts";

export interface TensorLayout {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** The cache is cleared when it exceeds this size: shapes that keep growing never recur. */
const MAX_ENTRIES = 256;

/**
 * Caches whatever follows from the dtypes, shapes and strides of operands alone: validation, result
 * shapes, kernels. A model repeats a few layouts, and a lookup takes a tenth of the computation.
 * Addresses and values are not part of a layout, so nothing that changes between calls can be
 * cached by mistake.
 */
export class LayoutCache<T> {
  readonly #entries = new Map<number, Entry<T>>();

  /** The result for these operands and `variant`, whatever else it depends on. */
  get(operands: readonly TensorLayout[], variant: number): T | undefined {
    const entry = this.#entries.get(hashOf(operands, variant));
    const isFound = entry?.variant === variant && sameLayouts(entry.layouts, operands);
    return isFound ? entry.value : undefined;
  }

  /** Stores a result, and returns it: `cache.get(…) ?? cache.set(…)` needs no closure. */
  set(operands: readonly TensorLayout[], variant: number, value: T): T {
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
    const layouts = operands.map(({ dtype, shape, strides }) => ({ dtype, shape, strides }));
    this.#entries.set(hashOf(operands, variant), { variant, layouts, value });
    return value;
  }
}

interface Entry<T> {
  readonly variant: number;
  readonly layouts: readonly TensorLayout[];
  readonly value: T;
}

function hashOf(operands: readonly TensorLayout[], variant: number): number {
  let hash = variant;
  for (let i = 0; i < operands.length; i++) {
    const { dtype, shape, strides } = operands[i]!;
    hash = Math.imul(hash, 31) + 4 * shape.length + Number(dtype === "float16") +
      2 * Number(dtype === "bfloat16");
    for (let axis = 0; axis < shape.length; axis++) {
      hash = Math.imul(Math.imul(hash, 31) + shape[axis]!, 31) + strides[axis]! | 0;
    }
  }
  return hash;
}

function sameLayouts(a: readonly TensorLayout[], b: readonly TensorLayout[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const one = a[i]!;
    const other = b[i]!;
    if (one.dtype !== other.dtype) return false;
    if (!shapesEqual(one.shape, other.shape)) return false;
    if (!shapesEqual(one.strides, other.strides)) return false;
  }
  return true;
}
