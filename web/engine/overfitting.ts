/** The page's GPT on few sentences and on many: how well it knows them, and how well it knows others. @module */

import { RandomCropLoader, SequentialLoader } from "../../data/browser.ts";
import {
  evaluateBitsPerByte,
  GPT,
  planTraining,
  pretrainingSchedule,
  train,
  untrained,
  writeTexts,
} from "../../gpt/browser.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import { type Device, Tensor } from "../../tensor/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { free } from "./inside.ts";

/** A run. */
export interface SentencesRun {
  /** All sentences; the last {@linkcode HELD_OUT} of them are never trained on. */
  readonly sentences: readonly string[];
  /** The number of sentences to train on, from the first on. */
  readonly count: number;
  readonly weightDecay: number;
  readonly steps: number;
}

/** The state of a run at a step. */
export interface SentencesLook {
  readonly step: number;
  /** Bits per byte of sentences that it trains on. */
  readonly training: number;
  /** Bits per byte of sentences that it has never seen. */
  readonly heldOut: number;
  /** Sentences that it writes. */
  readonly texts: readonly string[];
}

/** Sentences to test on. */
export const HELD_OUT = 100;
/** Steps between two looks. */
export const LOOK_EVERY = 10;

const MERGES = 256, BATCH = 8, CONTEXT = 32, SAMPLES = 5;
/** The sentences of the training text that are measured at a look. */
const MEASURED = 100;

/** Trains on some of the sentences, and looks at the model every few steps. */
export async function* trainOnSentences(
  device: Device,
  { sentences, count, weightDecay, steps }: SentencesRun,
  signal: AbortSignal,
): AsyncGenerator<SentencesLook> {
  const others = sentences.slice(-HELD_OUT);
  const own = sentences.slice(0, -HELD_OUT);
  // One tokenizer for all runs, so that their bits are of the same tokens.
  const tokenizer = await Tokenizer.train(own, { vocabSize: 265 + MERGES });
  const tokensOf = (some: readonly string[]) =>
    Int32Array.from(some.flatMap((one) => tokenizer.encode(one, { prepend: tokenizer.bos })));
  const plan = planTraining({
    depth: 2,
    aspectRatio: 32,
    headDim: 32,
    vocabSize: tokenizer.vocabSize,
    maxSeqLen: CONTEXT,
    windowPattern: "L",
    deviceBatchSize: BATCH,
    totalBatchSize: BATCH * CONTEXT,
    numIterations: steps,
  });
  const model = new GPT(plan.config, device, { seed: 1 });
  const optimizer = new MuonAdamW([
    { kind: "adamw", parameters: model.parameters(), lr: 0.01, weightDecay },
  ]);
  const size = { batchSize: BATCH, sequenceLength: CONTEXT };
  const bytes = tokenizer.tokenBytes();
  const bitsOf = (some: readonly string[]) =>
    evaluateBitsPerByte(
      model,
      new SequentialLoader({ tokens: tokensOf(some), batchSize: 4, sequenceLength: CONTEXT }),
      bytes,
    );
  const look = async (step: number): Promise<SentencesLook> => ({
    step,
    training: await bitsOf(own.slice(0, Math.min(count, MEASURED))),
    heldOut: await bitsOf(others),
    texts: (await writeTexts(model, tokenizer, "", {
      samples: SAMPLES,
      maxTokens: CONTEXT,
      temperature: 0.7,
      seed: 1,
    })).map(firstSentence),
  });
  yield await look(0);
  const constant = { ...plan, learningRates: { ...plan.learningRates, weightDecay } };
  const events = train({
    model,
    optimizer,
    plan,
    state: untrained,
    loader: new RandomCropLoader({ tokens: tokensOf(own.slice(0, count)), seed: 1, ...size }),
    setLearningRates: pretrainingSchedule(constant, { warmupSteps: 0, warmdownRatio: 0 }),
    readInterval: 0,
    signal,
  });
  for await (const event of events) {
    if (event.kind !== "step") continue;
    const step = event.step + 1;
    if (step % LOOK_EVERY === 0 && !signal.aborted) yield await look(step);
  }
  free(model);
  for (const value of optimizer.stateDict().values()) if (value instanceof Tensor) value.dispose();
}

/** The first sentence of a text, or all of it. */
function firstSentence(text: string): string {
  return /^.*?[.!?]/s.exec(text)?.[0] ?? text;
}
