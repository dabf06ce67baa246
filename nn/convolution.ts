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
import { checkLayer, inType, namedSeed, parameter } from "./parameter.ts";
import { Module } from "./module.ts";

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

const sidesOf = (kernel: NumberOrPair): readonly [number, number] =>
  Array.isArray(kernel) ? kernel as [number, number] : [kernel as number, kernel as number];

/** The common part of {@linkcode Conv1d}, {@linkcode Conv2d} and {@linkcode ConvTranspose2d}. */
export abstract class Convolution<Options extends Conv1dOptions | Conv2dOptions> extends Module {
  /**
   * `[outputs, inputs / groups, kernel]` for sequences, `[outputs, inputs / groups, kernel height, kernel
   * width]` for images; of a transposed convolution `[inputs, outputs / groups, kernel height, kernel width]`.
   */
  readonly weight: Tensor;
  /** `[outputs]`; absent with `bias: false`. */
  readonly bias?: Tensor;
  readonly #options: Options;

  /** Creates the parameters, with PyTorch's initial values. */
  protected constructor(
    name: string,
    device: Device,
    [inputs, outputs]: readonly [number, number],
    kernel: readonly number[],
    options: Options,
    known: OptionNames<Options>,
  ) {
    super();
    const { seed, groups = 1, bias = true, initialWeight } = options ?? {};
    const [height = 0, width = 1] = kernel;
    const sizes = { inputs, outputs, kernel: height, "kernel width": width, groups };
    checkLayer(name, device, sizes, options, known, ["seed"]);
    const what = `make a ${name}`;
    // Otherwise only the first `forward` would notice.
    geometryOf(what, [1, 1], options);
    if (inputs % groups !== 0 || outputs % groups !== 0) {
      throw wrongValue(what, `groups that divide ${inputs} inputs and ${outputs} outputs`, groups);
    }
    this.#options = options;
    const isTransposed = "outputPadding" in known;
    const [first, second] = isTransposed ? [inputs, outputs] : [outputs, inputs];
    const shape = [first, second / groups, ...kernel];
    const bound = 1 / Math.sqrt(shape.slice(1).reduce((product, size) => product * size, 1));
    const initial = initialWeight ?? uniform(-bound, bound);
    this.weight = parameter(device, shape, initial, namedSeed(seed, "weight"));
    if (!bias) return;
    this.bias = parameter(device, [outputs], uniform(-bound, bound), namedSeed(seed, "bias"));
  }

  /** The weight, and the options of the operation, in the dtype of its input. */
  protected operands({ dtype }: Tensor): readonly [
    weight: Tensor,
    options: Omit<Options, "seed" | "bias" | "initialWeight"> & { bias: Tensor | undefined },
  ] {
    const { seed: _seed, bias: _bias, initialWeight: _initial, ...windows } = this.#options;
    return [
      inType(this.weight, dtype),
      { ...windows, bias: this.bias && inType(this.bias, dtype) },
    ];
  }
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
export class Conv2d extends Convolution<Conv2dOptions> {
  /** Creates the parameters. @throws {RangeError} If a size or an option is out of range. */
  constructor(
    device: Device,
    inputs: number,
    outputs: number,
    kernel: NumberOrPair,
    options: Conv2dOptions,
  ) {
    super("Conv2d", device, [inputs, outputs], sidesOf(kernel), options, OPTIONS);
  }

  /**
   * Convolves `[B, inputs, H, W]` to `[B, outputs, rows, columns]`.
   *
   * @throws {RangeError} If the images have other channels, or are smaller than the kernel.
   */
  forward(x: Tensor): Tensor {
    return conv2d(x, ...this.operands(x));
  }
}

/** A convolution of sequences, see {@linkcode conv1d}. */
export class Conv1d extends Convolution<Conv1dOptions> {
  /** Creates the parameters. @throws {RangeError} If a size or an option is out of range. */
  constructor(
    device: Device,
    inputs: number,
    outputs: number,
    kernel: number,
    options: Conv1dOptions,
  ) {
    super("Conv1d", device, [inputs, outputs], [kernel], options, OPTIONS);
  }

  /** Convolves `[B, inputs, L]` to `[B, outputs, windows]`. @throws {RangeError} As {@linkcode conv1d}. */
  forward(x: Tensor): Tensor {
    return conv1d(x, ...this.operands(x));
  }
}

/** A transposed convolution of images, see {@linkcode convTranspose2d}. */
export class ConvTranspose2d extends Convolution<ConvTranspose2dOptions> {
  /** Creates the parameters. @throws {RangeError} If a size or an option is out of range. */
  constructor(
    device: Device,
    inputs: number,
    outputs: number,
    kernel: NumberOrPair,
    options: ConvTranspose2dOptions,
  ) {
    const known = { ...OPTIONS, outputPadding: true } as const;
    super("ConvTranspose2d", device, [inputs, outputs], sidesOf(kernel), options, known);
  }

  /**
   * Makes images larger: `[B, inputs, H, W]` to `[B, outputs, rows, columns]`.
   *
   * @throws {RangeError} As {@linkcode convTranspose2d}.
   */
  forward(x: Tensor): Tensor {
    return convTranspose2d(x, ...this.operands(x));
  }
}
