/** A task and a model small enough to reinforce in a test. @module */

import { GPT, openDevice } from "../../gpt/mod.ts";
import { type Conversation, Tokenizer } from "../../tokenizer/mod.ts";
import type { ReinforceOptions } from "../rl/reinforce_options.ts";
import { type GenerativeTask, listTask } from "../tasks/task.ts";
import { untrainedCheckpoint } from "./fine_tuning.ts";

/** Right is what contains a small letter. */
export const letters: GenerativeTask = {
  ...listTask<Conversation>(
    "letters",
    [..."0123456789"].map((content) => ({
      messages: [{ role: "user", content }, { role: "assistant", content: "a" }],
    })),
  ),
  isRight: (_, completion) => /[a-z]/.test(completion.replace(/<\|.*?\|>/g, "")),
};

/**
 * Options of a run in folders of its own.
 *
 * @param seed The seed of the model's parameters.
 */
export async function reinforceLetters(
  options: Partial<ReinforceOptions> = {},
  seed = 1,
): Promise<ReinforceOptions> {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
  const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
  const model = new GPT({ ...shape, vocabSize: 265, windowPattern: "L" }, device, { seed });
  return {
    device,
    checkpoint: await untrainedCheckpoint(model, tokenizer),
    folder: await Deno.makeTempDir(),
    task: letters,
    validation: letters,
    numIterations: 20,
    examplesPerStep: 8,
    numSamples: 8,
    deviceBatchSize: 4,
    maxNewTokens: 2,
    initialFraction: 0.3,
    evalEvery: 20,
    saveEvery: -1,
    ...options,
  };
}
