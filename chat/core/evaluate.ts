/**
 * The CORE metric of a base model: the mean of its accuracies on several tasks, each scaled so that
 * guessing scores 0.
 *
 * Source: `core_eval.py` and `base_eval.py` of nanochat, after Li et al., "DataComp-LM" (2024).
 *
 * @module
 */

import type { TrainableModel } from "../../gpt/mod.ts";
import type { SummingRanks } from "../../gpt/internals.ts";
import { mean } from "../../gpt/train/readback.ts";
import { noGrad, Tensor } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { type CoreBundle, type CoreTask, readCoreBundle } from "./bundle.ts";
import { type ScoredSequences, sequencesFor, shuffledTask } from "./prompts.ts";

/** Options for {@linkcode evaluateCore}. */
export interface EvaluateCoreOptions {
  /** Maximum examples of a task. @default {Infinity} */
  readonly maxPerTask?: number;
  /** The longest sequence that the model reads. @default {model.maximumLength} */
  readonly maxTokens?: number;
  /** Called after each task. */
  readonly onTask?: (label: string, accuracy: number, centered: number) => void;
  /**
   * Called before each batch of examples with the number of examples done so far, over all ranks.
   */
  readonly onProgress?: (label: string, examples: number, of: number) => void;
  /** Stops the evaluation, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** The ranks that share the examples; all of them get the same results. */
  readonly parallel?: SummingRanks | undefined;
}

/** The accuracies of a model. */
export interface CoreResults {
  /** The accuracy on each task, from 0 to 1, by its label. */
  readonly results: Record<string, number>;
  /** The same, centered: 0 for guessing, 1 if every answer is right. */
  readonly centered: Record<string, number>;
  /** The mean of the centered accuracies. */
  readonly core: number;
}

/** How a model answered one example. */
export interface CoreAnswer {
  /** Whether the answer was right. */
  readonly correct: boolean;
  /** The index of the chosen option; absent for language modeling. */
  readonly prediction?: number;
  /** The losses of each option's scored tokens, in nats; absent for language modeling. */
  readonly losses?: readonly (readonly number[])[];
  /** The most likely token at each scored place; only for language modeling. */
  readonly predicted?: readonly number[];
}

/**
 * Examples between two reads of results from the device: reading one costs as much as reading many.
 */
const EXAMPLES_PER_READ = 8;

/**
 * Evaluates a base model on a bundle.
 *
 * @param bundle The bundle, or the folder or zip file to read it from.
 * @throws {Error} If the bundle cannot be read.
 * @throws {RangeError} If it has no task, or `maxPerTask` leaves too few examples of one.
 *
 * @example A model that has learned nothing
 * ```ts
 * import { GPT, openDevice } from "../../gpt/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { evaluateCore } from "./evaluate.ts";
 *
 * const tokenizer = await Tokenizer.train(["one two three"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 270, windowPattern: "L" }, device);
 * const examples = [{ context: "one two", continuation: "three" }];
 * const { core } = await evaluateCore(model, tokenizer, {
 *   tasks: [{
 *     ...{ label: "count", type: "language_modeling", examples },
 *     ...{ fewShot: 0, delimiter: " ", baseline: 0 },
 *   }],
 * });
 * if (core !== 0) throw new Error(`expected 0, got ${core}`);
 * await device.close();
 * ```
 */
export async function evaluateCore(
  model: TrainableModel,
  tokenizer: Tokenizer,
  bundle: CoreBundle | string | URL,
  options: EvaluateCoreOptions = {},
): Promise<CoreResults> {
  const { tasks } = typeof bundle === "string" || bundle instanceof URL
    ? await readCoreBundle(bundle)
    : bundle;
  checkCore({ tasks }, options.maxPerTask);
  const results: Record<string, number> = {};
  const centered: Record<string, number> = {};
  for (const given of tasks) {
    const task = shuffledTask(given, options.maxPerTask);
    const answers = await answerTask(model, tokenizer, task, options);
    const right = answers.filter(({ correct }) => correct).length;
    const accuracy = (options.parallel?.sum([right])[0] ?? right) / task.examples.length;
    const { label, baseline } = task;
    results[label] = accuracy;
    centered[label] = (accuracy - baseline) / (1 - baseline);
    options.onTask?.(label, accuracy, centered[label]);
  }
  return { results, centered, core: mean(Object.values(centered)) };
}

