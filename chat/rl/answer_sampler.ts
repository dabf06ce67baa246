/** Answers that a model samples to the questions of a task, with their rewards. @module */

import { Engine, type LanguageModel } from "../../gpt/browser.ts";
import { deriveSeed } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { passAtK } from "../evaluate/pass_at_k.ts";
import { type ChatFormat, questionOf } from "../format/format.ts";
import type { GenerativeTask } from "../tasks/task.ts";
import type { Rollout } from "./policy_gradient.ts";

/** A question and the answers that were sampled to it. */
export interface Group {
  /** The tokens of the question. */
  readonly prompt: readonly number[];
  /** The answers. */
  readonly rollouts: readonly Rollout[];
}

/** The settings that sampling needs; `reinforce_options.ts` describes each. */
export interface AnswerSettings {
  /** Has the model's tokenizer. */
  readonly checkpoint: { readonly tokenizer: Tokenizer };
  /** How questions become tokens. */
  readonly format: ChatFormat;
  /** Answers to each question: a multiple of `deviceBatchSize`. */
  readonly numSamples: number;
  /** Answers that are sampled in one batch. */
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

/** Asks the model questions. */
export class AnswerSampler {
  readonly #settings: AnswerSettings;
  readonly #model: LanguageModel;
  readonly #engine: Engine;

  /** Prepares to sample answers from a model. */
  constructor(settings: AnswerSettings, model: LanguageModel) {
    this.#settings = settings;
    this.#model = model;
    this.#engine = new Engine(model, settings.checkpoint.tokenizer);
  }

  /**
   * Samples answers to a question, in batches, each with a seed of its own.
   *
   * @param index The question.
   * @param step The step of training, from 0; −1 to measure the model.
   * @param samples The number of answers: a multiple of the batch.
   */
  async ask(
    task: GenerativeTask,
    index: number,
    step: number,
    samples: number = this.#settings.numSamples,
  ): Promise<Group> {
    const { deviceBatchSize, maxNewTokens, seed, temperature, topK, learnsToEnd, format } =
      this.#settings;
    const { tokenizer } = this.#settings.checkpoint;
    const problem = task.get(index);
    const prompt = await format.renderPrompt(questionOf(problem));
    const maxTokens = Math.min(maxNewTokens, this.#model.maximumLength - prompt.length - 1);
    if (maxTokens < 1) {
      // The model cannot even read the question.
      return { prompt, rollouts: Array(samples).fill({ ids: [], mask: [], reward: 0 }) };
    }
    const [end] = format.ends;
    const answers: Omit<Rollout, "reward">[] = [];
    const texts: string[] = [];
    for (let batch = 0; batch < samples / deviceBatchSize; batch++) {
      const { tokens, masks } = await this.#engine.generateBatch(prompt, {
        samples: deviceBatchSize,
        maxTokens,
        temperature,
        topK,
        seed: deriveSeed(deriveSeed(deriveSeed(seed, step + 1), index), batch),
      });
      for (const [row, all] of tokens.entries()) {
        const ids = all.slice(prompt.length);
        const mask = masks[row]!.slice(prompt.length);
        texts.push(tokenizer.decode(ids));
        // The engine leaves out the token that ends an answer; an answer that was cut off has none.
        if (learnsToEnd && ids.length < maxTokens) {
          ids.push(end!);
          mask.push(1);
        }
        answers.push({ ids, mask });
      }
    }
    const rewards = task.rewardsOf?.(problem, texts) ??
      await Array.fromAsync(texts, async (text) => Number(await task.isRight(problem, text)));
    return { prompt, rollouts: answers.map((answer, i) => ({ ...answer, reward: rewards[i]! })) };
  }

  /** The unbiased estimate of pass@k, for k up to the size of a batch. */
  async measure(task: GenerativeTask): Promise<number[]> {
    const { evalExamples, deviceBatchSize, parallel } = this.#settings;
    const questions = Math.min(evalExamples, task.length);
    const sums = new Array<number>(deviceBatchSize).fill(0);
    const { rank, ranks } = parallel ?? { rank: 0, ranks: 1 };
    for (let index = rank; index < questions; index += ranks) {
      const { rollouts } = await this.ask(task, index, -1, deviceBatchSize);
      const right = rollouts.filter(({ reward }) => reward > 0).length;
      for (let k = 1; k <= deviceBatchSize; k++) sums[k - 1]! += passAtK(rollouts.length, right, k);
    }
    return (parallel?.sum(sums) ?? sums).map((sum) => sum / questions);
  }
}
