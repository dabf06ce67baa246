/**
 * The costs of a GPT: FLOPs and bytes of KV cache.
 *
 * A multiply-add counts as two operations. Linear layers cost two per parameter and token, and four
 * more backward. Attention costs depend on the tokens in its window. Embeddings, norms and the
 * softmax are neglected.
 *
 * Source: nanochat, `nanochat/gpt.py`, after Chowdhery et al., "PaLM" (2022), appendix B.
 *
 * @module
 */

import { bytesPerElement } from "../../tensor/layout.ts";
import type { FloatType } from "../../tensor/mod.ts";
import { type GPTConfig, headSize, windowSizes } from "./config.ts";
import { matmulParameters } from "./parameters.ts";

/**
 * FLOPs per token of training, forward and backward, in a full sequence.
 *
 * @example
 * ```ts
 * import { decodeFlops, flopsPerToken, kvBytesPerToken, prefillFlops } from "./costs.ts";
 *
 * const size = { sequenceLen: 256, vocabSize: 256, nLayer: 4, nHead: 2, nKvHead: 2, nEmbd: 64 };
 * const config = { ...size, windowPattern: "SSSL" };
 * if (flopsPerToken(config) !== 1769904) throw new Error("expected 1769904");
 * if (prefillFlops(config, 256) !== 136433664) throw new Error("expected 136433664");
 * if (decodeFlops(config, 256) !== 589968) throw new Error("expected 589968");
 * if (kvBytesPerToken(config) !== 2048) throw new Error("expected 2048");
 * ```
 */
export function flopsPerToken(config: GPTConfig): number {
  const attended = attendedByLast(config, config.sequenceLen);
  return 6 * matmulParameters(config) + 12 * queryWidth(config) * attended;
}

/**
 * FLOPs of the forward pass that decodes a token with a KV cache, as the last of `contextLength`.
 */
export function decodeFlops(config: GPTConfig, contextLength: number): number {
  const attended = attendedByLast(config, contextLength);
  return 2 * matmulParameters(config) + 4 * queryWidth(config) * attended;
}

/** FLOPs of the forward pass that prefills a prompt, with causal attention. */
export function prefillFlops(config: GPTConfig, tokens: number): number {
  const attended = sum(
    windowSizes(config).map((window) => {
      const width = Math.min(window, tokens);
      // The first tokens attend to 1, 2, … up to the window, later ones to a full window.
      return width * (width + 1) / 2 + (tokens - width) * width;
    }),
  );
  return 2 * matmulParameters(config) * tokens + 4 * queryWidth(config) * attended;
}

/** Bytes per token in the KV cache, over all layers; `bytesPerValue` is 4 in single precision. */
export function kvBytesPerToken(
  config: Pick<GPTConfig, "nLayer" | "nHead" | "nKvHead" | "nEmbd">,
  bytesPerValue = 4,
): number {
  return config.nLayer * kvBytesPerLayer(config, bytesPerValue);
}

/** Bytes of KV cache that decoding the last of `contextLength` tokens reads. */
export function kvReadBytes(
  config: GPTConfig,
  contextLength: number,
  dtype: FloatType = "float32",
): number {
  return kvBytesPerLayer(config, bytesPerElement(dtype)) * attendedByLast(config, contextLength);
}

function kvBytesPerLayer(
  config: Pick<GPTConfig, "nHead" | "nKvHead" | "nEmbd">,
  bytesPerValue: number,
): number {
  return 2 * config.nKvHead * headSize(config) * bytesPerValue;
}

/** Tokens that the last one of a sequence attends to, summed over layers. */
function attendedByLast(config: GPTConfig, contextLength: number): number {
  return sum(windowSizes(config).map((window) => Math.min(contextLength, window)));
}

function queryWidth(config: GPTConfig): number {
  return config.nHead * headSize(config);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
