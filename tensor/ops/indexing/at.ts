/** Indexing by several axes at once. @module */

import { named, recordOperation } from "../../apply.ts";
import { describeValue } from "../../checks.ts";
import { RangeError, wrongType, wrongValue } from "../../errors.ts";
import { broadcastShapes, formatShape, sizeOf } from "../../layout.ts";
import { Tensor } from "../../tensor.ts";
import { add, copyInto, fill, multiply } from "../elementwise.ts";
import { checkIds } from "../gather/gather.ts";
import { expand, reshape, slice, squeeze, unsqueeze } from "../views.ts";
import { indexSelect } from "./select.ts";

/**
 * An index for one axis in `at`:
 *
 * - a number selects an index and drops the axis; a negative one counts from the end,
 * - `[start?, end?, step?]` keeps the indices from `start` to `end` (exclusive); `[]` keeps all,
 * - `null` adds an axis of length 1,
 * - an `int32` tensor selects indices; its axes replace the axis.
 */
export type Index =
  | number
  | null
  | readonly [start?: number, end?: number, step?: number]
  | Tensor;

const what = "index a tensor";

/** Every `step`-th index along an axis, as a view. */
function every(x: Tensor, axis: number, step: number): Tensor {
  const shape = x.shape.with(axis, Math.ceil(x.shape[axis]! / step));
  const strides = x.strides.with(axis, x.strides[axis]! * step);
  const result = new Tensor(x.storage, x.dtype, shape, strides, x.offset);
  const apply = (upstream: Tensor) => {
    const gradient = fill(upstream.device, x.shape, 0, upstream.dtype);
    copyInto(upstream, every(gradient, axis, step));
    return [gradient];
  };
  recordOperation({ name: "at", gradient: { apply } }, [x], [result], null);
  return result;
}

function atNumber(x: Tensor, axis: number, index: number): Tensor {
  const length = x.shape[axis]!;
  if (!Number.isInteger(index) || index < -length || index >= length) {
    const wanted = `an index from ${-length} to ${length - 1} for axis ${axis} of`;
    throw wrongValue(what, `${wanted} ${formatShape(x.shape)}`, index);
  }
  const from = index < 0 ? index + length : index;
  return squeeze(slice(x, axis, from, from + 1), axis);
}

function atRange(x: Tensor, axis: number, range: readonly unknown[]): Tensor {
  const [start = 0, end = x.shape[axis]!, step = 1] = range as readonly (number | undefined)[];
  const areNumbers = range.every((each) => each === undefined || typeof each === "number");
  if (!areNumbers || range.length > 3) {
    const got = `[${range.map(describeValue).join(", ")}]`;
    throw wrongType(what, "a range [start, end, step]; of several indices make a tensor", got);
  }
  if (!Number.isInteger(step) || step < 1) {
    throw wrongValue(what, "a step of 1 or more in [start, end, step]", step);
  }
  // All of an axis is no view of its own, whose gradient would be as large as the tensor.
  const part = start === 0 && end === x.shape[axis] ? x : slice(x, axis, start, end);
  return step === 1 ? part : every(part, axis, step);
}

/** Selects by one tensor, or by several for neighboring axes, which are broadcast. */
function atTensors(x: Tensor, selections: readonly (readonly [number, Tensor])[]): Tensor {
  const [axis] = selections[0]!;
  if (selections.some(([each], i) => each !== axis + i)) {
    throw new RangeError(
      `Cannot ${what}: wanted tensors for neighboring axes, got them for axes ` +
        selections.map(([each]) => each).join(" and "),
    );
  }
  const lengths = selections.map(([each]) => x.shape[each]!);
  selections.forEach(([, ids], i) => checkIds(what, "position", ids, 0, lengths[i]!));
  const shape = broadcastShapes(selections.map(([, { shape }]) => shape), what);
  let [, ids] = selections[0]!;
  for (const [i, [, other]] of selections.entries()) {
    if (i > 0) ids = add(multiply(ids, lengths[i]!), other);
  }
  const merged = x.shape.toSpliced(axis, lengths.length, sizeOf(lengths));
  return indexSelect(reshape(x, merged), axis, expand(ids, shape));
}

/**
 * Indexes a tensor, an argument for each axis from the first one on: see {@linkcode Index}. Numbers,
 * ranges and `null` give a view; tensors a copy.
 *
 * @throws {RangeError} If an index is out of range, or there are more than axes.
 * @throws {TypeError} If an argument is something else, or a tensor of indices is not `int32`.
 */
export function at(x: Tensor, indices: readonly Index[]): Tensor {
  x.checkOpen();
  const count = indices.filter((index) => index !== null).length;
  if (count > x.shape.length) {
    throw wrongValue(what, `at most ${x.shape.length} indices for ${formatShape(x.shape)}`, count);
  }
  const selections: [number, Tensor][] = [];
  let [result, axis] = [x, 0];
  for (const index of indices) {
    if (typeof index === "number") result = atNumber(result, axis, index);
    else if (index === null) result = unsqueeze(result, axis++);
    else if (index instanceof Tensor) selections.push([axis++, index]);
    else if (Array.isArray(index)) result = atRange(result, axis++, index);
    else throw wrongType(what, "numbers, ranges, null or tensors", describeValue(index));
  }
  if (selections.length > 0) result = atTensors(result, selections);
  // Without an index it is the tensor itself, whose name is another.
  return result === x ? x : named("at", result);
}
