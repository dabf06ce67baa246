/**
 * Options for sampling, and sampling the next token from logits on the device, so that a GPU continues
 * without waiting for the host. `sample_token.ts` does the same on the host, with all options.
 *
 * @module
 */

import { checkThat } from "../../tensor/checks.ts";
import { type Error, wrongState } from "../../tensor/errors.ts";
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
  /**
   * Sample only from the fewest of the most likely tokens whose probabilities add up to this.
   * @default {1}
   */
  readonly topP?: number;
  /** Subtracted from a token's logit, times how often it was sampled before. @default {0} */
  readonly frequencyPenalty?: number;
  /** Subtracted from the logit of every token that was sampled before. @default {0} */
  readonly presencePenalty?: number;
  /** Seed: the same seed samples the same tokens. @default {42} */
  readonly seed?: number;
}

/** Validates sampling options. @throws {RangeError} If an option is out of range. */
export function checkSampling(options: SamplingOptions): void {
  const { temperature = 1, topK = 0, topP = 1, seed = 42 } = options;
  const check = (holds: boolean, wanted: string, got: number) =>
    checkThat(holds, "sample", wanted, got);
  check(temperature >= 0 && temperature < Infinity, "a temperature from 0 up", temperature);
  check(Number.isInteger(topK) && topK >= 0, "a topK from 0 up (0: all tokens)", topK);
  check(topP >= 0 && topP <= 1, "a topP from 0 to 1", topP);
  for (const name of ["frequencyPenalty", "presencePenalty"] as const) {
    const penalty = options[name] ?? 0;
    check(Number.isFinite(penalty), `a finite ${name}`, penalty);
  }
  check(Number.isSafeInteger(seed) && seed >= 0, "an integer seed from 0 up", seed);
}

/** Whether {@linkcode sampleTokens} supports all of the options. */
export function isSampledOnDevice(options: SamplingOptions): boolean {
  const { topP = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  return topP === 1 && frequencyPenalty === 0 && presencePenalty === 0;
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
 * Samples a token from each row of logits, if {@linkcode isSampledOnDevice}.
 *
 * @param logits `[rows, vocabulary]`
 * @param step The index of the token: each step has random numbers of its own.
 * @returns `int32 [rows]`, to be checked by {@linkcode checkSampled}: −1 for rows whose largest
 * logit is NaN or infinite, since a device cannot throw.
 */
export function sampleTokens(logits: Tensor, step: number, options: SamplingOptions): Tensor {
  const { seed = 42 } = options;
  return sampleAlike(logits, options, () => uniformArray(deriveSeed(seed, step), logits.shape[0]!));
}

/**
 * Samples a token from each row as {@linkcode sampleTokens} does.
 *
 * @param uniforms For each row the number from 0 up to 1 that decides, unless the temperature is 0.
 */
export function sampleAlike(
  logits: Tensor,
  { temperature = 1, topK = 0 }: SamplingOptions,
  uniforms: () => Float32Array,
): Tensor {
  if (temperature === 0) return runProgram(likeliest, [logits], [], "int32").squeeze(-1);
  const numbers = Tensor.from(logits.device, uniforms());
  const scalars = [Math.max(temperature, MIN_TEMPERATURE)];
  const sample = (logits: Tensor) => multinomial(runProgram(weightsOf, [logits], scalars), numbers);
  if (topK === 0 || topK >= logits.shape[1]!) return sample(logits);
  const { values, indices } = largestOf(logits, topK);
  return gather(indices, -1, sample(values).unsqueeze(-1)).squeeze(-1);
}

/** Checks what {@linkcode sampleTokens} returned. @throws {Error} If a row was not finite. */
export function checkSampled(tokens: ArrayLike<number>): void {
  const row = Array.from(tokens).findIndex((token) => token < 0);
  if (row !== -1) throw notFinite(` in row ${row}`);
}

/** The error for logits that cannot be sampled from. */
export function notFinite(where = ""): Error {
  const got = `NaN or infinity${where}. Are all of the model's weights finite?`;
  return wrongState("sample a token", "finite logits", got);
}
