/** Long short-term memory. @module */

import { type Device, expression as ex, type Tensor } from "../tensor/mod.ts";
import { defineCell } from "../tensor/ops/recurrent.ts";
import { Recurrent, type RecurrentOptions } from "./recurrent.ts";

/** The states of an {@linkcode LSTM}, each `[layers · directions, batch, width]`. */
export interface LSTMState {
  /** The hidden state of the last position. */
  readonly hidden: Tensor;
  /** The cell state of the last position. */
  readonly cell: Tensor;
}

const cell = /* @__PURE__ */ defineCell("LSTM", 4, 2, (ofInput, ofHidden, [, before]) => {
  const [input, forget, candidate, output] = ofInput.map((each, i) => ex.add(each, ofHidden[i]!));
  const next = ex.add(
    ex.multiply(ex.sigmoid(forget!), before!),
    ex.multiply(ex.sigmoid(input!), ex.tanh(candidate!)),
  );
  return [ex.multiply(ex.sigmoid(output!), ex.tanh(next)), next];
});

/**
 * Long short-term memory: reads a sequence, batch first, position by position. Parameters are named and
 * laid out as in PyTorch: gates in the order input, forget, candidate, output. Source: Hochreiter and
 * Schmidhuber (1997); Gers et al. (2000).
 *
 * @example Continue a sequence from its state
 * ```ts
 * import { normal, openDevice } from "../tensor/mod.ts";
 * import { LSTM } from "./lstm.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const lstm = new LSTM(device, 3, 4, { layers: 2, seed: 42 });
 * const x = normal(device, [5, 6, 3], { seed: 1 });
 * const whole = lstm.forward(x).output;
 * const first = lstm.forward(x.slice(1, 0, 2));
 * const rest = lstm.forward(x.slice(1, 2), first).output;
 * const distance = await whole.slice(1, 2).sub(rest).abs().max().item();
 * if (whole.shape.join() !== "5,6,4" || distance > 1e-6) throw new Error(`got ${distance}`);
 * await device.close();
 * ```
 */
export class LSTM extends Recurrent {
  /** Creates the parameters. @throws {RangeError} If a size is not a positive integer. */
  constructor(device: Device, inputs: number, width: number, options: RecurrentOptions) {
    super("LSTM", cell, device, inputs, width, options);
  }

  /**
   * Reads sequences, `[batch, positions, inputs]`.
   *
   * @param state The states to begin with, as `forward` returned them; zeros without.
   * @returns `output`, the hidden states of the last layer, `[batch, positions, directions · width]`, and
   * the states of the last position. Detach these to train on long sequences piece by piece.
   * @throws {RangeError} If a shape does not match, or there are no positions.
   * @throws {TypeError} If a state is not a tensor.
   */
  forward(x: Tensor, state?: LSTMState): LSTMState & { readonly output: Tensor } {
    return this.run(x, state, ["hidden", "cell"]);
  }
}
