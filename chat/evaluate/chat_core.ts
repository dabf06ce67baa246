/** One number for a chat model. @module */

/** The accuracy of guessing on each task of the metric. */
export const chatCoreBaselines: Readonly<Record<string, number>> = {
  "ARC-Easy": 0.25,
  "ARC-Challenge": 0.25,
  MMLU: 0.25,
  GSM8K: 0,
  HumanEval: 0,
};

/**
 * The mean of centered accuracies: 0 for guessing, 1 for all right.
 *
 * Source: nanochat, `scripts/chat_eval.py`.
 *
 * @param accuracies Accuracies by task name: those of all {@linkcode chatCoreBaselines}, or only of
 * `tasks` for a part of the metric.
 * @returns `null` if one is missing.
 *
 * @example
 * ```ts
 * import { chatCore } from "./chat_core.ts";
 *
 * const score = chatCore({ MMLU: 0.625, GSM8K: 0.25 }, ["MMLU", "GSM8K"]);
 * if (score !== 0.375) throw new Error(`expected 0.375, got ${score}`);
 * ```
 */
export function chatCore(
  accuracies: Readonly<Record<string, number>>,
  tasks: readonly string[] = Object.keys(chatCoreBaselines),
): number | null {
  let sum = 0;
  for (const name of tasks) {
    const accuracy = accuracies[name];
    const baseline = chatCoreBaselines[name] ?? 0;
    if (accuracy === undefined) return null;
    sum += (accuracy - baseline) / (1 - baseline);
  }
  return sum / tasks.length;
}
