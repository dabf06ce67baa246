/**
 * Synthetic spelling tasks: how many of a letter are in a word, and words spelled out.
 *
 * Both teach a model what its tokens hide: the letters they stand for.
 *
 * Source of the form: nanochat's `tasks/spellingbee.py` (before July 2026); the sentences are ours.
 *
 * @module
 */

import type { Conversation } from "../../tokenizer/mod.ts";
import { PythonRandom } from "../random/python_random.ts";
import type { Task } from "./task.ts";

/** The split of a synthetic task: examples of one split are never in the other. */
export type Split = "train" | "test";

/** Options for {@linkcode spellingBee} and {@linkcode simpleSpelling}. */
export interface SpellingOptions {
  /** The words to ask about. */
  readonly words: readonly string[];
  /** The number of examples. */
  readonly size: number;
  /** Which examples. @default {"train"} */
  readonly split?: Split;
}

/** Options for {@linkcode spellingBee}. */
export interface SpellingBeeOptions extends SpellingOptions {
  /** Wordings of the question, with `{letter}` and `{word}`. */
  readonly templates?: readonly string[];
}

/** Wordings that ask how many of a letter a word has. */
const letterQuestions: readonly string[] = [
  "How many {letter} are in {word}",
  "How many {letter}s does {word} have",
  "How often does {letter} occur in {word}",
  "Count the {letter} in {word}",
  "Please count how many {letter} there are in {word}",
  "What is the number of {letter} in {word}",
  "And how many {letter} are in {word}",
  "Now count the letter {letter} in {word}",
];

const TEST_SEEDS = 10_000_000;

function seedOf(index: number, split: Split): number {
  return split === "train" ? index : TEST_SEEDS + index;
}

/**
 * Questions for the number of a letter in a word, answered by spelling it and by the calculator.
 *
 * Example i samples word, letter, template and quotes from Python's `Random(i)`, in the original's order.
 *
 * @throws {RangeError} If there are no words or templates.
 *
 * @example
 * ```ts
 * import { isAnsweredRight } from "./gsm8k.ts";
 * import { spellingBee } from "./spelling.ts";
 *
 * const task = spellingBee({ words: ["banana"], size: 10 });
 * const problem = task.get(0);
 * const parts = problem.messages[1]!.content as readonly { readonly text: string }[];
 * const answer = parts.at(-1)!.text;
 * if (!isAnsweredRight(problem, answer)) throw new Error(answer);
 * ```
 */
export function spellingBee(
  { words, size, split = "train", templates = letterQuestions }: SpellingBeeOptions,
): Task {
  checkWords("spelling bee", words);
  checkWords("templates of the spelling bee", templates);
  return {
    name: "SpellingBee",
    length: size,
    get: (index) => {
      const random = new PythonRandom(seedOf(index, split));
      const word = random.choice(words);
      const letter = random.random() < 0.9
        ? random.choice(word)
        : random.choice("abcdefghijklmnopqrstuvwxyz");
      let template = random.choice(templates);
      if (random.random() < 0.3) template = template.toLowerCase();
      const quotes = ["", "'", '"'];
      const letterQuote = random.choice(quotes);
      const wordQuote = random.choice(quotes);
      const question = template.replaceAll("{letter}", letterQuote + letter + letterQuote)
        .replaceAll("{word}", wordQuote + word + wordQuote);
      const mark = random.random() < 0.5 ? "?" : "";
      return countingConversation(question + mark, word, letter);
    },
  };
}

function countingConversation(question: string, word: string, letter: string): Conversation {
  const letters = [...word];
  let count = 0;
  const lines = letters.map((character, i) => {
    if (character !== letter) return `${i + 1}:${character}`;
    return `${i + 1}:${character} hit! count=${++count}`;
  });
  return {
    messages: [
      { role: "user", content: question },
      {
        role: "assistant",
        content: [
          {
            type: "text",
            text:
              `I spell '${word}' and count every '${letter}'.\n\n${word}:${letters.join()}\n\n` +
              `${lines.join("\n")}\n\nThat makes ${count}. The calculator says: `,
          },
          { type: "python", text: `'${word}'.count('${letter}')` },
          { type: "python_output", text: `${count}` },
          { type: "text", text: `\n\n#### ${count}` },
        ],
      },
    ],
  };
}

/**
 * Words to spell: `Spell the word: cat`, `cat:c,a,t`.
 *
 * @throws {RangeError} If there are no words.
 */
export function simpleSpelling({ words, size, split = "train" }: SpellingOptions): Task {
  checkWords("simple spelling", words);
  const shuffled = [...words];
  new PythonRandom(42).shuffle(shuffled);
  return {
    name: "SimpleSpelling",
    length: size,
    get: (index) => {
      const word = new PythonRandom(seedOf(index, split)).choice(shuffled);
      return {
        messages: [
          { role: "user", content: `Spell the word: ${word}` },
          { role: "assistant", content: `${word}:${[...word].join()}` },
        ],
      };
    },
  };
}

function checkWords(name: string, words: readonly string[]): void {
  if (words.length === 0) throw new RangeError(`Cannot make ${name}: wanted words, got none`);
}
