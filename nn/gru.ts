/** Gated recurrent unit. @module */

import { type Device, expression as ex, type Tensor } from "../tensor/mod.ts";
import { defineCell } from "../tensor/ops/recurrent.ts";
import { Recurrent, type RecurrentOptions } from "./recurrent.ts";

/** The state of a {@linkcode GRU}. */
export interface GRUState {
  /** The hidden state of the last position, `[layers · directions, batch, width]`. */
  readonly hidden: Tensor;
}

const cell = /* @__PURE__ */ defineCell("GRU", 3, 1, (ofInput, ofHidden, [hidden]) => {
  const [reset, update] = [0, 1].map((i) => ex.sigmoid(ex.add(ofInput[i]!, ofHidden[i]!)));
  const candidate = ex.tanh(ex.add(ofInput[2]!, ex.multiply(reset!, ofHidden[2]!)));
  return [ex.add(candidate, ex.multiply(update!, ex.subtract(hidden!, candidate)))];
});

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
    super("GRU", cell, device, inputs, width, options);
  }

  /**
   * Reads sequences, `[batch, positions, inputs]`.
   *
   * @param state The state to begin with, as `forward` returned it; zeros without.
   * @returns `output`, the hidden states of the last layer, `[batch, positions, directions · width]`, and
   * that of the last position. Detach this to train on long sequences piece by piece.
   * @throws {RangeError} If a shape does not match, or there are no positions.
   * @throws {TypeError} If a state is not a tensor.
   */
  forward(x: Tensor, state?: GRUState): GRUState & { readonly output: Tensor } {
    return this.run(x, state, ["hidden"]);
  }
}
