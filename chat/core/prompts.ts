/**
 * The sequences of tokens that a model scores for an example of a CORE task.
 *
 * Source: `core_eval.py` of nanochat, after Li et al., "DataComp-LM" (2024).
 *
 * @module
 */

import type { Tokenizer } from "../../tokenizer/mod.ts";
import { PythonRandom } from "../random/python_random.ts";
import type { CoreTask } from "./bundle.ts";

/** Sequences of tokens, and which part of each is scored. */
export interface ScoredSequences {
  /** The prompts as token ids, each beginning with the token that starts a document. */
  readonly tokens: readonly (readonly number[])[];
  /** The first scored token of each. */
  readonly start: readonly number[];
  /** The token after the last scored one of each. */
  readonly end: readonly number[];
}

/**
 * The task's examples in the order in which they are asked: shuffled with seed 1337, and cut.
 *
 * @param maxExamples Maximum examples; all by default.
 *
 * @example
 * ```ts
 * import { shuffledTask } from "./prompts.ts";
 *
 * const examples = [1, 2, 3].map((i) => ({ context: `${i}`, continuation: "x" }));
 * const task = {
 *   ...{ label: "numbers", fewShot: 0, delimiter: " ", baseline: 0 },
 *   ...{ type: "language_modeling", examples } as const,
 * };
 * if (shuffledTask(task, 2).examples.length !== 2) throw new Error("expected two examples");
 * ```
 */
export function shuffledTask(task: CoreTask, maxExamples: number = Infinity): CoreTask {
  const random = new PythonRandom(1337);
  const shuffled = <Example>(examples: readonly Example[]): Example[] => {
    const order = [...examples];
    random.shuffle(order);
    return order.slice(0, maxExamples);
  };
  if (task.type === "multiple_choice") return { ...task, examples: shuffled(task.examples) };
  if (task.type === "schema") return { ...task, examples: shuffled(task.examples) };
  return { ...task, examples: shuffled(task.examples) };
}

/**
 * The few-shot examples of a question: picked from all other examples with seed 1234 + index.
 *
 * @param task A task whose examples are shuffled.
 * @param index The index of the question.
 * @returns The indices of the examples, in the order of the prompt.
 * @throws {RangeError} If the task has too few examples.
 */
export function fewShotPicks({ examples, fewShot, label }: CoreTask, index: number): number[] {
  if (fewShot === 0) return [];
  if (fewShot >= examples.length) {
    throw new RangeError(
      `Cannot ask example ${index} of ${label}: wanted ${fewShot} others, got ${
        examples.length - 1
      }`,
    );
  }
  const others = [...examples.keys()].filter((i) => i !== index);
  return new PythonRandom(1234 + index).sample(others, fewShot);
}

/**
 * The prompts of one example: one for each choice or context; for language modeling one without and one
 * with the continuation.
 *
 * @param task A task whose examples are shuffled.
 * @param index The example that is asked.
 */
export function promptsFor(task: CoreTask, index: number): string[] {
  const picks = fewShotPicks(task, index);
  const { delimiter } = task;
  const after = (shots: string[], item: string): string => [...shots, item].join("\n\n");
  switch (task.type) {
    case "multiple_choice": {
      const shots = picks.map((i) => {
        const { query, choices, gold } = task.examples[i]!;
        return query + delimiter + choices[gold]!;
      });
      const { query, choices } = task.examples[index]!;
      return choices.map((choice) => after(shots, query + delimiter + choice));
    }
    case "schema": {
      const shots = picks.map((i) => {
        const { context_options, continuation, gold } = task.examples[i]!;
        return context_options[gold]! + delimiter + continuation;
      });
      const { context_options, continuation } = task.examples[index]!;
      return context_options.map((context) => after(shots, context + delimiter + continuation));
    }
    case "language_modeling": {
      const shots = picks.map((i) => {
        const { context, continuation } = task.examples[i]!;
        return strip(context) + delimiter + continuation;
      });
      const { context, continuation } = task.examples[index]!;
      const without = after(shots, strip(context) + delimiter);
      // Stripped as a whole: the delimiter's trailing space belongs to the continuation's first token.
      return [strip(without), without + continuation];
    }
  }
}

/**
 * The tokens of an example's prompts, and the part of each that is scored.
 *
 * @param maxTokens The longest sequence that the model reads: longer ones lose their beginning.
 * @throws {RangeError} If a continuation changes the tokens of what stands before it, or its scored
 * part does not fit into `maxTokens`.
 */
export function sequencesFor(
  task: CoreTask,
  index: number,
  tokenizer: Pick<Tokenizer, "encode" | "documentStart">,
  maxTokens: number = Infinity,
): ScoredSequences {
  const encoded = promptsFor(task, index).map((prompt) =>
    Array.from(tokenizer.encode(prompt, { prepend: tokenizer.documentStart }))
  );
  let tokens = encoded;
  let start: number[];
  if (task.type === "multiple_choice") {
    const prefix = commonPrefixLength(encoded);
    start = encoded.map(() => prefix);
  } else if (task.type === "schema") {
    const suffix = commonPrefixLength(encoded.map((ids) => ids.toReversed()));
    start = encoded.map((ids) => ids.length - suffix);
  } else {
    const [without, whole] = encoded as [number[], number[]];
    if (without.length >= whole.length || without.some((id, i) => whole[i] !== id)) {
      throw new RangeError(
        `Cannot ask example ${index} of ${task.label}: wanted the tokens of its context to begin ` +
          `those of the whole, got others`,
      );
    }
    tokens = [whole];
    start = [without.length];
  }
  const cuts = tokens.map((ids) => Math.max(0, ids.length - maxTokens));
  start = start.map((place, i) => place - cuts[i]!);
  if (start.some((place) => place < 1)) {
    throw new RangeError(
      `Cannot ask example ${index} of ${task.label}: wanted its scored part to fit into ` +
        `${maxTokens} tokens`,
    );
  }
  const cropped = tokens.map((ids, i) => ids.slice(cuts[i]));
  return { tokens: cropped, start, end: cropped.map((ids) => ids.length) };
}

/**
 * How many tokens all sequences begin with.
 *
 * @example
 * ```ts
 * import { commonPrefixLength } from "./prompts.ts";
 *
 * if (commonPrefixLength([[1, 2, 3], [1, 2, 4]]) !== 2) throw new Error("expected two");
 * ```
 */
export function commonPrefixLength(sequences: readonly (readonly number[])[]): number {
  const [first = []] = sequences;
  const shortest = Math.min(...sequences.map(({ length }) => length));
  const end = first.findIndex((id, i) => sequences.some((ids) => ids[i] !== id));
  return end === -1 ? shortest : end;
}

/** Python's `str.strip`: unlike `trim` it takes U+001C to U+001F and U+0085, and leaves U+FEFF. */
function strip(text: string): string {
  const isSpace = (character: string) =>
    /\p{White_Space}/u.test(character) || (character >= "\x1c" && character <= "\x1f");
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text[start]!)) start++;
  while (end > start && isSpace(text[end - 1]!)) end--;
  return text.slice(start, end);
}
