/** Pooling over windows of an image; and the windows themselves. @module */

import { applyOne, named, type Operation } from "../../apply.ts";
import { checkOptions, type OptionNames } from "../../checks.ts";
import { wrongValue } from "../../errors.ts";
import * as ex from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import { noGrad } from "../../grad_mode.ts";
import { formatShape } from "../../layout.ts";
import { checkTensor, type Tensor } from "../../tensor.ts";
import { add, addInPlace, copy, copyInto, fill, maximum, multiply } from "../elementwise.ts";
import { runProgramInto } from "../program.ts";
import { permute, reshape } from "../views.ts";
import {
  addUpWindows,
  checkImages,
  elementsOfWindows,
  gatherWindows,
  type Geometry,
  geometryOf,
  interior,
  type NumberOrPair,
  padded,
  type Pair,
  pairOf,
  windowCounts,
  type WindowOptions,
} from "./windows.ts";

/** Options for {@linkcode maxPool2d} and {@linkcode avgPool2d}. */
export interface PoolOptions {
  /** Steps from one window to the next. @default {the kernel: windows do not overlap} */
  readonly stride?: NumberOrPair | undefined;
  /** Rows and columns around the image on every side. @default {0} */
  readonly padding?: NumberOrPair | undefined;
}

const OPTIONS: OptionNames<PoolOptions> = { stride: true, padding: true };
const WINDOW_OPTIONS: OptionNames<WindowOptions> = { stride: true, padding: true, dilation: true };

interface Attributes {
  readonly geometry: Geometry;
  readonly image: Pair;
  readonly counts: Pair;
}

/** `[B, C, H, W]` to `[C, kernel height, kernel width, B, rows, columns]` */
const windowsOperation: Operation<Attributes> = {
  name: "unfold",
  infer: ([x], { geometry: { kernel }, counts }) => [
    { shape: [x!.shape[1]!, ...kernel, x!.shape[0]!, ...counts], dtype: x!.dtype },
  ],
  run: (_device, [x], [windows], { geometry, counts }) =>
    noGrad(() => {
      using _temporaries = x!.device.scopes.openSync();
      copyInto(gatherWindows(x!, geometry, counts), windows!);
    }),
  gradient: {
    apply: (upstream, _saved, { geometry, image }) => [addUpWindows(upstream, geometry, image)],
  },
};

/** The other way round: overlaps are added up. */
const foldOperation: Operation<Attributes> = {
  name: "fold",
  infer: ([windows], { image }) => [
    { shape: [windows!.shape[3]!, windows!.shape[0]!, ...image], dtype: windows!.dtype },
  ],
  run: (_device, [windows], [x], { geometry, image }) =>
    noGrad(() => {
      using _temporaries = windows!.device.scopes.openSync();
      copyInto(addUpWindows(windows!, geometry, image), x!);
    }),
  gradient: {
    apply: (upstream, _saved, { geometry, counts }) => [gatherWindows(upstream, geometry, counts)],
  },
};

/**
 * How the windows of a pool lie.
 *
 * @throws {RangeError} If the kernel or an option is out of range.
 * @throws {TypeError} If an option is unknown.
 */
export function poolGeometry(what: string, kernel: NumberOrPair, options: PoolOptions): Geometry {
  checkOptions(what, options, OPTIONS);
  const size = pairOf(what, "a kernel", kernel, 1);
  const { stride = size, padding } = options;
  const geometry = geometryOf(what, size, { stride, padding });
  if (geometry.padding.some((length, axis) => 2 * length > size[axis]!)) {
    throw wrongValue(what, "padding of at most half the kernel", formatShape(geometry.padding));
  }
  return geometry;
}

/** 1 where an element is the largest of its window, or NaN as that is; else 0. */
const isLargest = (x: ex.Expression, largest: ex.Expression) =>
  ex.select(ex.equal(x, largest), 1, ex.subtract(1, ex.equal(x, x)));

