/**
 * From a model that continues texts to one that answers: fine-tuning on conversations, and the answers
 * before and after.
 *
 * @module
 */

import {
  ConversationLoader,
  fineTuningSchedule,
  listTask,
  nanochatFormat,
} from "../../chat/browser.ts";
import { PartReader } from "../../chat/browser_internals.ts";
import { Engine, type GPT, train, writeTexts } from "../../gpt/browser.ts";
import type { Device } from "../../tensor/mod.ts";
import type { MessagePart, Tokenizer } from "../../tokenizer/mod.ts";
import { animalConversations, isSumRight, sumQuestions, unaskedQuestions } from "./animals.ts";
import { checkpointFiles, free, type ModelFiles, openModel } from "./inside.ts";
import { openOnce } from "./open_models.ts";

/** A fine-tuning. */
export interface AnsweringTask {
  /** The model that has read. */
  readonly base: ModelFiles;
  readonly steps: number;
  readonly seed: number;
}

/** Messages sent to the page. */
export type AnsweringProgress =
  | {
    readonly kind: "step";
    readonly step: number;
    readonly loss: number;
    readonly smoothLoss: number;
  }
  /** The shares of right answers to questions that no conversation has. */
  | {
    readonly kind: "exam";
    readonly step: number;
    readonly animals: number;
    readonly sums: number;
  }
  | { readonly kind: "files"; readonly step: number; readonly files: ModelFiles };

/** Conversations to learn from. */
const CONVERSATIONS = 2000;
/** The fraction of the learning rates of reading to begin with: at more of them it forgets what it read. */
const INITIAL_FRACTION = 0.3;
/** Rows of a batch. */
const BATCH = 8;
/** Steps between two exams. */
const EXAM_EVERY = 40;
/** Sums of an exam. */
const SUMS = 10;
/** Maximum tokens of an answer. */
export const MAX_ANSWER_TOKENS = 48;
/** The seed of the sums that are asked for, which no conversation has by more than chance. */
const EXAM_SEED = 1000;

/** Fine-tunes a model on conversations: nanochat's format and its loss mask, schedule and optimizer. */
export async function* learnToAnswer(
  device: Device,
  { base, steps, seed }: AnsweringTask,
  signal: AbortSignal,
): AsyncGenerator<AnsweringProgress> {
  const { model, tokenizer, meta } = await openModel(device, base);
  const sequenceLength = model.config.sequenceLen;
  const loader = new ConversationLoader({
    task: listTask("animals", animalConversations(seed, CONVERSATIONS)),
    tokenizer,
    batchSize: BATCH,
    sequenceLength,
    seed,
  });
  let files: ModelFiles = new Map();
  const events = train({
    model,
    // As in the run before, at the learning rates that suit batches this small.
    optimizer: model.optimizer({
      unembeddingLr: 0.008,
      embeddingLr: 0.3,
      matrixLr: 0.02,
      scalarLr: 0.5,
      weightDecay: 0,
    }),
    plan: {
      numIterations: steps,
      gradAccumSteps: 1,
      totalBatchSize: BATCH * sequenceLength,
      flopsPerToken: model.flopsPerToken,
    },
    loader,
    setLearningRates: fineTuningSchedule(steps, { initialFraction: INITIAL_FRACTION }),
    measure: { every: EXAM_EVERY, run: () => examine(model, tokenizer) },
    save: {
      every: -1,
      run: async (state) => {
        const settings = { ...meta.settings, stage: "sft" };
        files = await checkpointFiles({ model, tokenizer, settings, state, steps });
        return "";
      },
    },
    readInterval: 60,
    signal,
  });
  for await (const event of events) {
    if (event.kind === "step") {
      const { step, loss, smoothLoss } = event;
      yield { kind: "step", step: step + 1, loss, smoothLoss };
    } else if (event.kind === "measurement") {
      const { animals, sums } = event.values as { animals: number; sums: number };
      yield { kind: "exam", step: event.step, animals, sums };
    } else if (event.kind === "checkpoint") yield { kind: "files", step: event.step, files };
  }
  free(model);
}

/** The shares of right answers: about animals that no conversation mentions, and to sums. */
async function examine(
  model: GPT,
  tokenizer: Tokenizer,
): Promise<{ animals: number; sums: number }> {
  const animals = unaskedQuestions();
  const sums = sumQuestions(EXAM_SEED, SUMS);
  let [right, rightSums] = [0, 0];
  for (const { question, answer } of animals) {
    if (textOf(await answerTo(model, tokenizer, question)) === answer) right++;
  }
  for (const { a, b, question } of sums) {
    if (isSumRight(a, b, textOf(await answerTo(model, tokenizer, question)))) rightSums++;
  }
  return { animals: right / animals.length, sums: rightSums / sums.length };
}

/** The likeliest answer to a question, in parts. */
async function answerTo(
  model: GPT,
  tokenizer: Tokenizer,
  question: string,
): Promise<readonly MessagePart[]> {
  const prompt = await nanochatFormat(tokenizer)
    .renderPrompt([{ role: "user", content: question }]);
  const reader = new PartReader(tokenizer);
  const { tokens } = await new Engine(model, tokenizer)
    .generateBatch(prompt, { maxTokens: MAX_ANSWER_TOKENS, temperature: 0 });
  for (const token of tokens[0]!.slice(prompt.length)) reader.take(token);
  return reader.parts;
}

/** The text of an answer, calls of tools left out. */
function textOf(parts: readonly MessagePart[]): string {
  return parts.filter(({ type }) => type === "text").map(({ text }) => text).join("");
}

/** Questions to two models. */
export interface Comparison {
  readonly before: ModelFiles;
  /** The model that was fine-tuned; `null` before there is one. */
  readonly after: ModelFiles | null;
  readonly questions: readonly string[];
}

/** A question, and what both models make of it. */
export interface Compared {
  readonly question: string;
  /** How the model that has only read goes on. */
  readonly before: string;
  /** The parts of the answer; `null` without a model. */
  readonly after: readonly MessagePart[] | null;
}

/** Tokens that a model which has only read writes after a question. */
const CONTINUATION = 16;

/** Asks both models, question by question: the first one goes on with the text, the second one answers. */
export async function* compareAnswers(
  device: Device,
  { before, after, questions }: Comparison,
  signal: AbortSignal,
): AsyncGenerator<Compared> {
  const base = await openOnce(device, before);
  const tuned = after === null ? null : await openOnce(device, after);
  for (const question of questions) {
    if (signal.aborted) return;
    const options = { maxTokens: CONTINUATION, temperature: 0 };
    const [text = ""] = await writeTexts(base.model, base.tokenizer, question, options);
    yield {
      question,
      before: text,
      after: tuned === null ? null : await answerTo(tuned.model, tuned.tokenizer, question),
    };
  }
}
