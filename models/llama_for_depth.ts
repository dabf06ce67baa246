/** A Llama of the size that nanochat's model has at the same depth. @module */

import type { GPTConfig } from "../gpt/browser.ts";
import type { LlamaConfig } from "./llama.ts";

/** The width of the MLP is a multiple of this, as blocks of 8 and 4 bits in GGUF need. */
const MLP_MULTIPLE = 64;

/**
 * The shape of a Llama, of that of a nanochat model: as many layers and heads, as wide, and an MLP with three
 * matrices of 8/3 of the width instead of two of 4.
 *
 * @example
 * ```ts
 * import { llamaLike } from "./llama_for_depth.ts";
 *
 * const shape = { sequenceLen: 64, vocabSize: 512, nLayer: 4, nHead: 2, nKvHead: 2, nEmbd: 256 };
 * const { mlpWidth, headSize } = llamaLike({ ...shape, windowPattern: "L" });
 * if (mlpWidth !== 704 || headSize !== 128) throw new Error(`${mlpWidth}, ${headSize}`);
 * ```
 */
export function llamaLike(
  { sequenceLen, vocabSize, nLayer, nHead, nKvHead, nEmbd }: GPTConfig,
): LlamaConfig {
  return {
    kind: "llama",
    vocabSize,
    sequenceLen,
    layers: nLayer,
    heads: nHead,
    keyHeads: nKvHead,
    headSize: nEmbd / nHead,
    width: nEmbd,
    mlpWidth: MLP_MULTIPLE * Math.ceil(8 * nEmbd / 3 / MLP_MULTIPLE),
    epsilon: 1e-5,
    ropeBase: 10_000,
    ropeScaling: null,
    isTied: false,
  };
}
