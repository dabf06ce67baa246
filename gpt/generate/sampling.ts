/** Drawing the next token from logits, on the device. @module */

import {
  deriveSeed,
  drawAmongLargest,
  multinomial,
  Tensor,
  uniformArray,
} from "../../tensor/mod.ts";

/** How tokens are drawn. */
export interface SamplingOptions {
  /** 1 draws as the model predicts (default); less is more certain; 0 takes the likeliest token. */
  readonly temperature?: number;
  /** Draw only from this many of the likeliest tokens; by default from all. */
  readonly topK?: number;
  /** The seed of the draw (default 42): the same seed draws the same tokens. */
  readonly seed?: number;
}

/**
 * Checks options before anything is computed with them.
 *
 * @throws {RangeError} If one is out of range.
 */
export function checkSampling({ temperature = 1, topK, seed = 42 }: SamplingOptions): void {
  if (!(temperature >= 0 && Number.isFinite(temperature))) {
    throw new RangeError(`Cannot sample: wanted a temperature from 0 up, got ${temperature}`);
  }
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 0)) {
    throw new RangeError(`Cannot sample: wanted a topK from 0 up (0: all tokens), got ${topK}`);
  }
  if (!(Number.isSafeInteger(seed) && seed >= 0)) {
    throw new RangeError(`Cannot sample: wanted an integer seed from 0 up, got ${seed}`);
  }
}

/**
 * Draws a token for each row of logits.
 *
 * @param logits `[rows, vocabulary]`
 * @param step The number of the draw, so that each step draws anew.
 * @returns `int32 [rows]`
 *
 * @example The likeliest token
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { drawTokens } from "./sampling.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const drawn = drawTokens(Tensor.from(device, [[0, 5, 1]]), 0, { temperature: 0 });
 * if (await drawn.item() !== 1) throw new Error("expected token 1");
 * await device.close();
 * ```
 */
export function drawTokens(logits: Tensor, step: number, options: SamplingOptions): Tensor {
  const { temperature = 1, topK = 0, seed = 42 } = options;
  if (temperature === 0) return logits.argmax(-1);
  const [rows, vocabSize] = logits.shape as [number, number];
  const uniforms = Tensor.from(logits.device, uniformArray(deriveSeed(seed, step), rows));
  if (topK === 0 || topK >= vocabSize) {
    return multinomial(logits.div(temperature).softmax(), uniforms);
  }
  return drawAmongLargest(logits, uniforms, { k: topK, temperature });
}
