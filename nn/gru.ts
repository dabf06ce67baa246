/** Gated recurrent unit. @module */

import {
  defineProgram,
  type Device,
  expression as ex,
  linear,
  runProgram,
  split,
} from "../tensor/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { Recurrent, type RecurrentOptions } from "./recurrent.ts";

/** The state of a {@linkcode GRU}. */
export interface GRUState {
  /** The hidden state of the last position, `[layers · directions, batch, width]`. */
  readonly hidden: Tensor;
}

const nextHidden = defineProgram(
  { name: "GRU", inputs: ["hidden", "reset", "update", "candidate", "fromHidden"] },
  ({ hidden, reset, update, candidate, fromHidden }) => {
    const kept = ex.multiply(ex.sigmoid(reset), fromHidden);
    const next = ex.tanh(ex.add(candidate, kept));
    return [ex.add(next, ex.multiply(ex.sigmoid(update), ex.subtract(hidden, next)))];
  },
);

/**
 * Gated recurrent unit: reads a sequence, batch first, position by position. Parameters are named and
 * laid out as in PyTorch: gates in the order reset, update, candidate, and the reset gate applies to the
 * product with the hidden state. Source: Cho et al. (2014).
 *
 * @example
 * ```ts
 * import { normal, openDevice } from "../tensor/mod.ts";
 * import { GRU } from "./gru.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const gru = new GRU(device, 3, 4, { bidirectional: true, seed: 42 });
 * const { output, hidden } = gru.forward(normal(device, [5, 6, 3], { seed: 1 }));
 * if (output.shape.join() !== "5,6,8") throw new Error(`got ${output.shape}`);
 * if (hidden.shape.join() !== "2,5,4") throw new Error(`got ${hidden.shape}`);
 * await device.close();
 * ```
 */
export class GRU extends Recurrent {
  /** Creates the parameters. @throws {RangeError} If a size is not a positive integer. */
  constructor(device: Device, inputs: number, width: number, options: RecurrentOptions) {
    super("GRU", 3, device, inputs, width, options);
  }

  /**
   * Reads sequences, `[batch, positions, inputs]`.
   *
   * @param state The state to begin with, as `forward` returned it; zeros without.
   * @returns `output`, the hidden states of the last layer, `[batch, positions, directions · width]`, and
   * that of the last position. Detach this to train on long sequences piece by piece.
   * @throws {RangeError} If a shape does not match, or there are no positions.
   * @throws {TypeError} If a state is no tensor.
   */
  forward(x: Tensor, state?: GRUState): GRUState & { readonly output: Tensor } {
    return this.run(x, state, ["hidden"]);
  }

  /** Computes the new states of one layer at one position. */
  protected override step(
    x: Tensor,
    [hidden]: readonly [hidden: Tensor],
    weight: Tensor,
    bias: Tensor | undefined,
  ): Tensor[] {
    const gates = (all: Tensor) => split(all, [2 * this.width, this.width], -1);
    const [ofInput, ofHidden] = [gates(x), gates(linear(hidden, weight, bias))];
    const [reset, update] = split(ofInput[0]!.add(ofHidden[0]!), [this.width, this.width], -1);
    return [runProgram(nextHidden, [hidden, reset!, update!, ofInput[1]!, ofHidden[1]!])];
  }
}