/** Gives an element what is left of its window's gradient, if it is the largest: then nothing is left. */
const giveToLargest = /* @__PURE__ */ defineProgram(
  { name: "maxPool2d gradient", inputs: ["x", "largest", "left", "gradient"] },
  ({ x, largest, left, gradient }) => {
    const takesAll = isLargest(x, largest);
    return [ex.add(gradient, ex.select(takesAll, left, 0)), ex.select(takesAll, 0, left)];
  },
);

/**
 * The gradient of images from those of the elements at each place of the kernel.
 *
 * @param give Adds to the elements at a place.
 */
function gradientOfImages(
  { device, shape: [batch, channels], dtype }: Tensor,
  { geometry, image, counts }: Attributes,
  give: (elements: Tensor, place: number) => void,
): Tensor {
  const { padding } = geometry;
  const size = image.map((length, axis) => length + 2 * padding[axis]!);
  const whole = fill(device, [batch!, channels!, ...size], 0, dtype);
  elementsOfWindows(whole, geometry, counts).forEach(give);
  return interior(whole, padding, image);
}

const inferPooled: Operation<Attributes>["infer"] = ([x], { counts }) => [
  { shape: [x!.shape[0]!, x!.shape[1]!, ...counts], dtype: x!.dtype },
];

/**
 * Windows are pooled one element of the kernel after the other, each for all windows at once: rows as
 * short as a window would fill no vector.
 */
const maxOperation: Operation<Attributes> = {
  name: "maxPool2d",
  infer: inferPooled,
  run: (_device, [x], [y], { geometry, counts }) =>
    noGrad(() => {
      using _temporaries = x!.device.scopes.openSync();
      const image = padded(x!, geometry.padding, -Infinity);
      copyInto(elementsOfWindows(image, geometry, counts).reduce((a, b) => maximum(a, b)), y!);
    }),
  gradient: {
    savesInputs: [0],
    savesOutputs: [0],
    apply: (upstream, saved, attributes) => {
      const { geometry, counts } = attributes;
      const [x, largest] = [saved.input(0), saved.output(0)];
      const elements = elementsOfWindows(padded(x, geometry.padding, -Infinity), geometry, counts);
      const left = copy(upstream);
      return [gradientOfImages(upstream, attributes, (gradient, place) => {
        const inputs = [elements[place]!, largest, left, gradient];
        runProgramInto(giveToLargest, inputs, [gradient, left]);
      })];
    },
  },
};

const meanOperation: Operation<Attributes> = {
  name: "avgPool2d",
  infer: inferPooled,
  run: (_device, [x], [y], { geometry, counts }) =>
    noGrad(() => {
      using _temporaries = x!.device.scopes.openSync();
      const elements = elementsOfWindows(padded(x!, geometry.padding, 0), geometry, counts);
      // In single precision, because the sum of many `float16` may overflow.
      const [first, ...others] = elements.map((each) => each.to("float32"));
      copyInto(multiply(others.reduce((a, b) => add(a, b), first!), 1 / elements.length), y!);
    }),
  gradient: {
    apply: (upstream, _saved, attributes) => {
      const [height, width] = attributes.geometry.kernel;
      const share = multiply(upstream, 1 / (height * width));
      const give = (gradient: Tensor) => addInPlace(gradient, share);
      return [gradientOfImages(upstream, attributes, give)];
    },
  },
};

/** Pools images by an operation. */
function pool(
  operation: Operation<Attributes>,
  x: Tensor,
  kernel: NumberOrPair,
  options: PoolOptions,
): Tensor {
  const what = `compute ${operation.name}`;
  const geometry = poolGeometry(what, kernel, options);
  checkTensor(what, x, "images");
  checkImages(what, x.shape);
  const image = [x.shape[2]!, x.shape[3]!] as const;
  return applyOne(operation, [x], { geometry, image, counts: windowCounts(what, image, geometry) });
}

