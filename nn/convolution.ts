/** Convolution layers. @module */

import type { OptionNames } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import {
  conv1d,
  conv2d,
  convTranspose2d,
  type Device,
  type NumberOrPair,
  type Tensor,
} from "../tensor/mod.ts";
import { geometryOf } from "../tensor/ops/convolution/windows.ts";
import { type Initializer, uniform } from "./initializers.ts";
import { inType } from "./in_type.ts";
import { Module } from "./module.ts";
import { parameter } from "./parameter.ts";
import { namedSeed } from "./seeds.ts";
import { checkLayer } from "./sizes.ts";

/** Options for {@linkcode Conv2d}. */
export interface Conv2dOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1, different for each layer; or `null` for zeros. */
  readonly seed: number | null;
  /** Steps from one window to the next. @default {1} */
  readonly stride?: NumberOrPair;
  /** Zeros around the image on every side. @default {0} */
  readonly padding?: NumberOrPair;
  /** Steps from one element of the kernel to the next. @default {1} */
  readonly dilation?: NumberOrPair;
  /** Groups of channels that see only each other. @default {1} */
  readonly groups?: number;
  /** Whether to add a learned bias. @default {true} */
  readonly bias?: boolean;
  /** Initializer of the weight; by default uniform within ±1/√(C / groups · kernel), as in PyTorch. */
  readonly initialWeight?: Initializer;
}

/** Options for {@linkcode Conv1d}: numbers, not pairs. */
export interface Conv1dOptions extends Omit<Conv2dOptions, "stride" | "padding" | "dilation"> {
  /** Steps from one window to the next. @default {1} */
  readonly stride?: number;
  /** Zeros at both ends. @default {0} */
  readonly padding?: number;
  /** Steps from one element of the kernel to the next. @default {1} */
  readonly dilation?: number;
}

/** Options for {@linkcode ConvTranspose2d}. */
export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Rows and columns that are added at the end. @default {0} */
  readonly outputPadding?: NumberOrPair;
}

const OPTIONS: OptionNames<Conv2dOptions> = {
  seed: true,
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
  bias: true,
  initialWeight: true,
};

/** The parameters of a convolution, with PyTorch's initial values. */
function parametersOf(
  device: Device,
  shape: readonly number[],
  outputs: number,
  { seed, bias = true, initialWeight }: Pick<Conv2dOptions, "seed" | "bias" | "initialWeight">,
): { weight: Tensor; bias?: Tensor } {
  const inputs = shape.slice(1).reduce((product, size) => product * size, 1);
  const bound = 1 / Math.sqrt(inputs);
  const initial = initialWeight ?? uniform(-bound, bound);
  const weight = parameter(device, [...shape], initial, namedSeed(seed, "weight"));
  if (!bias) return { weight };
  const biases = parameter(device, [outputs], uniform(-bound, bound), namedSeed(seed, "bias"));
  return { weight, bias: biases };
}

const sidesOf = (kernel: NumberOrPair) =>
  Array.isArray(kernel) ? kernel as readonly number[] : [kernel as number, kernel as number];

/** Checks what else only the first `forward` would notice. */
function checkWindows(
  layer: string,
  inputs: number,
  outputs: number,
  options: Conv2dOptions,
): void {
  const what = `make a ${layer}`;
  geometryOf(what, [1, 1], options);
  const { groups = 1 } = options;
  if (inputs % groups === 0 && outputs % groups === 0) return;
  throw wrongValue(what, `groups that divide ${inputs} inputs and ${outputs} outputs`, groups);
}

