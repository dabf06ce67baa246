/**
 * Convolutions, by matmuls: all windows of some images are gathered as the columns of a matrix, and
 * one matmul with the weight gives all of their outputs.
 *
 * The three matmuls of a convolution are those of its output, of the gradient of its input and of
 * the gradient of its weight; a transposed convolution has the same three in other places.
 *
 * Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016).
 *
 * @module
 */

import { applyOne, type Operation } from "../../apply.ts";
import { checkOptions, type OptionNames } from "../../checks.ts";
import { RangeError, TypeError, wrongValue } from "../../errors.ts";
import { noGrad } from "../../grad_mode.ts";
import { bytesPerElement, formatShape } from "../../layout.ts";
import { allocate, checkTensor, type Tensor } from "../../tensor.ts";
import { add, addInPlace, copyInto, fill } from "../elementwise.ts";
import { matmul } from "../matmul/matmul.ts";
import { contiguous, permute, reshape, slice, squeeze, transpose, unsqueeze } from "../views.ts";
import {
  addUpWindows,
  checkImages,
  gatherWindows,
  type Geometry,
  geometryOf,
  type NumberOrPair,
  type Pair,
  pairOf,
  windowCounts,
  type WindowOptions,
} from "./windows.ts";

/** Maximum bytes of gathered windows: images beyond it are convolved some at a time. */
const MAX_BYTES = 2 ** 26;

/** Options for {@linkcode conv2d}. */
export interface ConvolutionOptions extends WindowOptions {
  /** Added to each channel of the output: `[O]`. @default {none} */
  readonly bias?: Tensor | null | undefined;
  /** Groups of channels that see only each other. @default {1} */
  readonly groups?: number | undefined;
}

/** Options for {@linkcode conv1d}: numbers, not pairs. */
export interface Convolution1dOptions {
  /** Added to each channel of the output: `[O]`. @default {none} */
  readonly bias?: Tensor | null | undefined;
  /** Steps from one window to the next. @default {1} */
  readonly stride?: number | undefined;
  /** Zeros at both ends. @default {0} */
  readonly padding?: number | undefined;
  /** Steps from one element of the kernel to the next. @default {1} */
  readonly dilation?: number | undefined;
  /** Groups of channels that see only each other. @default {1} */
  readonly groups?: number | undefined;
}

/** Options for {@linkcode convTranspose2d}. */
export interface TransposedConvolutionOptions extends ConvolutionOptions {
  /** Rows and columns that are added at the end, to choose among sizes. @default {0} */
  readonly outputPadding?: NumberOrPair | undefined;
}

const OPTIONS: OptionNames<ConvolutionOptions> = {
  bias: true,
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
};

/** Attributes of a convolution: everything that its kernels take besides tensors. */
interface Attributes {
  readonly geometry: Geometry;
  readonly groups: number;
  /** Height and width of what the windows are gathered from. */
  readonly image: Pair;
  /** How many windows there are. */
  readonly counts: Pair;
}

/** Ranges of the batch whose windows take at most {@linkcode MAX_BYTES}. */
function* ranges(batch: number, channels: number, dtype: Tensor["dtype"], attributes: Attributes) {
  const { geometry: { kernel }, counts } = attributes;
  const bytes = channels * kernel[0] * kernel[1] * counts[0] * counts[1] * bytesPerElement(dtype);
  const step = Math.max(1, Math.floor(MAX_BYTES / Math.max(1, bytes)));
  for (let start = 0; start < batch; start += step) {
    yield [start, Math.min(batch, start + step)] as const;
  }
}

/** The weight as a matrix for each group: `[groups, O / groups, C / groups · kernel]`. */
function weightMatrix(weight: Tensor, groups: number): Tensor {
  const [outputs, ...rest] = weight.shape as [number, ...number[]];
  const length = rest.reduce((product, size) => product * size, 1);
  return reshape(weight, [groups, outputs / groups, length]);
}

/** `[B, O, rows, columns]` as a matrix for each group: `[groups, O / groups, B · rows · columns]`. */
function outputMatrix(y: Tensor, groups: number): Tensor {
  const [batch, outputs, rows, columns] = y.shape as [number, number, number, number];
  const channelsFirst = contiguous(permute(y, [1, 0, 2, 3]));
  return reshape(channelsFirst, [groups, outputs / groups, batch * rows * columns]);
}

