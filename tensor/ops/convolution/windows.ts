/**
 * Windows of an image: what a kernel sees as it slides, gathered and added up again.
 *
 * All windows of a padded image are one view of it whose strides overlap, so gathering them is a
 * copy; adding them up again is one sum in place for each element of the kernel.
 *
 * @module
 */

import { describeValue } from "../../checks.ts";
import type { View } from "../../device.ts";
import { RangeError, wrongValue } from "../../errors.ts";
import { formatShape } from "../../layout.ts";
import { allocate, Tensor } from "../../tensor.ts";
import { addInPlace, copyInto, copyView, fill } from "../elementwise.ts";

/** A number for each of height and width. */
export type Pair = readonly [height: number, width: number];

/** One number for both of height and width, or one for each. */
export type NumberOrPair = number | Pair;

/** How a kernel slides over an image. */
export interface Geometry {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** Options that say how a kernel slides. */
export interface WindowOptions {
  /** Steps from one window to the next. @default {1} */
  readonly stride?: NumberOrPair | undefined;
  /** Zeros around the image on every side. @default {0} */
  readonly padding?: NumberOrPair | undefined;
  /** Steps from one element of the kernel to the next. @default {1} */
  readonly dilation?: NumberOrPair | undefined;
}

/** @throws {RangeError} If it is not one or two whole numbers of at least `least`. */
export function pairOf(what: string, name: string, value: NumberOrPair, least: number): Pair {
  const pair = typeof value === "number" ? [value, value] as const : value;
  const isRight = Array.isArray(pair) && pair.length === 2 &&
    pair.every((each) => Number.isSafeInteger(each) && each >= least);
  if (isRight) return [pair[0]!, pair[1]!];
  const got = Array.isArray(value) ? formatShape(value) : describeValue(value);
  throw wrongValue(what, `${name} of one or two whole numbers of at least ${least}`, got);
}

/** @throws {RangeError} If an option is out of range. */
export function geometryOf(
  what: string,
  kernel: Pair,
  { stride = 1, padding = 0, dilation = 1 }: WindowOptions,
): Geometry {
  return {
    kernel,
    stride: pairOf(what, "a stride", stride, 1),
    padding: pairOf(what, "padding", padding, 0),
    dilation: pairOf(what, "a dilation", dilation, 1),
  };
}

/**
 * How many windows fit along height and width.
 *
 * @throws {RangeError} If none does.
 */
export function windowCounts(what: string, image: Pair, geometry: Geometry): Pair {
  const { kernel, stride, padding, dilation } = geometry;
  const along = (axis: 0 | 1) => {
    const length = image[axis] + 2 * padding[axis];
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    if (reach > length) {
      throw new RangeError(
        `Cannot ${what}: wanted a kernel within the padded image of ${
          formatShape(image.map((size, i) => size + 2 * padding[i]!))
        }, got one that reaches over ${
          formatShape(kernel.map((size, i) => dilation[i]! * (size - 1) + 1))
        }`,
      );
    }
    return Math.floor((length - reach) / stride[axis]) + 1;
  };
  return [along(0), along(1)];
}

/** The image with a border of one value, or itself without one. */
export function padded(x: Tensor, [top, left]: Pair, value: number): Tensor {
  if (top === 0 && left === 0) return x;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const whole = fill(
    x.device,
    [batch, channels, height + 2 * top, width + 2 * left],
    value,
    x.dtype,
  );
  copyInto(x, interior(whole, [top, left], [height, width]));
  return whole;
}

/** The part of an image within its border. */
export function interior(
  { storage, dtype, shape, strides, offset }: Tensor,
  [top, left]: Pair,
  size: Pair,
): Tensor {
  const start = offset + top * strides[2]! + left * strides[3]!;
  return new Tensor(storage, dtype, [shape[0]!, shape[1]!, ...size], strides, start);
}

/**
 * Gathers all windows of an image.
 *
 * @param x `[B, C, H, W]`
 * @param counts How many windows there are, see {@linkcode windowCounts}.
 * @returns `[C, kernel height, kernel width, B, rows of windows, columns of windows]`
 */
export function gatherWindows(x: Tensor, geometry: Geometry, counts: Pair): Tensor {
  const { kernel, stride, padding, dilation } = geometry;
  const image = padded(x, padding, 0);
  const [batch, channels, down, right] = image.strides as [number, number, number, number];
  const shape = [x.shape[1]!, ...kernel, x.shape[0]!, ...counts];
  const windows: View = {
    allocation: image.allocation,
    dtype: image.dtype,
    offset: image.offset,
    shape,
    strides: [
      channels,
      dilation[0] * down,
      dilation[1] * right,
      batch,
      stride[0] * down,
      stride[1] * right,
    ],
  };
  const gathered = allocate(x.device, { shape, dtype: x.dtype }, "windows");
  copyView(x.device, windows, gathered);
  return gathered;
}

/**
 * Adds up windows where they overlap: the gradient of {@linkcode gatherWindows}.
 *
 * @param windows `[C, kernel height, kernel width, B, rows of windows, columns of windows]`
 * @param image Height and width of the image.
 * @returns `[B, C, H, W]`
 */
export function addUpWindows(windows: Tensor, geometry: Geometry, image: Pair): Tensor {
  const { kernel, padding } = geometry;
  const [channels, , , batch, rows, columns] = windows.shape as number[];
  const whole = fill(
    windows.device,
    [batch!, channels!, image[0] + 2 * padding[0], image[1] + 2 * padding[1]],
    0,
    windows.dtype,
  );
  const from = windows.strides;
  elementsOfWindows(whole, geometry, [rows!, columns!]).forEach((target, place) => {
    const [i, j] = [Math.floor(place / kernel[1]), place % kernel[1]];
    const part = new Tensor(
      windows.storage,
      windows.dtype,
      target.shape,
      [from[3]!, from[0]!, from[4]!, from[5]!],
      windows.offset + i * from[1]! + j * from[2]!,
    );
    addInPlace(target, part);
  });
  return interior(whole, padding, image);
}

/**
 * The elements of all windows at each place of the kernel, row by row: views of a padded image,
 * `[B, C, rows of windows, columns of windows]`.
 */
export function elementsOfWindows(image: Tensor, geometry: Geometry, counts: Pair): Tensor[] {
  const { kernel: [height, width], stride, dilation } = geometry;
  const [ofBatch, ofChannel, down, right] = image.strides as [number, number, number, number];
  return Array.from({ length: height * width }, (_, place) => {
    const [i, j] = [Math.floor(place / width), place % width];
    return new Tensor(
      image.storage,
      image.dtype,
      [image.shape[0]!, image.shape[1]!, ...counts],
      [ofBatch, ofChannel, stride[0] * down, stride[1] * right],
      image.offset + i * dilation[0] * down + j * dilation[1] * right,
    );
  });
}

/** @throws {RangeError} If it is no batch of images `[B, C, H, W]`. */
export function checkImages(what: string, shape: readonly number[]): void {
  if (shape.length !== 4) throw wrongValue(what, "images [B, C, H, W]", formatShape(shape));
}
