/** Concatenating and splitting tensors. @module */

import { applyOne, named, type Operation } from "../apply.ts";
import { checkList } from "../checks.ts";
import { RangeError, TypeError, wrongValue } from "../errors.ts";
import { noGrad } from "../grad_mode.ts";
import { formatShape, isFloat, normalizeAxis, promote, type Specification } from "../layout.ts";
import { checkTensor, type Tensor } from "../tensor.ts";
import { copyInto } from "./elementwise.ts";
import { slice, unsqueeze } from "./views.ts";

const concatOperation: Operation<number> = {
  name: "concat",
  infer: (inputs, axis) => {
    const [first] = inputs;
    for (const each of inputs) checkJoinable(first!, each, axis);
    const length = inputs.reduce((sum, each) => sum + each.shape[axis]!, 0);
    const dtype = first!.dtype === "int32" ? "int32" : promote(inputs.map(({ dtype }) => dtype));
    return [{ shape: first!.shape.with(axis, length), dtype }];
  },
  run: (_device, inputs, [output], axis) =>
    noGrad(() => {
      const parts = split(output, inputs.map(({ shape }) => shape[axis]!), axis);
      parts.forEach((part, i) => copyInto(inputs[i]!, part));
    }),
  gradient: {
    apply: (upstream, saved, axis, wanted) => {
      const parts = split(upstream, saved.inputShapes.map((shape) => shape[axis]!), axis);
      return parts.map((part, i) => wanted[i] ? part : null);
    },
  },
};

function checkJoinable(first: Specification, other: Specification, axis: number): void {
  const same = first.shape.length === other.shape.length &&
    first.shape.every((length, a) => a === axis || length === other.shape[a]);
  if (!same) {
    const got = `${formatShape(first.shape)} and ${formatShape(other.shape)}`;
    throw wrongValue(`concat along axis ${axis}`, "shapes that differ only there", got);
  }
  if (isFloat(first.dtype) !== isFloat(other.dtype)) {
    throw new TypeError(`Cannot concat ${first.dtype} with ${other.dtype}`);
  }
}

/**
 * Concatenates tensors along an existing axis. Floats of different dtypes become `float32`.
 *
 * @throws {RangeError} If there are none, or their shapes differ along another axis.
 * @throws {TypeError} If some are of floats and others of integers.
 *
 * @example
 * ```ts
 * import { concat, openDevice, Tensor } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const joined = concat([Tensor.from(device, [1, 2]), Tensor.from(device, [3])]);
 * if ((await joined.data()).join() !== "1,2,3") throw new Error("expected 1, 2, 3");
 * await device.close();
 * ```
 */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  checkTensors("concat", tensors);
  return applyOne(concatOperation, tensors, normalizeAxis(axis, tensors[0]!.shape, "concat"));
}

function checkTensors(what: string, tensors: readonly Tensor[]): void {
  checkList(what, `a list of tensors, as in ${what}([a, b])`, tensors);
  if (tensors.length === 0) throw new RangeError(`Cannot ${what}: wanted at least one tensor`);
  for (const each of tensors) checkTensor(what, each, "tensors");
}

/** Stacks tensors of one shape along a new axis. @throws {RangeError} If their shapes differ. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  checkTensors("stack", tensors);
  return named("stack", concat(tensors.map((each) => unsqueeze(each, axis)), axis));
}

/**
 * Splits a tensor along an axis into views of the given lengths.
 *
 * @throws {RangeError} If one is negative, or they do not add up to that of the axis.
 */
export function split(x: Tensor, lengths: readonly number[], axis = 0): Tensor[] {
  checkTensor("split", x);
  checkList("split", "a list of lengths, as in split(x, [2, 1])", lengths);
  const along = normalizeAxis(axis, x.shape, "split");
  const total = lengths.reduce((sum, length) => sum + (length >= 0 ? length : NaN), 0);
  if (total !== x.shape[along]) {
    const what = `split ${formatShape(x.shape)} along axis ${axis}`;
    throw wrongValue(what, `lengths that add up to ${x.shape[along]}`, formatShape(lengths));
  }
  let start = 0;
  return lengths.map((length) => {
    const piece = named("split", slice(x, along, start, start + length));
    start += length;
    return piece;
  });
}