/**
 * A convolution of images, see {@linkcode conv2d}.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Conv2d } from "./convolution.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const layer = new Conv2d(device, 1, 32, 3, { padding: 1, seed: 42 });
 * const y = layer.forward(Tensor.ones(device, [5, 1, 28, 28]));
 * if (y.shape.join() !== "5,32,28,28") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class Conv2d extends Module {
  /** `[outputs, inputs / groups, kernel height, kernel width]` */
  readonly weight: Tensor;
  /** `[outputs]`; absent with `bias: false`. */
  readonly bias?: Tensor;
  readonly #options: Conv2dOptions;

  /** Creates the parameters. @throws {RangeError} If a size or an option is out of range. */
  constructor(
    device: Device,
    inputs: number,
    outputs: number,
    kernel: NumberOrPair,
    options: Conv2dOptions,
  ) {
    super();
    const [height, width] = sidesOf(kernel) as [number, number];
    const { groups = 1 } = options ?? {};
    const sizes = { inputs, outputs, kernel: height, "kernel width": width, groups };
    checkLayer("Conv2d", device, sizes, options, OPTIONS, ["seed"]);
    checkWindows("Conv2d", inputs, outputs, options);
    this.#options = options;
    const shape = [outputs, inputs / groups, height, width];
    const { weight, bias } = parametersOf(device, shape, outputs, options);
    this.weight = weight;
    if (bias) this.bias = bias;
  }

  /**
   * Convolves `[B, inputs, H, W]` to `[B, outputs, rows, columns]`.
   *
   * @throws {RangeError} If the images have other channels, or are smaller than the kernel.
   */
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups } = this.#options;
    const bias = this.bias && inType(this.bias, x.dtype);
    return conv2d(x, inType(this.weight, x.dtype), { stride, padding, dilation, groups, bias });
  }
}

/** A convolution of sequences, see {@linkcode conv1d}. */
export class Conv1d extends Module {
  /** `[outputs, inputs / groups, kernel]` */
  readonly weight: Tensor;
  /** `[outputs]`; absent with `bias: false`. */
  readonly bias?: Tensor;
  readonly #options: Conv1dOptions;

  /** Creates the parameters. @throws {RangeError} If a size or an option is out of range. */
  constructor(
    device: Device,
    inputs: number,
    outputs: number,
    kernel: number,
    options: Conv1dOptions,
  ) {
    super();
    const { groups = 1 } = options ?? {};
    checkLayer("Conv1d", device, { inputs, outputs, kernel, groups }, options, OPTIONS, ["seed"]);
    checkWindows("Conv1d", inputs, outputs, options);
    this.#options = options;
    const shape = [outputs, inputs / groups, kernel];
    const { weight, bias } = parametersOf(device, shape, outputs, options);
    this.weight = weight;
    if (bias) this.bias = bias;
  }

  /** Convolves `[B, inputs, L]` to `[B, outputs, windows]`. @throws {RangeError} As {@linkcode conv1d}. */
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups } = this.#options;
    const bias = this.bias && inType(this.bias, x.dtype);
    return conv1d(x, inType(this.weight, x.dtype), { stride, padding, dilation, groups, bias });
  }
}

/** A transposed convolution of images, see {@linkcode convTranspose2d}. */
export class ConvTranspose2d extends Module {
  /** `[inputs, outputs / groups, kernel height, kernel width]` */
  readonly weight: Tensor;
  /** `[outputs]`; absent with `bias: false`. */
  readonly bias?: Tensor;
  readonly #options: ConvTranspose2dOptions;

  /** Creates the parameters. @throws {RangeError} If a size or an option is out of range. */
  constructor(
    device: Device,
    inputs: number,
    outputs: number,
    kernel: NumberOrPair,
    options: ConvTranspose2dOptions,
  ) {
    super();
    const [height, width] = sidesOf(kernel) as [number, number];
    const { groups = 1 } = options ?? {};
    const sizes = { inputs, outputs, kernel: height, "kernel width": width, groups };
    const known = { ...OPTIONS, outputPadding: true } as const;
    checkLayer("ConvTranspose2d", device, sizes, options, known, ["seed"]);
    checkWindows("ConvTranspose2d", inputs, outputs, options);
    this.#options = options;
    const shape = [inputs, outputs / groups, height, width];
    const { weight, bias } = parametersOf(device, shape, outputs, options);
    this.weight = weight;
    if (bias) this.bias = bias;
  }

  /**
   * Makes images larger: `[B, inputs, H, W]` to `[B, outputs, rows, columns]`.
   *
   * @throws {RangeError} As {@linkcode convTranspose2d}.
   */
  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups, outputPadding } = this.#options;
    const bias = this.bias && inType(this.bias, x.dtype);
    const options = { stride, padding, dilation, groups, outputPadding, bias };
    return convTranspose2d(x, inType(this.weight, x.dtype), options);
  }
}
