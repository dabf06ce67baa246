/** Reinforcement: answers to sums are sampled and rewarded, and what was right becomes likelier. @module */

import { type GenerativeTask, listTask, nanochatFormat } from "../../chat/browser.ts";
import {
  addGradients,
  AnswerSampler,
  computeAdvantages,
  type Group,
  hasNoSignal,
  rolloutBatch,
  updatePolicy,
} from "../../chat/browser_internals.ts";
import { type GPT, untrained } from "../../gpt/browser.ts";
import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import type { Conversation, Tokenizer } from "../../tokenizer/mod.ts";
import { isSumRight, quickQuestion, sumQuestions } from "./animals.ts";
import { MAX_ANSWER_TOKENS } from "./answering.ts";
import { checkpointFiles, free, type ModelFiles, openModel } from "./inside.ts";

/** A run. */
export interface RewardTask {
  readonly files: ModelFiles;
  readonly steps: number;
  readonly seed: number;
}

/** A token of an answer. */
export interface RewardedToken {
  readonly text: string;
  /** Whether the model wrote it; only those are pushed. */
  readonly isSampled: boolean;
  /** The probability of the token before the step and after it. */
  readonly before: number;
  readonly after: number;
}

/** An answer, and what it is worth. */
export interface RewardedAnswer {
  readonly tokens: readonly RewardedToken[];
  readonly reward: number;
  readonly advantage: number;
}

/** Messages sent to the page. */
export type RewardProgress =
  | {
    readonly kind: "step";
    /** From 1. */
    readonly step: number;
    /** The share of right answers of the step, before what was learned from them. */
    readonly right: number;
    /** The share of answers that ask the calculator. */
    readonly calls: number;
    /** One of the questions of the step, and all answers to it. */
    readonly question: string;
    readonly answers: readonly RewardedAnswer[];
  }
  | { readonly kind: "files"; readonly step: number; readonly files: ModelFiles };

/** Questions of a step, and the answers to each. */
const QUESTIONS = 8, SAMPLES = 8;
/** Questions to choose from. */
const TASK_LENGTH = 400;
/** The share of the learning rates of fine-tuning that the first step has. */
const INITIAL_FRACTION = 0.04;
const TASK_SEED = 2000;

interface Sum extends Conversation {
  readonly a: number;
  readonly b: number;
  readonly question: string;
}

/** Sums that are asked in a hurry, which the model has learned to guess; answers can be checked. */
function sumTask(): GenerativeTask<Sum> {
  const questions = sumQuestions(TASK_SEED, TASK_LENGTH, quickQuestion);
  const sums = questions.map(({ a, b, question, answer }): Sum => ({
    a,
    b,
    question,
    messages: [{ role: "user", content: question }, { role: "assistant", content: answer }],
  }));
  return {
    ...listTask("sums", sums),
    isRight: ({ a, b }, completion) => isSumRight(a, b, completion),
  };
}

/** Reinforces right answers, as `deno task chat_rl` does, and shows one question of each step. */
export async function* reinforceSums(
  device: Device,
  { files: given, steps, seed }: RewardTask,
  signal: AbortSignal,
): AsyncGenerator<RewardProgress> {
  const { model, tokenizer, meta } = await openModel(device, given);
  const optimizer = model.optimizer({
    unembeddingLr: 0.008,
    embeddingLr: 0.3,
    matrixLr: 0.02,
    scalarLr: 0.5,
    weightDecay: 0,
  });
  const task = sumTask();
  const settings = {
    checkpoint: { tokenizer },
    format: nanochatFormat(tokenizer),
    examplesPerStep: QUESTIONS,
    numSamples: SAMPLES,
    deviceBatchSize: SAMPLES,
    maxNewTokens: MAX_ANSWER_TOKENS,
    temperature: 1,
    topK: 50,
    learnsToEnd: true,
    evalExamples: 0,
    seed,
  };
  const sampler = new AnswerSampler(settings, model);
  const start = tokenizer.special("<|python_start|>");
  let step = 0;
  for (; step < steps && !signal.aborted; step++) {
    const indices = Array.from(
      { length: QUESTIONS },
      (_, i) => (step * QUESTIONS + i) % task.length,
    );
    const groups = await sampler.ask(task, indices, step);
    addGradients(model, groups, settings);
    // The one that teaches most: where right and wrong are most even.
    const shown = groups.map((group, i) => ({ group, i, balance: balanceOf(group) }))
      .reduce((best, one) => one.balance > best.balance ? one : best);
    const before = await probabilitiesOf(model, tokenizer, shown.group);
    if (!groups.every(hasNoSignal)) {
      await updatePolicy(model, optimizer, INITIAL_FRACTION * (1 - step / steps));
    }
    const after = await probabilitiesOf(model, tokenizer, shown.group);
    const all = groups.flatMap(({ rollouts }) => rollouts);
    const share = (count: number) => count / all.length;
    yield {
      kind: "step",
      step: step + 1,
      right: share(all.filter(({ reward }) => reward === 1).length),
      calls: share(all.filter(({ ids }) => ids.includes(start)).length),
      question: task.get(indices[shown.i]!).question,
      answers: describe(tokenizer, shown.group, before, after),
    };
  }
  const state = { ...untrained, step };
  const content = { model, tokenizer, settings: { ...meta.settings, stage: "rl" }, state, steps };
  const files = await checkpointFiles(content);
  yield { kind: "files", step, files };
  free(model);
  for (const value of optimizer.stateDict().values()) if (value instanceof Tensor) value.dispose();
}

/** How even right and wrong answers are: 0 where all are alike. */
function balanceOf({ rollouts }: Group): number {
  const right = rollouts.filter(({ reward }) => reward === 1).length;
  return Math.min(right, rollouts.length - right);
}

/** The probability of each token of each answer, in the order of the answers. */
async function probabilitiesOf(
  model: GPT,
  tokenizer: Tokenizer,
  { prompt, rollouts }: Group,
): Promise<Float32Array> {
  const all = rollouts.map(({ ids }) => ({ prompt, ids, mask: ids.map(() => 1) }));
  const { inputs, targets, shape } = rolloutBatch(all, tokenizer.special("<|assistant_end|>"));
  using _scope = model.device.scope();
  const losses = noGrad(() =>
    model.forward(
      Tensor.from(model.device, inputs, { shape }),
      Tensor.from(model.device, targets, { shape }),
      { reduction: "none" },
    )
  );
  const values = Float32Array.from(await losses.data(), (loss) => Math.exp(-Number(loss)));
  return values.filter((_, i) => targets[i]! >= 0);
}

/** The answers of a group, with what the step has changed. */
function describe(
  tokenizer: Tokenizer,
  { rollouts }: Group,
  before: Float32Array,
  after: Float32Array,
): RewardedAnswer[] {
  const advantages = computeAdvantages(rollouts.map(({ reward }) => reward));
  let at = 0;
  return rollouts.map(({ ids, mask, reward }, i) => ({
    reward,
    advantage: advantages[i]!,
    tokens: ids.map((id, j) => ({
      text: tokenizer.decode([id]),
      isSampled: mask[j] === 1,
      before: before[at]!,
      after: after[at++]!,
    })),
  }));
}
