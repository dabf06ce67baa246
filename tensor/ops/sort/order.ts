/** Sorting the elements along an axis. @module */

import { applyOne, named, type Operation } from "../../apply.ts";
import { checkOptions } from "../../checks.ts";
import { viewAs } from "../../device.ts";
import { isFloat, normalizeAxis, sizeOf } from "../../layout.ts";
import { rowsInRanges } from "../../kernel/run.ts";
import { noGrad } from "../../grad_mode.ts";
import type { Int, KernelBuilder } from "../../kernel/language.ts";
import { checkTensor, type Tensor } from "../../tensor.ts";
import { copyView } from "../elementwise.ts";
import { gather } from "../gather/gather.ts";
import { descendingKey, sortDescending } from "../sampling/top_k.ts";
import { contiguous, transpose } from "../views.ts";
import { defineSort, type Sort } from "./sort.ts";

/** Options for {@linkcode sort} and {@linkcode argsort}. */
export interface SortOptions {
  /** Whether the largest element goes first. @default {false} */
  readonly descending?: boolean;
}

/** The result of {@linkcode sort}. */
export interface Sorted {
  /** The elements in order; carries the gradient. */
  readonly values: Tensor;
  /** `int32`: the index that each had along the axis. */
  readonly indices: Tensor;
}

/** Keys are compared as unsigned numbers: from the smallest to the largest integer from 0 on. */
const keyOfInteger = (_: KernelBuilder, element: Int) => element.subtract(-(2 ** 31));
/** The same in reverse order. */
const reversed = (keyOf: typeof descendingKey) => (k: KernelBuilder, element: Int) =>
  k.int(-1).subtract(keyOf(k, element));

const sorts: Readonly<Record<"float32" | "int32", Readonly<Record<"up" | "down", Sort>>>> = {
  float32: {
    up: defineSort("floats, ascending", reversed(descendingKey)),
    down: sortDescending,
  },
  int32: {
    up: defineSort("integers, ascending", keyOfInteger),
    down: defineSort("integers, descending", reversed(keyOfInteger)),
  },
};

/** Indices in the order of the elements along the last axis. */
const argsortOperation: Operation<"up" | "down", readonly [x: Tensor]> = {
  name: "argsort",
  infer: ([{ shape }]) => [{ shape, dtype: "int32" }],
  run: (device, [x], [indices], direction) => {
    const sort = sorts[x.dtype === "int32" ? "int32" : "float32"][direction];
    if (x.size === 0) return;
    const rows = sizeOf(x.shape.slice(0, -1));
    for (const [part, into] of rowsInRanges(device, [x, indices], rows, "sort")) {
      const length = part!.shape[1]!;
      const sorted = sort(device, part!, length);
      copyView(device, viewAs(sorted, into!.shape, [length, 1]), into!);
      device.free(sorted.allocation);
    }
  },
  gradient: "indices have none",
};

/**
 * The indices that sort the elements along an axis: `int32`, of the shape of `x`. See
 * {@linkcode sort}.
 */
export function argsort(x: Tensor, axis = -1, options: SortOptions = {}): Tensor {
  const what = "compute argsort";
  checkTensor(what, x);
  checkOptions(what, options, { descending: true });
  const along = normalizeAxis(axis, x.shape, what);
  const rows = contiguous(transpose(isFloat(x.dtype) ? x.to("float32") : x, along, -1));
  const direction = options.descending ? "down" : "up";
  const indices = noGrad(() => applyOne(argsortOperation, [rows], direction));
  return named("argsort", transpose(indices, along, -1));
}

/**
 * Sorts the elements along an axis, in ascending order by default. Equal elements keep their order;
 * NaN is larger than everything, as in PyTorch.
 *
 * @param x Of any dtype.
 * @throws {RangeError} If there is no such axis, or on WebGPU a row exceeds one binding.
 *
 * @example
 * ```ts
 * import { openDevice, sort, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const { values, indices } = sort(Tensor.from(device, [3, 1, 2]));
 * if ((await values.data()).join() !== "1,2,3") throw new Error("expected 1, 2, 3");
 * if ((await indices.data()).join() !== "1,2,0") throw new Error("expected 1, 2, 0");
 * await device.close();
 * ```
 */
export function sort(x: Tensor, axis = -1, options: SortOptions = {}): Sorted {
  const indices = argsort(x, axis, options);
  return { values: named("sort", gather(x, axis, indices)), indices };
}