/** Gathered windows as a matrix for each group: `[groups, C / groups · kernel, B · windows]`. */
function windowMatrix(windows: Tensor, groups: number): Tensor {
  const [channels, high, wide, batch, rows, columns] = windows.shape as number[];
  const height = channels! / groups * high! * wide!;
  return reshape(windows, [groups, height, batch! * rows! * columns!]);
}

/** The output of a convolution, into `y`. */
function convolve(x: Tensor, weight: Tensor, y: Tensor, attributes: Attributes): void {
  const { geometry, groups, counts } = attributes;
  const [batch, channels] = x.shape as [number, number];
  const matrix = weightMatrix(weight, groups);
  for (const [start, end] of ranges(batch, channels, x.dtype, attributes)) {
    using _temporaries = x.device.scopes.openSync();
    const windows = gatherWindows(slice(x, 0, start, end), geometry, counts);
    const product = matmul(matrix, windowMatrix(windows, groups));
    const channelsFirst = reshape(product, [weight.shape[0]!, end - start, ...counts]);
    copyInto(permute(channelsFirst, [1, 0, 2, 3]), slice(y, 0, start, end));
  }
}

/** The gradient of a convolution's input, into `x`; also what a transposed convolution computes. */
function convolveBack(y: Tensor, weight: Tensor, x: Tensor, attributes: Attributes): void {
  const { geometry, groups, image, counts } = attributes;
  const [batch, channels] = x.shape as [number, number];
  const matrix = transpose(weightMatrix(weight, groups));
  for (const [start, end] of ranges(batch, channels, x.dtype, attributes)) {
    using _temporaries = x.device.scopes.openSync();
    const product = matmul(matrix, outputMatrix(slice(y, 0, start, end), groups));
    const windows = reshape(product, [channels, ...geometry.kernel, end - start, ...counts]);
    copyInto(addUpWindows(windows, geometry, image), slice(x, 0, start, end));
  }
}

/** The gradient of a convolution's weight. */
function convolveWeight(
  x: Tensor,
  y: Tensor,
  shape: readonly number[],
  attributes: Attributes,
): Tensor {
  const { geometry, groups, counts } = attributes;
  const [batch, channels] = x.shape as [number, number];
  const gradient = fill(x.device, shape, 0, x.dtype);
  const matrix = weightMatrix(gradient, groups);
  for (const [start, end] of ranges(batch, channels, x.dtype, attributes)) {
    using _temporaries = x.device.scopes.openSync();
    const windows = gatherWindows(slice(x, 0, start, end), geometry, counts);
    const outputs = outputMatrix(slice(y, 0, start, end), groups);
    addInPlace(matrix, matmul(outputs, transpose(windowMatrix(windows, groups))));
  }
  return gradient;
}

/** Writes one of a convolution's two sides from the other one, the first argument. */
type Convolve = (from: Tensor, weight: Tensor, into: Tensor, attributes: Attributes) => void;

/** Gradients of an operation's input and weight, where `back` goes from its output to its input. */
function gradientsOf(
  name: string,
  back: Convolve,
  weightGradient: (x: Tensor, upstream: Tensor, weight: Tensor, attributes: Attributes) => Tensor,
): Operation<Attributes>["gradient"] {
  return {
    savesInputs: [0, 1],
    apply: (upstream, saved, attributes, [wantsX, wantsWeight]) => {
      const [x, weight] = [saved.input(0), saved.input(1)];
      let gradient: Tensor | null = null;
      if (wantsX) {
        gradient = allocate(x.device, { shape: x.shape, dtype: x.dtype }, name);
        back(upstream, weight, gradient, attributes);
      }
      return [gradient, wantsWeight ? weightGradient(x, upstream, weight, attributes) : null];
    },
  };
}

