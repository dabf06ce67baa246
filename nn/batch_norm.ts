/** Batch normalization. @module */

import type { OptionNames } from "../tensor/checks.ts";
import { RangeError, wrongValue } from "../tensor/errors.ts";
import {
  copyInto,
  defineProgram,
  type Device,
  expression as ex,
  noGrad,
  runProgramOutputs,
  Tensor,
} from "../tensor/mod.ts";
import { formatShape } from "../tensor/layout.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { buffer } from "./buffer.ts";
import { ones, zeros } from "./initializers.ts";
import { checkLayer, inType, parameter } from "./parameter.ts";
import { Module } from "./module.ts";

/** Options for {@linkcode BatchNorm1d} and {@linkcode BatchNorm2d}. */
export interface BatchNormOptions {
  /** Added to the variance. @default {1e-5} */
  readonly epsilon?: number;
  /**
   * Weight of a new batch in the running mean and variance; `null` to average over all batches.
   * @default {0.1}
   */
  readonly momentum?: number | null;
}

const OPTIONS: OptionNames<BatchNormOptions> = { epsilon: true, momentum: true };

/** Computes, for each row, the row with mean 0 and variance 1, its mean, and its variance over n. */
const normalizeRows = /* @__PURE__ */ defineProgram(
  { name: "batch norm", inputs: ["x"], scalars: ["epsilon"] },
  ({ x, epsilon }) => {
    const mean = ex.rowMean(x);
    const distance = ex.subtract(x, mean);
    const variance = ex.rowMean(ex.square(distance));
    const scale = ex.divide(1, ex.sqrt(ex.add(variance, epsilon)));
    return [ex.multiply(distance, scale), mean, variance];
  },
);

/** The common part of {@linkcode BatchNorm1d} and {@linkcode BatchNorm2d}, which take different shapes. */
export abstract class BatchNorm extends Module {
  /** Scale, `[channels]`, initially one. */
  readonly weight: Tensor;
  /** Bias, `[channels]`, initially zero. */
  readonly bias: Tensor;
  /** Running mean, `[channels]`. This and the next two are named as in PyTorch's files. */
  readonly running_mean: Tensor;
  /** Running variance, over n − 1, `[channels]`. */
  readonly running_var: Tensor;
  /** Batches seen in training mode, `int32 []`. */
  readonly num_batches_tracked: Tensor;
  readonly #epsilon: number;
  readonly #momentum: number | null;
  readonly #name: string;
  readonly #shapes: readonly string[];

  /** Creates the parameters and buffers; `shapes` are those that it takes, as messages show them. */
  constructor(
    name: string,
    shapes: readonly string[],
    device: Device,
    channels: number,
    options: BatchNormOptions,
  ) {
    super();
    checkLayer(name, device, { channels }, options, OPTIONS);
    const { epsilon = 1e-5, momentum = 0.1 } = options;
    if (momentum !== null && !(momentum >= 0 && momentum <= 1)) {
      throw wrongValue(`make a ${name}`, "a momentum from 0 to 1", momentum);
    }
    this.#name = name;
    this.#shapes = shapes;
    this.#epsilon = epsilon;
    this.#momentum = momentum;
    this.weight = parameter(device, [channels], ones, 0);
    this.bias = parameter(device, [channels], zeros, 0);
    this.running_mean = buffer(Tensor.zeros(device, [channels]));
    this.running_var = buffer(Tensor.ones(device, [channels]));
    this.num_batches_tracked = buffer(Tensor.zeros(device, [], { dtype: "int32" }));
  }

