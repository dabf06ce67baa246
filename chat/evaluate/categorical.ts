/**
 * Multiple choice: the model is asked for a letter, and only the letters of the choices are compared.
 *
 * Source: `run_categorical_eval` in nanochat's `scripts/chat_eval.py`.
 *
 * @module
 */

import type { LanguageModel } from "../../gpt/mod.ts";
import type { SummingRanks } from "../../gpt/internals.ts";
import { noGrad, stack, Tensor } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { type ChatFormat, nanochatFormat, questionOf } from "../format/format.ts";
import type { CategoricalProblem } from "../tasks/multiple_choice.ts";
import type { Task } from "../tasks/task.ts";

/** Options for {@linkcode evaluateCategorical}. */
export interface CategoricalOptions {
  /** Number of problems in a batch. @default {8} */
  readonly batchSize?: number;
  /** How problems become tokens. @default {nanochatFormat(tokenizer)} */
  readonly format?: ChatFormat | undefined;
  /** Maximum problems. @default {Infinity} */
  readonly maxProblems?: number;
  /** Stops the evaluation, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The ranks that share the problems. */
  readonly parallel?: Pick<SummingRanks, "rank" | "ranks"> | undefined;
  /** Called before each batch with the number of problems done so far, over all ranks. */
  readonly onProgress?: ((problems: number) => void) | undefined;
}

/** How a model answered a question. */
export interface CategoricalAnswer {
  /** The logits of the letters, in their order. */
  readonly logits: readonly number[];
  /** The letter with the largest logit. */
  readonly prediction: string;
  /** Whether it is the right one. */
  readonly correct: boolean;
}

/**
 * Asks a model the problems of a task.
 *
 * @returns An answer for each problem; on several ranks, for those of this rank.
 * @throws {RangeError} If a letter is more than one token, or a prompt is longer than the model's
 * context.
 *
 * @example A model that has learned nothing
 * ```ts
 * import { GPT, openDevice } from "../../gpt/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { mmluProblem } from "../tasks/multiple_choice.ts";
 * import { listTask } from "../tasks/task.ts";
 * import { evaluateCategorical } from "./categorical.ts";
 *
 * const tokenizer = await Tokenizer.train(["iron or water"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 64, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 270, windowPattern: "L" }, device);
 * const choices = ["iron", "water", "wood", "stone"];
 * const task = listTask("MMLU", [mmluProblem({ question: "A liquid?", choices, answer: 1 })]);
 * const [answer] = await evaluateCategorical(model, tokenizer, task);
 * if (!"ABCD".includes(answer!.prediction)) throw new Error(`got ${answer!.prediction}`);
 * await device.close();
 * ```
 */
export async function evaluateCategorical(
  model: LanguageModel,
  tokenizer: Tokenizer,
  task: Task<CategoricalProblem>,
  options: CategoricalOptions = {},
): Promise<CategoricalAnswer[]> {
  const { batchSize = 8, maxProblems = Infinity, signal, parallel, onProgress } = options;
  const { format = nanochatFormat(tokenizer) } = options;
  const count = Math.min(task.length, maxProblems);
  const { rank, ranks } = parallel ?? { rank: 0, ranks: 1 };
  const answers: CategoricalAnswer[] = [];
  for (let first = 0; first < count; first += batchSize) {
    signal?.throwIfAborted();
    onProgress?.(first);
    if (first / batchSize % ranks !== rank) continue;
    const problems = Array.from(
      { length: Math.min(batchSize, count - first) },
      (_, i) => task.get(first + i),
    );
    const letterIds = problems.map(({ letters }) =>
      letters.map((letter) => idOf(tokenizer, letter))
    );
    const prompts: number[][] = [];
    for (const problem of problems) prompts.push(await format.renderPrompt(questionOf(problem)));
    const logits = await lastLogits(model, prompts);
    for (const [i, problem] of problems.entries()) {
      answers.push(answerOf(problem, letterIds[i]!.map((id) => logits[i]![id]!)));
    }
  }
  return answers;
}

function idOf(tokenizer: Tokenizer, letter: string): number {
  const ids = tokenizer.encode(letter);
  if (ids.length === 1) return ids[0]!;
  throw new RangeError(
    `Cannot ask a multiple-choice question: wanted "${letter}" to be one token, got ${ids.length}`,
  );
}

/** The logits after the last token of each prompt. */
async function lastLogits(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
): Promise<ArrayLike<number>[]> {
  const width = Math.max(...prompts.map(({ length }) => length));
  // Any token will do: what follows a prompt does not change what it predicts.
  const padded = prompts.map((ids) => [...ids, ...new Array<number>(width - ids.length).fill(0)]);
  const last = noGrad(() => {
    using scope = model.device.scope();
    const logits = model.forward(Tensor.from(model.device, padded, { dtype: "int32" }));
    const rows = prompts.map(({ length }, i) =>
      logits.slice(0, i, i + 1).slice(1, length - 1, length).reshape([-1])
    );
    return scope.keep(stack(rows));
  });
  const values = await last.data();
  last.dispose();
  const vocabSize = values.length / prompts.length;
  return prompts.map((_, i) => values.subarray(i * vocabSize, (i + 1) * vocabSize));
}

function answerOf({ letters, messages }: CategoricalProblem, logits: number[]): CategoricalAnswer {
  const best = logits.reduce((best, logit, i) => logit > logits[best]! ? i : best, 0);
  const prediction = letters[best]!;
  return { logits, prediction, correct: messages.at(-1)?.content === prediction };
}
