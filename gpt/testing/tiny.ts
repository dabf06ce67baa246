/** A corpus, a tokenizer and a model small enough for tests. */

import { listSource, PackedLoader, type Source } from "../../data/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { encoderOf, type PretrainOptions } from "../train/pretrain.ts";
import { planTraining, type ScalingOptions, type TrainingPlan } from "../train/scaling.ts";

const sentences = [
  "My fellow citizens, the state of our union is strong, and it is growing stronger.",
  "We have come a long way, and we have a long way to go.",
  "The budget that I send you is balanced, and it asks for no new taxes.",
  "Our farmers, our workers and our soldiers have earned our thanks.",
];

/** Documents of different lengths; the last two are held out. */
export const tinyTexts: readonly string[] = Array.from(
  { length: 24 },
  (_, i) => sentences.slice(i % 3).join(" ").repeat(1 + i % 5) + ` ${i}`,
);

export function tinySource(): Source {
  return listSource("tiny", tinyTexts, 2);
}

export function tinyTokenizer(): Promise<Tokenizer> {
  return Tokenizer.train(tinyTexts, { vocabSize: 300 });
}

/** Twenty steps of two batches of two rows of 16 tokens, for a model of two layers. */
export function tinyPlan(options: Partial<ScalingOptions> = {}): TrainingPlan {
  return planTraining({
    depth: 2,
    vocabSize: 300,
    aspectRatio: 16,
    headDim: 16,
    maxSeqLen: 16,
    deviceBatchSize: 2,
    totalBatchSize: 64,
    numIterations: 20,
    ...options,
  });
}

export const tinyRun: Omit<PretrainOptions, "device" | "tokenizer" | "folder" | "plan"> = {
  source: tinySource(),
  deviceBatchSize: 2,
  loader: "packed",
  seed: 7,
  evalEvery: -1,
  sampleEvery: -1,
  saveEvery: -1,
  evalTokens: 1000,
};

export async function openTinyLoader(plan: TrainingPlan): Promise<PackedLoader> {
  return await PackedLoader.open({
    split: await tinySource().open("train"),
    encoder: encoderOf(await tinyTokenizer()),
    seed: 7,
    batchSize: 2,
    sequenceLength: plan.config.sequenceLen,
  });
}
