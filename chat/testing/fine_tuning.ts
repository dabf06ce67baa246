/** A fine-tuning that takes a second. @module */

import { type Checkpoint, GPT, openCheckpoint, saveCheckpoint, untrained } from "../../gpt/mod.ts";
import type { Device } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { FineTuneOptions } from "../sft/fine_tune_options.ts";

/** Saves a model that was not trained in a folder of its own, and opens its checkpoint. */
export async function untrainedCheckpoint(model: GPT, tokenizer: Tokenizer): Promise<Checkpoint> {
  const folder = await Deno.makeTempDir();
  await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
  return await openCheckpoint(folder);
}

/** The conversations of a fine-tuning, and the tokenizer and size of its model. */
export interface FineTuned extends Pick<FineTuneOptions, "task"> {
  readonly tokenizer: Tokenizer;
  readonly nLayer: number;
  readonly nEmbd: number;
}

/** Saves an untrained base model, and gives options to fine-tune it with. */
export async function prepareTiny(
  device: Device,
  { task, tokenizer, nLayer, nEmbd }: FineTuned,
  options: Partial<FineTuneOptions> = {},
): Promise<FineTuneOptions> {
  const { vocabSize } = tokenizer;
  const heads = { nHead: 2, nKvHead: 1 };
  const config = { sequenceLen: 64, vocabSize, nLayer, nEmbd, ...heads, windowPattern: "L" };
  return {
    device,
    checkpoint: await untrainedCheckpoint(new GPT(config, device, { seed: 1 }), tokenizer),
    folder: await Deno.makeTempDir(),
    task,
    sequenceLength: 64,
    deviceBatchSize: 2,
    totalBatchSize: 256,
    numIterations: 8,
    learningRates: { unembeddingLr: 0.008, embeddingLr: 0.3, matrixLr: 0.02, scalarLr: 0.5 },
    evalEvery: -1,
    evalTokens: 256,
    saveEvery: -1,
    seed: 1,
    ...options,
  };
}