  /**
   * Normalizes each channel, the second axis: by its mean and variance in the batch in training mode,
   * which the running ones follow; by the running ones after `eval()`.
   *
   * @throws {RangeError} If there are other axes or channels, or one value a channel to train on.
   */
  forward(x: Tensor): Tensor {
    const what = `run a ${this.#name}`;
    checkTensor(what, x);
    const [, channels = 0, ...rest] = x.shape;
    const isKnown = this.#shapes.some((shape) => shape.split(",").length === x.shape.length);
    if (!isKnown || channels !== this.weight.shape[0]) {
      const wanted = this.#shapes.map((shape) => shape.replace("C", `${this.weight.shape[0]}`));
      throw wrongValue(what, wanted.join(" or "), formatShape(x.shape));
    }
    const shape = [channels, ...rest.map(() => 1)];
    const perChannel = (tensor: Tensor) => inType(tensor, x.dtype).reshape(shape);
    const normal = this.isTraining ? this.#normalize(x) : x.sub(perChannel(this.running_mean))
      .div(this.running_var.add(this.#epsilon).sqrt().to(x.dtype).reshape(shape));
    return normal.mul(perChannel(this.weight)).add(perChannel(this.bias));
  }

  /** Normalizes by the batch, and updates the running mean and variance. */
  #normalize(x: Tensor): Tensor {
    const channelsFirst = x.transpose(0, 1);
    const rows = channelsFirst.reshape([x.shape[1]!, -1]);
    const count = rows.shape[1]!;
    if (count < 2) {
      throw new RangeError(
        `Cannot run a ${this.#name}: wanted more than one value a channel to train on, got the ` +
          `shape ${formatShape(x.shape)}`,
      );
    }
    // A variance may exceed what float16 holds.
    const [normal, mean, variance] = runProgramOutputs(
      normalizeRows,
      [rows],
      [this.#epsilon],
      "float32",
    );
    noGrad(() => {
      copyInto(this.num_batches_tracked.add(1), this.num_batches_tracked);
      const batches = this.num_batches_tracked.to("float32");
      const follow = (running: Tensor, now: Tensor) => {
        const change = now.reshape(running.shape).sub(running);
        const step = this.#momentum === null ? change.div(batches) : change.mul(this.#momentum);
        copyInto(running.add(step), running);
      };
      follow(this.running_mean, mean!);
      follow(this.running_var, variance!.mul(count / (count - 1)));
    });
    return normal!.to(x.dtype).reshape(channelsFirst.shape).transpose(0, 1);
  }
}

/**
 * Normalizes each channel of a batch to mean 0 and variance 1, then applies a learned scale and bias.
 * Source: Ioffe and Szegedy, "Batch Normalization" (2015).
 *
 * In training mode, which is the default, a batch is normalized by its own mean and variance, and
 * the running mean and variance follow them; after `eval()`, these are used instead. They are
 * buffers: saved and loaded with the parameters, under PyTorch's names.
 *
 * @example
 * ```ts
 * import { normal, openDevice } from "../tensor/mod.ts";
 * import { BatchNorm2d } from "./batch_norm.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const layer = new BatchNorm2d(device, 3);
 * const x = normal(device, [8, 3, 4, 4], { seed: 1, mean: 5 });
 * if (Math.abs(await layer.forward(x).mean().item()) > 1e-5) throw new Error("expected mean 0");
 * const names = [...layer.stateDict().keys()].join();
 * if (names !== "weight,bias,running_mean,running_var,num_batches_tracked") throw new Error(names);
 * await device.close();
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  /** Creates the parameters and buffers. @throws {RangeError} If `channels` is not 1 or more. */
  constructor(device: Device, channels: number, options: BatchNormOptions = {}) {
    super("BatchNorm2d", ["[B, C, H, W]"], device, channels, options);
  }
}

/** Batch normalization of vectors `[B, C]` or sequences `[B, C, L]`, see {@linkcode BatchNorm2d}. */
export class BatchNorm1d extends BatchNorm {
  /** Creates the parameters and buffers. @throws {RangeError} If `channels` is not 1 or more. */
  constructor(device: Device, channels: number, options: BatchNormOptions = {}) {
    super("BatchNorm1d", ["[B, C]", "[B, C, L]"], device, channels, options);
  }
}
