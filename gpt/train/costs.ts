/**
 * What a GPT costs: floating-point operations and bytes of its key and value cache.
 *
 * A multiplication and an addition are two operations. A linear layer costs two for each parameter
 * and token, and twice as much again on the way back. Attention costs as much as the tokens that it
 * looks at, so its windows count. Embeddings, norms and the softmax are left out as too small.
 *
 * Source: nanochat, `nanochat/gpt.py`, after Chowdhery et al., "PaLM" (2022), appendix B.
 *
 * @module
 */

import { type GPTConfig, headSize, windowSizes } from "../model/config.ts";
import { matmulParameters } from "../model/parameters.ts";

/**
 * The operations of training on one token, forward and backward, in a full sequence.
 *
 * @param config The shape of the model.
 * @returns Floating-point operations.
 *
 * @example
 * ```ts
 * import { flopsPerToken } from "./costs.ts";
 *
 * const flops = flopsPerToken({
 *   sequenceLen: 256,
 *   vocabSize: 256,
 *   nLayer: 4,
 *   nHead: 2,
 *   nKvHead: 2,
 *   nEmbd: 64,
 *   windowPattern: "SSSL",
 * });
 * if (flops !== 1769904) throw new Error(`expected 1769904, got ${flops}`);
 * ```
 */
export function flopsPerToken(config: GPTConfig): number {
  const attended = attendedByLast(config, config.sequenceLen);
  return 6 * matmulParameters(config) + 12 * queryWidth(config) * attended;
}

/**
 * The operations of computing one more token, given a cache of those before it.
 *
 * @param config The shape of the model.
 * @param contextLength The number of tokens so far, with the new one.
 * @returns Floating-point operations, forward only.
 *
 * @example
 * ```ts
 * import { decodeFlops } from "./costs.ts";
 *
 * const config = {
 *   sequenceLen: 256,
 *   vocabSize: 256,
 *   nLayer: 4,
 *   nHead: 2,
 *   nKvHead: 2,
 *   nEmbd: 64,
 *   windowPattern: "SSSL",
 * };
 * if (decodeFlops(config, 256) !== 589968) throw new Error("expected 589968");
 * ```
 */
export function decodeFlops(config: GPTConfig, contextLength: number): number {
  const attended = attendedByLast(config, contextLength);
  return 2 * matmulParameters(config) + 4 * queryWidth(config) * attended;
}

/**
 * The operations of reading a prompt, in which each token attends to those before it.
 *
 * @param config The shape of the model.
 * @param tokens The length of the prompt.
 * @returns Floating-point operations, forward only.
 *
 * @example
 * ```ts
 * import { prefillFlops } from "./costs.ts";
 *
 * const config = {
 *   sequenceLen: 256,
 *   vocabSize: 256,
 *   nLayer: 4,
 *   nHead: 2,
 *   nKvHead: 2,
 *   nEmbd: 64,
 *   windowPattern: "SSSL",
 * };
 * if (prefillFlops(config, 256) !== 136433664) throw new Error("expected 136433664");
 * ```
 */
export function prefillFlops(config: GPTConfig, tokens: number): number {
  const attended = sum(
    windowSizes(config).map((window) => {
      const width = Math.min(window, tokens);
      // The first tokens attend to 1, 2, … up to the window, all later ones to a full window.
      return width * (width + 1) / 2 + (tokens - width) * width;
    }),
  );
  return 2 * matmulParameters(config) * tokens + 4 * queryWidth(config) * attended;
}

/**
 * The bytes that one token takes in the key and value cache, over all layers.
 *
 * @param config The shape of the model.
 * @param bytesPerValue The size of a stored number: 4 in single precision.
 *
 * @example
 * ```ts
 * import { kvBytesPerToken } from "./costs.ts";
 *
 * const bytes = kvBytesPerToken({ nLayer: 4, nHead: 2, nKvHead: 2, nEmbd: 64 });
 * if (bytes !== 2048) throw new Error(`expected 2048, got ${bytes}`);
 * ```
 */
export function kvBytesPerToken(
  config: Pick<GPTConfig, "nLayer" | "nHead" | "nKvHead" | "nEmbd">,
  bytesPerValue = 4,
): number {
  return config.nLayer * kvBytesPerLayer(config, bytesPerValue);
}

/**
 * The bytes of the key and value cache that computing one more token reads.
 *
 * @param config The shape of the model.
 * @param contextLength The number of tokens so far, with the new one.
 * @param bytesPerValue The size of a stored number: 4 in single precision.
 *
 * @example
 * ```ts
 * import { kvReadBytes } from "./costs.ts";
 *
 * const config = {
 *   sequenceLen: 256,
 *   vocabSize: 256,
 *   nLayer: 4,
 *   nHead: 2,
 *   nKvHead: 2,
 *   nEmbd: 64,
 *   windowPattern: "SSSL",
 * };
 * if (kvReadBytes(config, 256) !== 327680) throw new Error("expected 327680");
 * ```
 */
export function kvReadBytes(config: GPTConfig, contextLength: number, bytesPerValue = 4): number {
  return kvBytesPerLayer(config, bytesPerValue) * attendedByLast(config, contextLength);
}

/** The keys and the values of one token in one layer. */
function kvBytesPerLayer(
  config: Pick<GPTConfig, "nHead" | "nKvHead" | "nEmbd">,
  bytesPerValue: number,
): number {
  return 2 * config.nKvHead * headSize(config) * bytesPerValue;
}

/** How many tokens the last one of a sequence attends to, summed over the layers. */
function attendedByLast(config: GPTConfig, contextLength: number): number {
  return sum(windowSizes(config).map((window) => Math.min(contextLength, window)));
}

/** The width of all query heads together. */
function queryWidth(config: GPTConfig): number {
  return config.nHead * headSize(config);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
