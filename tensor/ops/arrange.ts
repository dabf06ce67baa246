/** Operations that move elements: padding, repeating, reversing, and parts of matrices. @module */

import { applyOne, named, type Operation } from "../apply.ts";
import { checkIsNumber, checkList } from "../checks.ts";
import { wrongValue } from "../errors.ts";
import { noGrad } from "../grad_mode.ts";
import { formatShape, normalizeAxes, normalizeAxis } from "../layout.ts";
import { checkTensor, Tensor } from "../tensor.ts";
import { copyInto, fillView, greaterEqual, lessEqual, where } from "./elementwise.ts";
import { indexSelect } from "./indexing/select.ts";
import { concat } from "./join.ts";
import { expand, reshape, slice, squeeze, unsqueeze } from "./views.ts";

/** The parts of a tensor along an axis, without that axis: views. */
export function unbind(x: Tensor, axis = 0): Tensor[] {
  checkTensor("unbind", x);
  const along = normalizeAxis(axis, x.shape, "unbind");
  return Array.from(
    { length: x.shape[along]! },
    (_, i) => named("unbind", squeeze(slice(x, along, i, i + 1), along)),
  );
}

/** The elements in reverse order along one or more axes. */
export function flip(x: Tensor, axes: number | readonly number[]): Tensor {
  checkTensor("flip", x);
  checkList("flip", "an axis or a list of axes, as in flip(x, [0])", [axes].flat());
  return normalizeAxes(axes, x.shape, "flip").reduce((result, axis) => {
    const backward = Tensor.arange(x.device, x.shape[axis]! - 1, -1, -1);
    return named("flip", indexSelect(result, axis, backward));
  }, x);
}

interface Padding {
  /** How many elements go before, for each axis. */
  readonly before: readonly number[];
  /** The padded shape. */
  readonly shape: readonly number[];
  readonly value: number;
}

/** The part of a padded tensor that is not padding. */
function interior(whole: Tensor, { before }: Padding, shape: readonly number[]): Tensor {
  return shape.reduce(
    (part, length, axis) => slice(part, axis, before[axis]!, before[axis]! + length),
    whole,
  );
}

const padOperation: Operation<Padding, readonly [x: Tensor]> = {
  name: "pad",
  infer: ([{ dtype }], { shape }) => [{ shape, dtype }],
  run: (device, [x], [output], padding) =>
    noGrad(() => {
      using _temporaries = device.scopes.openSync();
      fillView(device, output, padding.value);
      copyInto(x, interior(output, padding, x.shape));
    }),
  gradient: {
    apply: (upstream, saved, padding) => [interior(upstream, padding, saved.inputShapes[0]!)],
  },
};

/**
 * Pads with a value, as `torch.nn.functional.pad`.
 *
 * @param lengths Elements before and after the last axis, then before and after the one before it, and
 * so on: `[left, right, top, bottom]`.
 * @param value What to pad with. @default {0}
 * @throws {RangeError} If the lengths are not pairs of whole numbers for at most all axes.
 *
 * @example
 * ```ts
 * import { openDevice, pad, Tensor } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = pad(Tensor.from(device, [[1, 2]]), [1, 0, 0, 1]);
 * if ((await y.data()).join() !== "0,1,2,0,0,0") throw new Error("expected 0, 1, 2 over zeros");
 * await device.close();
 * ```
 */
export function pad(x: Tensor, lengths: readonly number[], value = 0): Tensor {
  checkTensor("pad", x);
  checkList("pad", "a list of lengths, as in pad(x, [1, 1])", lengths);
  checkIsNumber("pad", "a number as the value", value);
  const isRight = lengths.length % 2 === 0 && lengths.length <= 2 * x.shape.length &&
    lengths.every((length) => Number.isSafeInteger(length) && length >= 0);
  if (!isRight) {
    const wanted = `two whole numbers for each of at most ${x.shape.length} axes, in one list`;
    throw wrongValue(`pad ${formatShape(x.shape)}`, wanted, formatShape(lengths));
  }
  const rank = x.shape.length;
  const of = (axis: number, side: 0 | 1) => lengths[2 * (rank - 1 - axis) + side] ?? 0;
  const before = x.shape.map((_, axis) => of(axis, 0));
  const shape = x.shape.map((length, axis) => before[axis]! + length + of(axis, 1));
  return applyOne(padOperation, [x], { before, shape, value });
}

/**
 * Repeats the whole tensor along each axis, as `torch.Tensor.repeat` and `numpy.tile`; with more
 * counts than axes, new ones come first.
 *
 * @throws {RangeError} If there are fewer counts than axes, or one is not a whole number.
 */
export function repeat(x: Tensor, counts: readonly number[]): Tensor {
  checkTensor("repeat", x);
  checkList("repeat", "a list of counts, as in repeat(x, [2, 1])", counts);
  const isRight = counts.length >= x.shape.length &&
    counts.every((count) => Number.isSafeInteger(count) && count >= 0);
  if (!isRight) {
    const wanted = `a whole number for each of ${x.shape.length} axes or more`;
    throw wrongValue(`repeat ${formatShape(x.shape)}`, wanted, formatShape(counts));
  }
  const shape = [...counts.slice(x.shape.length).fill(1), ...x.shape];
  const apart = reshape(x, shape.flatMap((length) => [1, length]));
  const wide = expand(apart, shape.flatMap((length, axis) => [counts[axis]!, length]));
  return named("repeat", reshape(wide, shape.map((length, axis) => counts[axis]! * length)));
}

/** Moves the elements along an axis by `shift` places; those beyond the end come first. */
export function roll(x: Tensor, shift: number, axis: number): Tensor {
  checkTensor("roll", x);
  const along = normalizeAxis(axis, x.shape, "roll");
  if (!Number.isSafeInteger(shift)) throw wrongValue("roll", "a whole number of places", shift);
  const length = x.shape[along]!;
  const start = length === 0 ? 0 : ((-shift % length) + length) % length;
  if (start === 0) return named("roll", slice(x, along, 0));
  return named("roll", concat([slice(x, along, start), slice(x, along, 0, start)], along));
}

/** Keeps elements of matrices where the column compares so with the row plus `diagonal`. */
function triangle(
  name: string,
  x: Tensor,
  diagonal: number,
  compare: (row: Tensor, column: Tensor) => Tensor,
): Tensor {
  checkTensor(name, x);
  if (x.shape.length < 2) throw wrongValue(name, "at least 2 axes", formatShape(x.shape));
  if (!Number.isSafeInteger(diagonal)) throw wrongValue(name, "a whole diagonal", diagonal);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const row = unsqueeze(Tensor.arange(x.device, diagonal, rows + diagonal), 1);
  const isKept = noGrad(() => compare(row, Tensor.arange(x.device, 0, columns)));
  return named(name, where(isKept, x, 0));
}

/** The lower triangle of matrices `[..., rows, columns]`, up to a diagonal; 0 above. */
export function tril(x: Tensor, diagonal = 0): Tensor {
  return triangle("tril", x, diagonal, greaterEqual);
}

/** The upper triangle of matrices `[..., rows, columns]`, from a diagonal on; 0 below. */
export function triu(x: Tensor, diagonal = 0): Tensor {
  return triangle("triu", x, diagonal, lessEqual);
}
