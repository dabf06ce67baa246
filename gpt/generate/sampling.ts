/** Sampling the next token from logits, on the device. @module */

import { Error, wrongValue } from "../../tensor/errors.ts";
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

/** Options for sampling. */
export interface SamplingOptions {
  /** 0 takes the most likely token, 1 samples from the model's distribution. @default {1} */
  readonly temperature?: number;
  /** Sample only from the most likely `topK` tokens; 0, the default, from all. */
  readonly topK?: number;
  /** Seed: the same seed samples the same tokens. @default {42} */
  readonly seed?: number;
}

/** Validates sampling options. @throws {RangeError} If an option is out of range. */
export function checkSampling({ temperature = 1, topK = 0, seed = 42 }: SamplingOptions): void {
  const check = (wanted: string, got: number, isRight: boolean) => {
    if (!isRight) throw wrongValue("sample", wanted, got);
  };
  check("a temperature from 0 up", temperature, temperature >= 0 && Number.isFinite(temperature));
  check("a topK from 0 up (0: all tokens)", topK, Number.isInteger(topK) && topK >= 0);
  check("an integer seed from 0 up", seed, Number.isSafeInteger(seed) && seed >= 0);
}

/** The lowest temperature that `float32` can divide by on every device. */
const MIN_TEMPERATURE = 2 ** -126;

/** Argmax of the logits; −1 if the maximum is NaN or infinite. */
const likeliest = defineProgram({ name: "likeliest token", inputs: ["logits"] }, ({ logits }) => {
  const largest = ex.rowMax(logits);
  const finite = ex.select(ex.less(ex.abs(largest), Infinity), largest, NaN);
  const first = ex.rowMin(ex.select(ex.equal(logits, finite), ex.columnIndex, ex.rowLength));
  return [ex.select(ex.less(first, ex.rowLength), first, -1)];
});

/** Unnormalized softmax; NaN or infinity in the maximum gives such a weight. */
const weightsOf = defineProgram(
  { name: "sampling weights", inputs: ["logits"], scalars: ["temperature"] },
  ({ logits, temperature }) => [
    ex.exp(ex.divide(ex.subtract(logits, ex.rowMax(logits)), temperature)),
  ],
);

/**
 * Samples a token from each row of logits.
 *
 * @param logits `[rows, vocabulary]`
 * @param step The index of the token: each step has random numbers of its own.
 * @returns `int32 [rows]`, to be checked by {@linkcode checkSampled}: −1 for rows whose largest
 * logit is NaN or infinite, since a device cannot throw.
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

/** Checks what {@linkcode sampleTokens} returned. @throws {Error} If a row was not finite. */
export function checkSampled(tokens: readonly number[]): void {
  const row = tokens.findIndex((token) => token < 0);
  if (row === -1) return;
  throw new Error(
    `Cannot sample a token: wanted finite logits, got NaN or infinity in row ${row}. ` +
      `Are all of the model's weights finite?`,
  );
}
