/** The tokenizer and the model that all golden data of this module was made with. @module */

import { GPT } from "../../gpt/mod.ts";
import { goldenConfig } from "../../gpt/testing/golden_config.ts";
import type { Device } from "../../tensor/mod.ts";
import { readGoldenJson, readGoldenTensors } from "../../testing/golden.ts";
import { SPLIT_PATTERN, Tokenizer } from "../../tokenizer/mod.ts";

/** The tokenizer of golden-bpe. */
export function goldenTokenizer(): Tokenizer {
  const { merges, special } = readGoldenJson<{
    merges: [number, number][];
    special: Record<string, number>;
  }>("golden-bpe");
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  for (const [left, right] of merges) {
    tokens.push(Uint8Array.of(...tokens[left]!, ...tokens[right]!));
  }
  const specialTokens = new Map(Object.entries(special));
  return new Tokenizer({ pattern: SPLIT_PATTERN, tokens, merges, specialTokens });
}

/** The model of golden-chat. */
export function goldenModel(device: Device): GPT {
  const { config } = readGoldenJson<{ config: Record<string, number | string> }>(
    "chat/golden-chat",
  );
  const model = new GPT(goldenConfig(config), device);
  model.loadParameters(readGoldenTensors("chat/golden-chat"));
  return model;
}
