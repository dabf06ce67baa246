/**
 * Chooses words to spell, so that the letters of every token are learned.
 *
 * @module
 */

import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";

/** Chooses a word. */
export type ChooseWord = (random: PythonRandom) => string;

/** Ways to choose words, as {@linkcode chooseByToken} explains. */
export interface WordChoice {
  /** By the token that a word begins with. */
  readonly byFirst: ChooseWord;
  /** By any of its tokens. */
  readonly byAny: ChooseWord;
}

/**
 * Chooses words so that all tokens occur about equally often: first a token, then a word that
 * contains it. A model reads words as tokens, and must learn the letters of each; if words were
 * chosen uniformly, most would consist of the same few tokens, and hundreds of tokens would never
 * occur. Of two words with the token, the shorter one is taken, since the other letters of a word
 * teach little.
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
 * const { byAny } = chooseByToken(["aa", "ba", "bb"], tokenizer);
 * if (byAny(new PythonRandom(1)).length !== 2) throw new Error("expected one of the words");
 * ```
 */
export function chooseByToken(words: readonly string[], tokenizer: Tokenizer): WordChoice {
  if (words.length === 0) throw new RangeError("Cannot choose words: wanted some, got none");
  const [ofFirst, ofAny] = [new WordsOfTokens(), new WordsOfTokens()];
  // There are 200,000 words: to encode them twice would take a third of a second.
  for (const word of words) {
    const tokens = tokenizer.encode(` ${word}`);
    ofFirst.add(tokens[0]!, word);
    for (let i = 0; i < tokens.length; i++) {
      if (tokens.indexOf(tokens[i]!) === i) ofAny.add(tokens[i]!, word);
    }
  }
  return { byFirst: ofFirst.choice(), byAny: ofAny.choice() };
}

/** The words that have each token. */
class WordsOfTokens {
  readonly #words = new Map<number, string[]>();

  add(token: number, word: string): void {
    const known = this.#words.get(token);
    if (known === undefined) this.#words.set(token, [word]);
    else known.push(word);
  }

  choice(): ChooseWord {
    const lists = [...this.#words.values()];
    return (random) => {
      const list = random.choice(lists);
      const [first, second] = [random.choice(list), random.choice(list)];
      return second.length < first.length ? second : first;
    };
  }
}
