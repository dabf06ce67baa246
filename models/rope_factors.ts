/** The scaling of rotary frequencies in GGUF: a tensor of factors instead of the numbers they follow from. @module */

import { type LlamaConfig, llamaFrequencies, type RopeScaling } from "./llama.ts";

/** The tensor's name. */
export const ROPE_FACTORS = "rope_freqs.weight";

type Rope = Pick<LlamaConfig, "headSize" | "ropeBase">;

/** Llama 3's own numbers, which all published models share but for the factor. */
const LOW_FREQ_FACTOR = 1;
const HIGH_FREQ_FACTOR = 4;
/** The original context of Llama 3, where a file does not say. */
export const ORIGINAL_LENGTH = 8192;

/** The factors that divide the frequencies, `[headSize / 2]`. */
export function ropeFactors(rope: Rope, ropeScaling: RopeScaling): Float32Array<ArrayBuffer> {
  const scaled = llamaFrequencies({ ...rope, ropeScaling });
  const plain = llamaFrequencies({ ...rope, ropeScaling: null });
  return Float32Array.from(plain, (frequency, i) => frequency / scaled[i]!);
}

/**
 * The scaling that factors follow from.
 *
 * @returns The scaling; `null` if they are not Llama 3's.
 */
export function scalingOf(
  factors: Float32Array,
  rope: Rope,
  originalLength: number,
): RopeScaling | null {
  const scaling = {
    factor: Math.max(...factors),
    lowFreqFactor: LOW_FREQ_FACTOR,
    highFreqFactor: HIGH_FREQ_FACTOR,
    originalLength,
  };
  const wanted = ropeFactors(rope, scaling);
  const isAlike = wanted.length === factors.length &&
    wanted.every((factor, i) => Math.abs(factors[i]! / factor - 1) < 1e-4);
  return isAlike ? scaling : null;
}
