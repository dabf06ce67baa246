/**
 * A small synthetic CORE bundle, in the format of the real one, with tasks that a small model has a
 * chance at. Its scores can only be compared with each other.
 *
 * @module
 */

import { days, firstNames, months, opposites } from "../rules/facts.ts";
import type { CoreBundle, CoreTask } from "./bundle.ts";

const following = (names: readonly string[]) =>
  names.map((name, i) => ({
    context: `The one after ${name} is`,
    continuation: names[(i + 1) % names.length]!,
  }));

/** Rows of words to continue: `Monday, Tuesday, Wednesday,`. */
const rows = (names: readonly string[], length: number) =>
  names.map((_, i) => {
    const words = Array.from({ length: length + 1 }, (_, k) => names[(i + k) % names.length]!);
    return { context: `${words.slice(0, length).join(", ")},`, continuation: words[length]! };
  });

/** Four words, one of them the opposite. */
const oppositeChoices = opposites.map(([word, opposite], i) => {
  const others = [1, 2, 3].map((k) => opposites[(i + 5 * k) % opposites.length]![k % 2]!);
  const gold = i % 4;
  return {
    query: `The opposite of ${word} is`,
    choices: others.toSpliced(gold, 0, opposite),
    gold,
  };
});

/** Four numbers, one of them the sum. */
const sums = Array.from({ length: 60 }, (_, i) => {
  const [a, b] = [3 + (i * 7) % 40, 2 + (i * 11) % 30];
  const others = [a + b + 1 + i % 3, a + b + 10, Math.abs(a - b)];
  const gold = (i * 3) % 4;
  const choices = others.toSpliced(gold, 0, a + b).map(String);
  return { query: `${a} plus ${b} is`, choices, gold };
});

/** Two contexts, only one of which fits what follows. */
const comparisons = Array.from({ length: 48 }, (_, i) => {
  const [one, other] = [firstNames[i]!, firstNames[(i + 7) % firstNames.length]!];
  const [small, large] = [2 + i % 9, 12 + (i * 5) % 20];
  const context = (first: number, second: number) =>
    `${one} has ${first} apples and ${other} has ${second}.`;
  const gold = i % 2;
  const contexts = [context(small, large), context(large, small)];
  return {
    context_options: gold === 0 ? contexts.toReversed() : contexts,
    continuation: `${one} has more.`,
    gold,
  };
});

/**
 * Makes the bundle: 5 tasks that cover all kinds.
 *
 * @example
 * ```ts
 * import { demonstrationBundle } from "./demonstration.ts";
 *
 * const labels = demonstrationBundle().tasks.map(({ label }) => label);
 * if (labels.length !== 5) throw new Error(`got ${labels}`);
 * ```
 */
export function demonstrationBundle(): CoreBundle {
  const base = { delimiter: " ", baseline: 0 };
  const tasks: CoreTask[] = [
    {
      ...base,
      label: "what_follows",
      type: "language_modeling",
      fewShot: 2,
      examples: [...following(days), ...following(months)],
    },
    {
      ...base,
      label: "rows",
      type: "language_modeling",
      fewShot: 0,
      examples: [...rows(days, 4), ...rows(months, 4)],
    },
    {
      ...base,
      label: "opposites",
      type: "multiple_choice",
      fewShot: 3,
      baseline: 0.25,
      examples: oppositeChoices,
    },
    {
      ...base,
      label: "sums",
      type: "multiple_choice",
      fewShot: 3,
      baseline: 0.25,
      examples: sums,
    },
    {
      ...base,
      label: "comparisons",
      type: "schema",
      fewShot: 0,
      baseline: 0.5,
      examples: comparisons,
    },
  ];
  return { tasks };
}

/**
 * The files of a bundle, by their paths in it.
 *
 * @example
 * ```ts
 * import { bundleFiles, demonstrationBundle } from "./demonstration.ts";
 *
 * if (!bundleFiles(demonstrationBundle()).has("core.yaml")) throw new Error("expected core.yaml");
 * ```
 */
export function bundleFiles({ tasks }: CoreBundle): Map<string, string> {
  const files = new Map<string, string>();
  const entries = tasks.map(({ label, type, fewShot, delimiter }) => [
    `- label: ${JSON.stringify(label)}`,
    `  dataset_uri: ${JSON.stringify(`${label}.jsonl`)}`,
    `  num_fewshot: [${fewShot}]`,
    `  icl_task_type: ${type}`,
    `  continuation_delimiter: ${JSON.stringify(delimiter)}`,
  ]);
  files.set("core.yaml", `icl_tasks:\n${entries.flat().join("\n")}\n`);
  const baselines = tasks.map(({ label, baseline }) => `${label},${100 * baseline}`);
  files.set("eval_meta_data.csv", `Eval Task,Random baseline\n${baselines.join("\n")}\n`);
  for (const { label, examples } of tasks) {
    const lines = examples.map((example) => `${JSON.stringify(example)}\n`);
    files.set(`eval_data/${label}.jsonl`, lines.join(""));
  }
  return files;
}
