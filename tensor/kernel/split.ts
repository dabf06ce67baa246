/**
 * Splits operations on buffers larger than one binding: the work is cut along its axes until
 * each part fits ranges that can be bound. On the CPU, everything fits.
 *
 * @module
 */

import type { Allocation, Device, View, WebGpuDevice } from "../device.ts";
import { bytesPerElement } from "../dtype.ts";
import { RangeError } from "../errors.ts";
import { sizeOf } from "../shape.ts";

/** Binding offsets are multiples of this on every adapter, in bytes. */
export const BINDING_ALIGNMENT = 256;

export function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** The limit of a binding, in bytes; on the CPU there is none. */
export function bindingLimit(device: Device): number {
  return device.kind === "cpu" ? Infinity : device.limits.maxStorageBufferBindingSize;
}

export function fitsOneBinding(device: Device, { bytes }: Allocation): boolean {
  return bytes <= bindingLimit(device);
}

/** How the operands of an operation can be cut. */
export interface Cut {
  /** For the message of an error. */
  readonly name: string;
  /** Number of leading axes that may be cut. Along these, all operands have the same lengths. */
  readonly axes: number;
  /** Index of the first operand that is written. */
  readonly firstOutput: number;
}

/** A part of the operands. */
export interface Part {
  readonly views: readonly View[];
  /** Where it begins along each axis that may be cut. */
  readonly begin: readonly number[];
}

/**
 * Cuts operands, all at the same positions, into parts that fit bindings. An operand that does not
 * extend along an axis has a stride of 0 there. A result with such an axis is combined from several
 * parts, which come in ascending order along each axis: by adding to it unless `begin` is 0 there.
 *
 * @throws {RangeError} If a part that cannot be cut further exceeds a binding.
 */
export function split(
  device: Device,
  views: readonly View[],
  cut: Cut,
  begin: readonly number[] = new Array<number>(cut.axes).fill(0),
): readonly Part[] {
  const fits = device.kind === "cpu" ||
    views.every(({ allocation }) => fitsOneBinding(device, allocation));
  if (fits) return [{ views, begin }];
  const seen = boundViews(device, views, cut.firstOutput);
  if (seen !== null) return [{ views: seen, begin }];
  const axis = widestAxis(device, views, cut.axes);
  if (axis === null) {
    const limit = bindingLimit(device);
    const bytes = Math.max(...views.map((view) => extentOf(view) * bytesPerElement(view.dtype)));
    throw new RangeError(
      `Cannot run "${cut.name}": wanted rows within ${limit} bytes, the limit of a binding on ` +
        `this device, got ${bytes}`,
    );
  }
  const length = views[0]!.shape[axis]!;
  // Both halves start at a multiple of four elements if possible.
  const half = length >= 8 ? 4 * Math.ceil(length / 8) : Math.ceil(length / 2);
  return [[0, half], [half, length]].flatMap(([from, to]) => {
    const part = views.map(({ allocation, dtype, shape, strides, offset }): View => ({
      allocation,
      dtype,
      strides,
      shape: shape.with(axis, to! - from!),
      offset: offset + from! * strides[axis]!,
    }));
    return split(device, part, cut, begin.with(axis, begin[axis]! + from!));
  });
}

/**
 * Cuts contiguous views, each with `rows` rows of any length, into pieces [rows, length] that fit
 * bindings. None may share its memory with a written one.
 *
 * @throws {RangeError} If a row exceeds a binding.
 */
export function rowsInRanges(
  device: Device,
  views: readonly View[],
  rows: number,
  name: string,
): readonly (readonly View[])[] {
  if (rows === 0) return [];
  const matrices = views.map((view) => asMatrix(view, rows));
  const parts = split(device, matrices, { name, axes: 1, firstOutput: views.length });
  return parts.map(({ views }) => views);
}

export function asMatrix({ allocation, dtype, shape, offset }: View, rows: number): View {
  const length = sizeOf(shape) / rows;
  return { allocation, dtype, shape: [rows, length], strides: [length, 1], offset };
}

/** The views as bindable ranges; `null` if one exceeds a binding. */
function boundViews(
  device: WebGpuDevice,
  views: readonly View[],
  firstOutput: number,
): readonly View[] | null {
  // Written memory is bound once, so its range must cover all uses.
  const written = new Map(
    views.slice(firstOutput).map(({ allocation }) => [
      allocation,
      bindingOf(device, views.filter((view) => view.allocation === allocation)),
    ]),
  );
  const result: View[] = [];
  for (const view of views) {
    const { dtype, shape, strides, offset } = view;
    const own = written.get(view.allocation);
    const binding = own === undefined ? bindingOf(device, [view]) : own;
    if (binding === null) return null;
    const { allocation, start } = binding;
    result.push({ allocation, dtype, shape, strides, offset: offset - start });
  }
  return result;
}

/**
 * The smallest bindable range with all that views of an allocation see, and the index of its first
 * element; `null` if it exceeds a binding.
 */
function bindingOf(
  device: WebGpuDevice,
  views: readonly View[],
): { readonly allocation: Allocation; readonly start: number } | null {
  const { allocation, dtype } = views[0]!;
  if (fitsOneBinding(device, allocation)) return { allocation, start: 0 };
  const elementBytes = bytesPerElement(dtype);
  const alignment = BINDING_ALIGNMENT / elementBytes;
  const first = Math.min(...views.map(({ offset }) => offset));
  const start = Math.floor(first / alignment) * alignment;
  const end = Math.max(...views.map((view) => view.offset + extentOf(view)));
  const bytes = wholeWords((end - start) * elementBytes);
  if (bytes > bindingLimit(device)) return null;
  return { allocation: device.range(allocation, start * elementBytes, bytes), start };
}

/** The axis along which views in large buffers extend farthest. */
function widestAxis(device: Device, views: readonly View[], axes: number): number | null {
  let [widest, reach] = [-1, 0];
  for (const { allocation, dtype, shape, strides } of views) {
    if (fitsOneBinding(device, allocation)) continue;
    for (let axis = 0; axis < axes; axis++) {
      const length = (shape[axis]! - 1) * strides[axis]! * bytesPerElement(dtype);
      if (length > reach) [widest, reach] = [axis, length];
    }
  }
  return widest < 0 ? null : widest;
}

/** Elements from the first that a view sees to the last, both included. */
function extentOf({ shape, strides }: View): number {
  return shape.reduce((sum, length, axis) => sum + Math.max(0, length - 1) * strides[axis]!, 1);
}
