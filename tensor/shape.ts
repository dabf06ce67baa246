/** Shapes, strides and broadcasting, with all their errors. @module */

import { checkIsNumber, checkList } from "./checks.ts";
import { RangeError, wrongValue } from "./errors.ts";

export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Number of elements of a shape; 1 for the shape `[]` of a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Whether these strides are contiguous and row-major. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis]!;
    if (length === 0) return true;
    if (length !== 1 && strides[axis] !== expected) return false;
    expected *= length;
  }
  return true;
}

export function shapesEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/**
 * Throws a `RangeError` if a length of a shape from the user is negative or not an integer, and a
 * `TypeError` if it is no list.
 */
export function checkShape(shape: readonly number[], what: string): void {
  checkList(what, "a shape, as in [2, 3]", shape);
  if (!shape.every((length) => Number.isInteger(length) && length >= 0)) {
    throw wrongValue(what, "a shape of integers from 0 up", formatShape(shape));
  }
}

/**
 * Resolves a negative axis, which counts from the end; throws a `RangeError` if there is no such
 * axis, a `TypeError` if it is no number.
 */
export function normalizeAxis(axis: number, shape: readonly number[], what: string): number {
  const normal = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= shape.length) {
    checkIsNumber(what, "an axis", axis);
    throw new RangeError(
      `Cannot ${what} along axis ${axis}: the shape ${formatShape(shape)} has ${shape.length} axes`,
    );
  }
  return normal;
}

/**
 * Resolves axes, by default all of them, in ascending order; throws as for one, and a `RangeError`
 * if one occurs twice.
 */
export function normalizeAxes(
  axes: number | readonly number[] | undefined,
  shape: readonly number[],
  what: string,
): number[] {
  if (axes === undefined) return shape.map((_, axis) => axis);
  const given = typeof axes === "number" ? [axes] : axes;
  checkList(what, "an axis or a list of axes, as in 1 or [0, 1]", given);
  const normal = given.map((axis) => normalizeAxis(axis, shape, what));
  if (new Set(normal).size !== normal.length) {
    throw new RangeError(`Cannot ${what} along axes ${formatShape(given)}: one is named twice`);
  }
  return normal.sort((a, b) => a - b);
}

/**
 * The broadcast shape, by NumPy's rules: shapes are aligned at the last axis, and a length of 1 is
 * repeated.
 *
 * @throws {RangeError} If two lengths differ and neither is 1.
 *
 * @example
 * ```ts
 * import { broadcastShapes } from "./shape.ts";
 *
 * const shape = broadcastShapes([[3, 1], [4]], "add");
 * if (shape.join() !== "3,4") throw new Error(`got ${shape}`);
 * ```
 */
export function broadcastShapes(shapes: readonly (readonly number[])[], what: string): number[] {
  let rank = 0;
  for (const shape of shapes) rank = Math.max(rank, shape.length);
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const skip = rank - shape.length;
    for (let axis = 0; axis < shape.length; axis++) {
      const length = shape[axis]!;
      const other = result[skip + axis]!;
      if (length === other || length === 1) continue;
      if (other !== 1) {
        throw new RangeError(
          `Cannot ${what}: the shapes ${shapes.map(formatShape).join(" and ")} do not broadcast ` +
            `(${other} against ${length} at axis ${axis - shape.length})`,
        );
      }
      result[skip + axis] = length;
    }
  }
  return result;
}

/**
 * The strides that broadcast a tensor to the shape `target`: 0 along repeated axes. Throws a
 * `RangeError` if it does not broadcast.
 */
export function broadcastStrides(
  shape: readonly number[],
  strides: readonly number[],
  target: readonly number[],
  what: string,
): number[] {
  const skip = target.length - shape.length;
  let fits = skip >= 0;
  const result = new Array<number>(target.length).fill(0);
  for (let axis = 0; fits && axis < shape.length; axis++) {
    const length = shape[axis]!;
    if (length !== 1) result[skip + axis] = strides[axis]!;
    fits = length === 1 || length === target[skip + axis];
  }
  if (!fits) {
    throw new RangeError(
      `Cannot ${what}: ${formatShape(shape)} does not broadcast to ${formatShape(target)}`,
    );
  }
  return result;
}

/** The axes of `target` along which a tensor of `shape` is repeated. */
export function broadcastAxes(shape: readonly number[], target: readonly number[]): number[] {
  const skip = target.length - shape.length;
  return target.flatMap((length, axis) =>
    axis < skip || (shape[axis - skip] === 1 && length !== 1) ? [axis] : []
  );
}

/** Resolves a −1 in a new shape; throws a `RangeError` if it has another number of elements. */
export function resolveShape(shape: readonly number[], old: readonly number[]): number[] {
  const size = sizeOf(old);
  const open = shape.indexOf(-1);
  const resolved = [...shape];
  if (open >= 0) {
    resolved[open] = 1;
    const rest = sizeOf(resolved);
    resolved[open] = rest === 0 ? 0 : size / rest;
  }
  let isValid = sizeOf(resolved) === size;
  for (const length of resolved) isValid &&= Number.isInteger(length) && length >= 0;
  if (!isValid) {
    throw new RangeError(
      `Cannot reshape ${formatShape(old)} to ${formatShape(shape)}: it has ${size} elements`,
    );
  }
  return resolved;
}

/**
 * The strides of a reshaped view, or `null` if it requires a copy: joins old axes that are
 * contiguous, and divides each group among new axes, from the last on.
 */
export function reshapeStrides(
  shape: readonly number[],
  strides: readonly number[],
  target: readonly number[],
): number[] | null {
  if (isContiguous(shape, strides)) return contiguousStrides(target);
  const groups: { size: number; stride: number }[] = [];
  shape.forEach((length, axis) => {
    if (length === 1) return;
    const before = groups.at(-1);
    const stride = strides[axis]!;
    if (before?.stride !== length * stride) groups.push({ size: length, stride });
    else groups[groups.length - 1] = { size: before.size * length, stride };
  });
  const result = new Array<number>(target.length);
  for (let axis = target.length - 1; axis >= 0; axis--) {
    const group = groups.at(-1)!;
    result[axis] = group.stride;
    group.stride *= target[axis]!;
    group.size /= target[axis]!;
    if (!Number.isInteger(group.size)) return null;
    if (group.size === 1 && groups.length > 1) groups.pop();
  }
  return result;
}