const conv2dOperation: Operation<Attributes> = {
  name: "conv2d",
  infer: ([x, weight], { counts }) => {
    return [{ shape: [x!.shape[0]!, weight!.shape[0]!, ...counts], dtype: x!.dtype }];
  },
  run: (_device, [x, weight], [y], attributes) =>
    noGrad(() => convolve(x!, weight!, y!, attributes)),
  gradient: /* @__PURE__ */ gradientsOf(
    "conv2d",
    convolveBack,
    (x, upstream, weight, attributes) => convolveWeight(x, upstream, weight.shape, attributes),
  ),
};

const transposedOperation: Operation<Attributes> = {
  name: "convTranspose2d",
  infer: ([x, weight], { image, groups }) => {
    return [{ shape: [x!.shape[0]!, weight!.shape[1]! * groups, ...image], dtype: x!.dtype }];
  },
  run: (_device, [x, weight], [y], attributes) =>
    noGrad(() => convolveBack(x!, weight!, y!, attributes)),
  gradient: /* @__PURE__ */ gradientsOf(
    "convTranspose2d",
    convolve,
    (x, upstream, weight, attributes) => convolveWeight(upstream, x, weight.shape, attributes),
  ),
};

/** Checks what any convolution asks of its tensors. @returns The number of groups. */
function checkOperands(
  what: string,
  x: Tensor,
  weight: Tensor,
  { groups = 1, bias }: Pick<ConvolutionOptions, "groups" | "bias">,
  outputs: (weight: readonly number[], groups: number) => number,
): number {
  checkTensor(what, x, "images");
  checkTensor(what, weight, "a weight");
  checkImages(what, x.shape);
  if (weight.shape.length !== 4) {
    throw wrongValue(what, "a weight with 4 axes", formatShape(weight.shape));
  }
  if (x.dtype !== weight.dtype || x.dtype === "int32") {
    throw new TypeError(
      `Cannot ${what}: wanted images and a weight of one floating-point dtype, got ${x.dtype} and ` +
        weight.dtype,
    );
  }
  const channels = x.shape[1]!;
  if (
    !Number.isSafeInteger(groups) || groups < 1 || channels % groups !== 0 ||
    weight.shape[0]! % groups !== 0
  ) {
    throw wrongValue(
      what,
      `groups that divide ${channels} channels and a weight of ${formatShape(weight.shape)}`,
      String(groups),
    );
  }
  if (bias !== undefined && bias !== null) {
    checkTensor(what, bias, "a bias");
    const wanted = outputs(weight.shape, groups);
    if (bias.shape.length !== 1 || bias.shape[0] !== wanted) {
      throw wrongValue(what, `a bias [${wanted}]`, formatShape(bias.shape));
    }
  }
  return groups;
}

function withBias(y: Tensor, bias: Tensor | null | undefined): Tensor {
  return bias === undefined || bias === null ? y : add(y, reshape(bias, [bias.shape[0]!, 1, 1]));
}

/**
 * Convolution of images, without flipping the kernel, as `torch.nn.functional.conv2d`:
 *
 * y[b, o, i, j] = bias[o] + Σ x[b, c, s·i + d·u − p, s·j + d·v − p] · weight[o, c, u, v]
 *
 * @param x `[B, C, H, W]`
 * @param weight `[O, C / groups, kernel height, kernel width]`
 * @returns `[B, O, rows, columns]`, with ⌊(H + 2p − d·(k − 1) − 1) / s⌋ + 1 rows.
 * @throws {RangeError} If shapes and options do not fit.
 * @throws {TypeError} If dtypes differ, or an option is unknown.
 *
 * @example The sums of all 2 × 2 squares
 * ```ts
 * import { conv2d, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const image = Tensor.from(device, [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]);
 * const y = conv2d(image, Tensor.ones(device, [1, 1, 2, 2]));
 * if ((await y.data()).join() !== "12,16,24,28") throw new Error("expected 12, 16, 24, 28");
 * await device.close();
 * ```
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvolutionOptions = {}): Tensor {
  const what = "compute conv2d";
  checkOptions(what, options, OPTIONS);
  const groups = checkOperands(what, x, weight, options, ([outputs]) => outputs!);
  const [, channels, height, width] = x.shape as [number, number, number, number];
  if (weight.shape[1] !== channels / groups) {
    throw wrongValue(
      what,
      `a weight [O, ${channels / groups}, …] for ${channels} channels` +
        (groups === 1 ? "" : ` in ${groups} groups`),
      formatShape(weight.shape),
    );
  }
  const geometry = geometryOf(what, [weight.shape[2]!, weight.shape[3]!], options);
  const image = [height, width] as const;
  const counts = windowCounts(what, image, geometry);
  const y = applyOne(conv2dOperation, [x, weight], { geometry, groups, image, counts });
  return withBias(y, options.bias);
}

/**
 * Convolution of sequences, as `torch.nn.functional.conv1d`; see {@linkcode conv2d}.
 *
 * @param x `[B, C, L]`
 * @param weight `[O, C / groups, kernel]`
 * @returns `[B, O, windows]`
 * @throws {RangeError} If shapes and options do not fit.
 */
