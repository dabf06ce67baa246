/**
 * Which words are spelled, so that the letters of every token are learned.
 *
 * @module
 */

import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";

/** Chooses a word. */
export type ChooseWord = (random: PythonRandom) => string;

/**
 * Chooses words so that every token comes about as often as every other: first a token, then a word
 * that has it. A model reads words as tokens, and must learn the letters of each; of words that are
 * chosen evenly, most have the same few tokens, and hundreds of tokens are in none. Of two words that
 * have the token the shorter one is taken: its other letters teach little.
 *
 * @param words The words to choose from, in lower case.
 * @param tokenizer Splits them into tokens, with a space before each word.
 * @throws {RangeError} If there are no words.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { PythonRandom } from "../random/python_random.ts";
 * import { chooseByToken } from "./word_choice.ts";
 *
 * const tokenizer = await Tokenizer.train([" aa aa"], { vocabSize: 266 });
 * const choose = chooseByToken(["aa", "ba", "bb"], tokenizer);
 * if (choose(new PythonRandom(1)).length !== 2) throw new Error("expected one of the words");
 * ```
 */
export function chooseByToken(words: readonly string[], tokenizer: Tokenizer): ChooseWord {
  if (words.length === 0) throw new RangeError("Cannot choose words: wanted some, got none");
  const wordsOf = new Map<number, string[]>();
  for (const word of words) {
    for (const token of new Set(tokenizer.encode(` ${word}`))) {
      const known = wordsOf.get(token);
      if (known === undefined) wordsOf.set(token, [word]);
      else known.push(word);
    }
  }
  const lists = [...wordsOf.values()];
  return (random) => {
    const list = random.choice(lists);
    const [first, second] = [random.choice(list), random.choice(list)];
    return second.length < first.length ? second : first;
  };
}
