/**
 * Chooses words to spell, so that the letters of every token are learned.
 *
 * @module
 */

import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";

/** Chooses a word. */
export type ChooseWord = (random: PythonRandom) => string;

/**
 * Chooses words so that all tokens occur about equally often: first a token, then a word that
 * contains it. A model reads words as tokens, and must learn the letters of each; if words were
 * chosen uniformly, most would consist of the same few tokens, and hundreds of tokens would never
 * occur. Of two words with the token, the shorter one is taken, since the other letters of a word
 * teach little.
 *
 * @param words The words to choose from, in lower case.
 * @param tokenizer Splits them into tokens, with a space before each word.
 * @param onlyFirst Whether to count only the token that a word begins with.
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
export function chooseByToken(
  words: readonly string[],
  tokenizer: Tokenizer,
  onlyFirst = false,
): ChooseWord {
  if (words.length === 0) throw new RangeError("Cannot choose words: wanted some, got none");
  const wordsOf = new Map<number, string[]>();
  for (const word of words) {
    const tokens = tokenizer.encode(` ${word}`);
    for (const token of new Set(onlyFirst ? tokens.slice(0, 1) : tokens)) {
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
