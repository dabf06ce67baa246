/** The model shape of nanochat's golden data. */

import type { GPTConfig } from "../model/config.ts";

export function goldenConfig(config: Readonly<Record<string, number | string>>): GPTConfig {
  return {
    sequenceLen: Number(config.sequence_len),
    vocabSize: Number(config.vocab_size),
    nLayer: Number(config.n_layer),
    nHead: Number(config.n_head),
    nKvHead: Number(config.n_kv_head),
    nEmbd: Number(config.n_embd),
    windowPattern: String(config.window_pattern),
  };
}