export function conv1d(x: Tensor, weight: Tensor, options: Convolution1dOptions = {}): Tensor {
  const what = "compute conv1d";
  checkOptions(what, options, OPTIONS);
  for (
    const [name, tensor] of [["sequences [B, C, L]", x], [
      "a weight [O, C, kernel]",
      weight,
    ]] as const
  ) {
    checkTensor(what, tensor, name);
    if (tensor.shape.length !== 3) throw wrongValue(what, name, formatShape(tensor.shape));
  }
  const { stride = 1, padding = 0, dilation = 1, groups, bias } = options;
  const y = conv2d(unsqueeze(x, 2), unsqueeze(weight, 2), {
    stride: [1, stride],
    padding: [0, padding],
    dilation: [1, dilation],
    groups,
    bias,
  });
  return squeeze(y, 2);
}

/**
 * Transposed convolution, as `torch.nn.functional.conv_transpose2d`: what the gradient of a
 * convolution's input computes. It makes images larger where a convolution makes them smaller.
 *
 * @param x `[B, C, H, W]`
 * @param weight `[C, O / groups, kernel height, kernel width]`
 * @returns `[B, O, rows, columns]`, with s·(H − 1) − 2p + d·(k − 1) + outputPadding + 1 rows.
 * @throws {RangeError} If shapes and options do not fit.
 * @throws {TypeError} If dtypes differ, or an option is unknown.
 *
 * @example Each element becomes a square
 * ```ts
 * import { convTranspose2d, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [[[[1, 2]]]]);
 * const y = convTranspose2d(x, Tensor.ones(device, [1, 1, 2, 2]), { stride: 2 });
 * if ((await y.data()).join() !== "1,1,2,2,1,1,2,2") throw new Error("expected two squares");
 * await device.close();
 * ```
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  options: TransposedConvolutionOptions = {},
): Tensor {
  const what = "compute convTranspose2d";
  checkOptions(what, options, { ...OPTIONS, outputPadding: true });
  const groups = checkOperands(what, x, weight, options, (shape, groups) => shape[1]! * groups);
  const [, channels, height, width] = x.shape as [number, number, number, number];
  if (weight.shape[0] !== channels) {
    throw wrongValue(what, `a weight [${channels}, …]`, formatShape(weight.shape));
  }
  const geometry = geometryOf(what, [weight.shape[2]!, weight.shape[3]!], options);
  const { kernel, stride, padding, dilation } = geometry;
  const extra = pairOf(what, "an outputPadding", options.outputPadding ?? 0, 0);
  const along = (length: number, axis: 0 | 1) => {
    if (extra[axis] >= Math.max(stride[axis], dilation[axis])) {
      throw wrongValue(what, "an outputPadding below stride or dilation", String(extra[axis]));
    }
    return stride[axis] * (length - 1) - 2 * padding[axis] + dilation[axis] * (kernel[axis] - 1) +
      extra[axis] + 1;
  };
  const image = [along(height, 0), along(width, 1)] as const;
  if (image.some((length) => length < 1)) {
    throw new RangeError(
      `Cannot ${what}: wanted an output with rows and columns, got ${formatShape(image)}`,
    );
  }
  const attributes = { geometry, groups, image, counts: [height, width] as const };
  return withBias(applyOne(transposedOperation, [x, weight], attributes), options.bias);
}