/**
 * Checks that each task has enough examples for its few-shot prompts.
 *
 * @param maxPerTask Maximum examples of a task.
 * @throws {RangeError} If a task has too few, or there is no task.
 *
 * @example
 * ```ts
 * import { checkCore } from "./evaluate.ts";
 *
 * const examples = [1, 2, 3].map((i) => ({ context: `${i}`, continuation: "x" }));
 * const task = {
 *   ...{ label: "numbers", fewShot: 2, delimiter: " ", baseline: 0 },
 *   ...{ type: "language_modeling", examples } as const,
 * };
 * checkCore({ tasks: [task] });
 * ```
 */
export function checkCore({ tasks }: CoreBundle, maxPerTask: number = Infinity): void {
  if (tasks.length === 0) {
    throw new RangeError("Cannot evaluate CORE: wanted at least one task, got none");
  }
  for (const { label, fewShot, examples } of tasks) {
    const asked = Math.min(maxPerTask, examples.length);
    if (fewShot < asked) continue;
    throw new RangeError(
      `Cannot evaluate CORE: wanted at least ${fewShot + 1} examples of ${label}, which shows ` +
        `${fewShot} before the one that is asked, got ${asked}`,
    );
  }
}

/**
 * Asks a model every example of a task.
 *
 * @param task A task whose examples are in the order in which they are asked.
 * @returns An answer for each example; on several ranks, for those of this rank.
 */
export async function answerTask(
  model: TrainableModel,
  tokenizer: Tokenizer,
  task: CoreTask,
  options: Pick<EvaluateCoreOptions, "maxTokens" | "signal" | "parallel" | "onProgress"> = {},
): Promise<CoreAnswer[]> {
  const { maxTokens = model.maximumLength, signal } = options;
  const { rank, ranks } = options.parallel ?? { rank: 0, ranks: 1 };
  // Any id will do: it stands after what is scored.
  const padding = tokenizer.documentStart ?? 0;
  const answers: CoreAnswer[] = [];
  for (let first = 0; first < task.examples.length; first += EXAMPLES_PER_READ) {
    signal?.throwIfAborted();
    options.onProgress?.(task.label, first, task.examples.length);
    if (first / EXAMPLES_PER_READ % ranks !== rank) continue;
    const count = Math.min(EXAMPLES_PER_READ, task.examples.length - first);
    const asked = Array.from({ length: count }, (_, i) => {
      const sequences = sequencesFor(task, first + i, tokenizer, maxTokens);
      return { index: first + i, sequences, scores: score(model, padding, task, sequences) };
    });
    answers.push(
      ...await Promise.all(asked.map(async ({ index, sequences, scores }) => {
        const values = await scores.data();
        scores.dispose();
        return judge(task, index, sequences, values);
      })),
    );
  }
  return answers;
}

/** The result at each position, `[sequences · tokens]`: the loss, or the most likely token. */
function score(
  model: TrainableModel,
  padding: number,
  task: CoreTask,
  { tokens }: ScoredSequences,
): Tensor {
  const width = widthOf(tokens);
  const inputs = tokens.map((ids) => padded(ids, width, padding));
  using _scope = model.device.scope();
  return noGrad(() => {
    const ids = Tensor.from(model.device, inputs, { dtype: "int32" });
    if (task.type === "language_modeling") return model.forward(ids).argmax(-1).reshape([-1]);
    const next = inputs.map((row) => [...row.slice(1), -1]);
    const targets = Tensor.from(model.device, next, { dtype: "int32" });
    return model.forward(ids, targets, { reduction: "none" });
  }).keep();
}

function judge(
  task: CoreTask,
  index: number,
  { tokens, start, end }: ScoredSequences,
  values: ArrayLike<number>,
): CoreAnswer {
  const width = widthOf(tokens);
  // The output at each position is about the next token.
  const scored = tokens.map((_, i) =>
    Array.from({ length: end[i]! - start[i]! }, (_, k) => values[i * width + start[i]! - 1 + k]!)
  );
  if (task.type === "language_modeling") {
    const predicted = scored[0]!;
    const actual = tokens[0]!.slice(start[0], end[0]);
    return { correct: predicted.every((id, i) => id === actual[i]), predicted };
  }
  const means = scored.map(mean);
  // The first of the smallest; an option with nothing to score has the mean NaN, and is never smaller.
  const prediction = means.reduce((best, mean, i) => mean < means[best]! ? i : best, 0);
  return { correct: prediction === task.examples[index]!.gold, prediction, losses: scored };
}

function widthOf(tokens: ScoredSequences["tokens"]): number {
  return Math.max(...tokens.map(({ length }) => length));
}

function padded(ids: readonly number[], width: number, padding: number): number[] {
  return [...ids, ...new Array<number>(width - ids.length).fill(padding)];
}
