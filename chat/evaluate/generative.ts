/**
 * Problems that the model answers in its own words, with a check for each answer.
 *
 * Source: `run_generative_eval` in nanochat's `scripts/chat_eval.py`.
 *
 * @module
 */

import type { LanguageModel, SamplingOptions } from "../../gpt/mod.ts";
import { generateEach, type SummingRanks } from "../../gpt/internals.ts";
import type { Conversation, Tokenizer } from "../../tokenizer/mod.ts";
import { type ChatFormat, nanochatFormat, questionOf } from "../format/format.ts";
import type { GenerativeTask } from "../tasks/task.ts";

/** Answers that are sampled together. */
const BATCH = 16;

/** Options for {@linkcode evaluateGenerative}. */
export interface GenerativeOptions extends Pick<SamplingOptions, "temperature" | "topK" | "seed"> {
  /** How many answers are sampled for each problem. @default {1} */
  readonly samples?: number;
  /** Maximum tokens of an answer; fewer if the model's context ends earlier. @default {512} */
  readonly maxTokens?: number;
  /** How problems become tokens. @default {nanochatFormat(tokenizer)} */
  readonly format?: ChatFormat | undefined;
  /** Maximum problems. @default {Infinity} */
  readonly maxProblems?: number;
  /** Stops the evaluation, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The ranks that share the problems. */
  readonly parallel?: Pick<SummingRanks, "rank" | "ranks"> | undefined;
  /** Called as answers come with the number of problems done so far, over all ranks. */
  readonly onProgress?: ((problems: number) => void) | undefined;
}

/** How a model answered a problem. */
export interface GenerativeAnswer {
  /** The answers, with special tokens as text. */
  readonly completions: readonly string[];
  /** Whether each answer is right. */
  readonly correct: readonly boolean[];
}

/**
 * Asks a model the problems of a task. Greedy by default.
 *
 * @returns The answers to each problem; on several ranks, to those of this rank.
 */
export async function evaluateGenerative<Problem extends Conversation>(
  model: LanguageModel,
  tokenizer: Tokenizer,
  task: GenerativeTask<Problem>,
  options: GenerativeOptions = {},
): Promise<GenerativeAnswer[]> {
  const { maxProblems = Infinity, maxTokens = 512, samples = 1 } = options;
  const { signal, parallel, onProgress, temperature = 0, topK = 50, seed } = options;
  const { rank, ranks } = parallel ?? { rank: 0, ranks: 1 };
  const seeded = seed === undefined ? {} : { seed };
  const { format = nanochatFormat(tokenizer) } = options;
  const own = Array.from({ length: Math.min(task.length, maxProblems) }, (_, index) => index)
    .filter((index) => index % ranks === rank)
    .map((index) => task.get(index));
  const prompts = await Promise.all(own.map(async (problem) => {
    const prompt = await format.renderPrompt(questionOf(problem));
    const room = model.maximumLength - prompt.length;
    // None of what the model cannot even read.
    return {
      prompt,
      samples: room < 1 ? 0 : samples,
      maxTokens: Math.min(maxTokens, room),
      ...seeded,
    };
  }));
  const continuations = await generateEach(model, tokenizer, prompts, {
    temperature,
    topK,
    batchSize: BATCH,
    signal,
    onProgress: (done) => onProgress?.(done * ranks),
  });
  const answers: GenerativeAnswer[] = [];
  for (const [i, problem] of own.entries()) {
    const completions = continuations[i]!.map(({ tokens }) => tokenizer.decode(tokens));
    while (completions.length < samples) completions.push("");
    const correct: boolean[] = [];
    for (const text of completions) correct.push(await task.isRight(problem, text));
    answers.push({ completions, correct });
  }
  return answers;
}
