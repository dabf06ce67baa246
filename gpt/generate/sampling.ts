/** Drawing the next token from logits, on the device. @module */

import { Error, RangeError } from "../../tensor/errors.ts";
import {
  defineProgram,
  deriveSeed,
  expression as ex,
  gather,
  multinomial,
  runProgram,
  Tensor,
  topK as largestOf,
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

/** The smallest temperature that `float32` can divide by on every device. */
const MIN_TEMPERATURE = 2 ** -126;

/** The first of the largest logits, or −1 if it is NaN or infinite: nothing equals NaN. */
const likeliest = defineProgram({ name: "likeliest token", inputs: ["logits"] }, ({ logits }) => {
  const largest = ex.rowMax(logits);
  const finite = ex.select(ex.less(ex.abs(largest), Infinity), largest, NaN);
  const first = ex.rowMin(ex.select(ex.equal(logits, finite), ex.columnIndex, ex.rowLength));
  return [ex.select(ex.less(first, ex.rowLength), first, -1)];
});

/**
 * How likely each token is, relative to the likeliest. Subtracting the largest logit first keeps the
 * lowest temperatures from overflowing; if it is NaN or infinite, so is a weight.
 */
const weightsOf = defineProgram(
  { name: "sampling weights", inputs: ["logits"], scalars: ["temperature"] },
  ({ logits, temperature }) => [
    ex.exp(ex.divide(ex.subtract(logits, ex.rowMax(logits)), temperature)),
  ],
);

/**
 * Draws a token for each row of logits.
 *
 * @param logits `[rows, vocabulary]`
 * @param step The number of the draw, so that each step draws anew.
 * @returns `int32 [rows]`, to be read with {@linkcode checkSampled}: −1 for a row whose largest logit is
 * NaN or infinite, as the device cannot throw.
 *
 * @example The likeliest token
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { sampleTokens } from "./sampling.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const sampled = sampleTokens(Tensor.from(device, [[0, 5, 1]]), 0, { temperature: 0 });
 * if (await sampled.item() !== 1) throw new Error("expected token 1");
 * await device.close();
 * ```
 */
export function sampleTokens(logits: Tensor, step: number, options: SamplingOptions): Tensor {
  const { temperature = 1, topK = 0, seed = 42 } = options;
  if (temperature === 0) return runProgram(likeliest, [logits], [], "int32")[0]!.squeeze(-1);
  const [rows, vocabSize] = logits.shape as [number, number];
  const uniforms = Tensor.from(logits.device, uniformArray(deriveSeed(seed, step), rows));
  const sample = (logits: Tensor) => {
    const scalars = [Math.max(temperature, MIN_TEMPERATURE)];
    return multinomial(runProgram(weightsOf, [logits], scalars)[0]!, uniforms);
  };
  if (topK === 0 || topK >= vocabSize) return sample(logits);
  const { values, indices } = largestOf(logits, topK);
  return gather(indices, -1, sample(values).unsqueeze(-1)).squeeze(-1);
}

/**
 * Checks tokens that were read back from the device.
 *
 * @param tokens What {@linkcode sampleTokens} sampled, one for each row.
 * @throws {Error} If a row of logits was not finite.
 */
export function checkSampled(tokens: readonly number[]): void {
  const row = tokens.findIndex((token) => token < 0);
  if (row === -1) return;
  throw new Error(
    `Cannot sample a token: wanted finite logits, got NaN or infinity in row ${row}. ` +
      `Are all of the model's weights finite?`,
  );
}