/**
 * The largest element of each window. Padding never is. Of elements that are equally large, the first
 * in the window has the gradient, as in PyTorch.
 *
 * @param x `[B, C, H, W]`
 * @param kernel Height and width of a window.
 * @returns `[B, C, rows, columns]`
 * @throws {RangeError} If shapes and options do not fit.
 *
 * @example
 * ```ts
 * import { maxPool2d, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = maxPool2d(Tensor.from(device, [[[[1, 2, 5, 3], [4, 0, 1, 2]]]]), 2);
 * if ((await y.data()).join() !== "4,5") throw new Error("expected 4 and 5");
 * await device.close();
 * ```
 */
export function maxPool2d(x: Tensor, kernel: NumberOrPair, options: PoolOptions = {}): Tensor {
  return pool(maxOperation, x, kernel, options);
}

/**
 * The mean of each window. Padding counts as zeros, as in PyTorch.
 *
 * @param x `[B, C, H, W]`
 * @param kernel Height and width of a window.
 * @returns `[B, C, rows, columns]`
 * @throws {RangeError} If shapes and options do not fit.
 */
export function avgPool2d(x: Tensor, kernel: NumberOrPair, options: PoolOptions = {}): Tensor {
  return pool(meanOperation, x, kernel, options);
}

/**
 * All windows of images as columns, as `torch.nn.functional.unfold`.
 *
 * @param x `[B, C, H, W]`
 * @param kernel Height and width of a window.
 * @returns `[B, C · kernel height · kernel width, windows]`
 * @throws {RangeError} If shapes and options do not fit.
 */
export function unfold(x: Tensor, kernel: NumberOrPair, options: WindowOptions = {}): Tensor {
  const what = "compute unfold";
  checkOptions(what, options, WINDOW_OPTIONS);
  checkTensor(what, x, "images");
  checkImages(what, x.shape);
  const size = pairOf(what, "a kernel", kernel, 1);
  const geometry = geometryOf(what, size, options);
  const image = [x.shape[2]!, x.shape[3]!] as const;
  const counts = windowCounts(what, image, geometry);
  const windows = applyOne(windowsOperation, [x], { geometry, image, counts });
  const [batch, channels] = x.shape as [number, number];
  const columns = permute(windows, [3, 0, 1, 2, 4, 5]);
  return named(
    "unfold",
    reshape(columns, [batch, channels * size[0] * size[1], counts[0] * counts[1]]),
  );
}

/**
 * Adds up windows to images, as `torch.nn.functional.fold`: the gradient of {@linkcode unfold}.
 *
 * @param columns `[B, C · kernel height · kernel width, windows]`
 * @param image Height and width of the images.
 * @param kernel Height and width of a window.
 * @returns `[B, C, H, W]`
 * @throws {RangeError} If shapes and options do not fit.
 */
export function fold(
  columns: Tensor,
  image: NumberOrPair,
  kernel: NumberOrPair,
  options: WindowOptions = {},
): Tensor {
  const what = "compute fold";
  checkOptions(what, options, WINDOW_OPTIONS);
  checkTensor(what, columns, "windows");
  const size = pairOf(what, "an image", image, 1);
  const geometry = geometryOf(what, pairOf(what, "a kernel", kernel, 1), options);
  const counts = windowCounts(what, size, geometry);
  const [height, width] = geometry.kernel;
  const [batch, length, windows] = columns.shape;
  if (
    columns.shape.length !== 3 || length! % (height * width) !== 0 ||
    windows !== counts[0] * counts[1]
  ) {
    const wanted = `windows [B, C · ${height * width}, ${counts[0] * counts[1]}]`;
    throw wrongValue(what, wanted, formatShape(columns.shape));
  }
  const channels = length! / (height * width);
  const parts = reshape(columns, [batch!, channels, height, width, ...counts]);
  const gathered = permute(parts, [1, 2, 3, 0, 4, 5]);
  const attributes = { geometry, image: size, counts };
  return applyOne(foldOperation, [gathered], attributes);
}
