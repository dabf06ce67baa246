/** Views: the same elements with another shape. Nothing is copied, unless stated. @module */

import { type Gradient, named, recordOperation } from "../apply.ts";
import { RangeError, wrongValue } from "../errors.ts";
import {
  broadcastStrides,
  checkShape,
  formatShape,
  normalizeAxis,
  reshapeStrides,
  resolveShape,
} from "../layout.ts";
import { Tensor } from "../tensor.ts";
import { addInPlace, copy, copyInto, fill } from "./elementwise.ts";
import { sumToShape } from "./program.ts";

function view(
  name: string,
  x: Tensor,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  gradient: (upstream: Tensor, sum: Tensor | null) => Tensor,
): Tensor {
  x.checkOpen();
  const result = new Tensor(x.storage, x.dtype, shape, strides, offset);
  if (x.requiresGrad) {
    const apply: Gradient<null>["apply"] = (upstream, _saved, _none, _wanted, [sum]) => [
      gradient(upstream, sum!),
    ];
    recordOperation({ name, gradient: { apply } }, [x], [result], null);
  }
  return result;
}

export function contiguous(x: Tensor): Tensor {
  return x.isContiguous ? x : copy(x);
}

/**
 * The same elements in another shape; one length may be −1, which is inferred. Throws a
 * `RangeError` if their number differs.
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const resolved = resolveShape(shape, x.shape);
  const strides = reshapeStrides(x.shape, x.strides, resolved);
  if (strides === null) return reshape(copy(x), resolved);
  const before = x.shape;
  return view("reshape", x, resolved, strides, x.offset, (upstream) => reshape(upstream, before));
}

/**
 * Permutes the axes: axis i of the result is axis `order[i]`. Throws a `RangeError` unless each
 * axis occurs once.
 */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const axes = order.map((axis) => normalizeAxis(axis, x.shape, "permute"));
  if (axes.length !== x.shape.length || new Set(axes).size !== axes.length) {
    throw wrongValue(`permute ${formatShape(x.shape)}`, "each axis once", formatShape(order));
  }
  const inverse = axes.map((_, axis) => axes.indexOf(axis));
  return view(
    "permute",
    x,
    axes.map((axis) => x.shape[axis]!),
    axes.map((axis) => x.strides[axis]!),
    x.offset,
    (upstream) => permute(upstream, inverse),
  );
}

/** Swaps two axes. */
export function transpose(x: Tensor, first = -2, second = -1): Tensor {
  const order = x.shape.map((_, axis) => axis);
  const a = normalizeAxis(first, x.shape, "transpose");
  const b = normalizeAxis(second, x.shape, "transpose");
  [order[a], order[b]] = [b, a];
  return named("transpose", permute(x, order));
}

/**
 * The elements from `start` to `end` (exclusive) along an axis; negative limits count from the end.
 * Throws a `RangeError` if they are not within the axis, or `end` is before `start`.
 */
export function slice(x: Tensor, axis: number, start: number, end?: number): Tensor {
  const along = normalizeAxis(axis, x.shape, "slice");
  const length = x.shape[along]!;
  const from = start < 0 ? start + length : start;
  const to = end === undefined ? length : end < 0 ? end + length : end;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > length || from > to) {
    const what = `slice ${formatShape(x.shape)} along axis ${axis}`;
    throw wrongValue(what, `a range within 0 to ${length}`, `${start} to ${end ?? length}`);
  }
  const shape = x.shape.slice();
  shape[along] = to - from;
  const before = x.shape;
  const offset = x.offset + from * x.strides[along]!;
  return view("slice", x, shape, x.strides, offset, (upstream, sum) => {
    if (to - from === length) return upstream;
    if (sum !== null) {
      addInPlace(slice(sum, along, from, to), upstream);
      return sum;
    }
    const gradient = fill(upstream.device, before, 0, upstream.dtype);
    copyInto(upstream, slice(gradient, along, from, to));
    return gradient;
  });
}

/** Broadcasts to a shape without copying: repeats axes of length 1, and adds leading axes. */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  checkShape(shape, "expand");
  const strides = broadcastStrides(x.shape, x.strides, shape, "expand");
  const before = x.shape;
  return view(
    "expand",
    x,
    [...shape],
    strides,
    x.offset,
    (upstream) => sumToShape(upstream, before),
  );
}

/** Removes an axis of length 1, or all of them. */
export function squeeze(x: Tensor, axis?: number): Tensor {
  if (axis === undefined) {
    return named("squeeze", reshape(x, x.shape.filter((length) => length !== 1)));
  }
  const along = normalizeAxis(axis, x.shape, "squeeze");
  if (x.shape[along] !== 1) {
    throw new RangeError(
      `Cannot squeeze ${formatShape(x.shape)} along axis ${axis}: its length is ${x.shape[along]}`,
    );
  }
  return named("squeeze", reshape(x, x.shape.toSpliced(along, 1)));
}

/** Inserts an axis of length 1. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, [...x.shape, 1], "unsqueeze");
  return named("unsqueeze", reshape(x, x.shape.toSpliced(at, 0, 1)));
}
