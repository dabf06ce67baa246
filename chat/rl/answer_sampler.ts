/** Answers that a model samples to the questions of a task, with their rewards. @module */

import type { LanguageModel } from "../../gpt/browser.ts";
import { generateEach } from "../../gpt/browser_internals.ts";
import { deriveSeed } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { passAtK } from "../evaluate/pass_at_k.ts";
import { type ChatFormat, questionOf } from "../format/format.ts";
import type { GenerativeTask } from "../tasks/task.ts";
import type { Rollout } from "./policy_gradient.ts";

/** A question and the answers that were sampled to it, or the answer that is shown instead. */
export interface Group {
  /** The tokens of the question. */
  readonly prompt: readonly number[];
  /** The answers; none if one is shown. */
  readonly rollouts: readonly Rollout[];
  /** The answer to learn from as in fine-tuning. */
  readonly shown?: Pick<Rollout, "ids" | "mask">;
}

/** The settings that sampling needs; `reinforce_options.ts` describes each. */
export interface AnswerSettings {
  /** Has the model's tokenizer. */
  readonly checkpoint: { readonly tokenizer: Tokenizer };
  /** How questions become tokens. */
  readonly format: ChatFormat;
  /** Answers to each question: a multiple of `deviceBatchSize`. */
  readonly numSamples: number;
  /** Answers of one batch of the gradient; {@linkcode TOGETHER} times as many are sampled together. */
  readonly deviceBatchSize: number;
  /** Maximum tokens of an answer. */
  readonly maxNewTokens: number;
  /** The temperature of sampling. */
  readonly temperature: number;
  /** Sample from this many of the most likely tokens. */
  readonly topK: number;
  /** Whether the token that ends an answer is part of it. */
  readonly learnsToEnd: boolean;
  /** Maximum questions of an evaluation. */
  readonly evalExamples: number;
  /** The seed of sampling. */
  readonly seed: number;
  /** The ranks that share the questions of an evaluation. */
  readonly parallel?: {
    readonly rank: number;
    readonly ranks: number;
    sum(numbers: readonly number[]): readonly number[];
  } | undefined;
}

/** Answers are sampled without a gradient, which takes most of the memory. */
const TOGETHER = 8;

/** Asks the model questions. */
export class AnswerSampler {
  readonly #settings: AnswerSettings;
  readonly #model: LanguageModel;

  /** Prepares to sample answers from a model. */
  constructor(settings: AnswerSettings, model: LanguageModel) {
    this.#settings = settings;
    this.#model = model;
  }

  /**
   * Samples answers to questions, each with a seed of its own.
   *
   * @param indices The questions.
   * @param step The step of training, from 0; −1 to measure the model.
   * @param samples The number of answers to each.
   */
  async ask(
    task: GenerativeTask,
    indices: readonly number[],
    step: number,
    samples: number = this.#settings.numSamples,
  ): Promise<Group[]> {
    const { deviceBatchSize, maxNewTokens, seed, temperature, topK, learnsToEnd, format } =
      this.#settings;
    const { tokenizer } = this.#settings.checkpoint;
    const problems = indices.map((index) => task.get(index));
    const requests = await Promise.all(problems.map(async (problem, i) => {
      const prompt = await format.renderPrompt(questionOf(problem));
      return {
        prompt,
        // None if the model cannot even read the question.
        samples: prompt.length < this.#model.maximumLength - 1 ? samples : 0,
        maxTokens: Math.min(maxNewTokens, this.#model.maximumLength - prompt.length - 1),
        seed: deriveSeed(deriveSeed(seed, step + 1), indices[i]!),
      };
    }));
    const [end] = format.ends;
    const sampling = { temperature, topK, batchSize: TOGETHER * deviceBatchSize };
    const continuations = await generateEach(this.#model, tokenizer, requests, sampling);
    return await Promise.all(continuations.map(async (answers, i) => {
      const problem = problems[i]!;
      const { prompt } = requests[i]!;
      if (answers.length === 0) {
        return { prompt, rollouts: Array(samples).fill({ ids: [], mask: [], reward: 0 }) };
      }
      const texts = answers.map(({ tokens }) => tokenizer.decode(tokens));
      const rewards = task.rewardsOf?.(problem, texts) ??
        await Array.fromAsync(texts, async (text) => Number(await task.isRight(problem, text)));
      const rollouts = answers.map(({ tokens, masks, isFinished }, i): Rollout => {
        // An answer that was cut off has no token that ends it.
        const ends = learnsToEnd && isFinished;
        return {
          ids: ends ? [...tokens, end!] : tokens,
          mask: ends ? [...masks, 1] : masks,
          reward: rewards[i]!,
        };
      });
      return { prompt, rollouts };
    }));
  }

  /** Shows the answers that questions end with, as far as the model has room for them. */
  async show(task: GenerativeTask, indices: readonly number[]): Promise<Group[]> {
    const { format } = this.#settings;
    return await Promise.all(indices.map(async (index) => {
      const problem = task.get(index);
      const prompt = await format.renderPrompt(questionOf(problem));
      const { ids, mask } = await format.renderConversation(problem);
      const [from, to] = [prompt.length, this.#model.maximumLength];
      return {
        prompt,
        rollouts: [],
        shown: { ids: ids.slice(from, to), mask: mask.slice(from, to) },
      };
    }));
  }

  /** The unbiased estimate of pass@k, for k up to the size of a batch. */
  async measure(task: GenerativeTask): Promise<number[]> {
    const { evalExamples, deviceBatchSize, parallel } = this.#settings;
    const questions = Math.min(evalExamples, task.length);
    const sums = new Array<number>(deviceBatchSize).fill(0);
    const { rank, ranks } = parallel ?? { rank: 0, ranks: 1 };
    const own = Array.from({ length: questions }, (_, i) => i).filter((i) => i % ranks === rank);
    for (const { rollouts } of await this.ask(task, own, -1, deviceBatchSize)) {
      const right = rollouts.filter(({ reward }) => reward > 0).length;
      for (let k = 1; k <= deviceBatchSize; k++) sums[k - 1]! += passAtK(rollouts.length, right, k);
    }
    return (parallel?.sum(sums) ?? sums).map((sum) => sum / questions);
  }
}
