/**
 * An n-gram model of words, as a baseline: the next word is chosen as often as it followed the last
 * ones in the training text.
 *
 * @module
 */

import { pick, type Random } from "./random.ts";

const END = "\0";

/** Words, and a line break as a word of its own. */
const wordsOf = (text: string) => text.replaceAll("\n", " \n ").split(/ +/).filter((w) => w !== "");

/**
 * An n-gram model of words. Each context is stored with all words that followed it; the next word
 * is one of them at random.
 */
export class NGram {
  readonly #next = new Map<string, string[]>();

  /** Counts the words of texts.
   *
   * @param order Words of a gram: 4 predicts a word from three before it.
   */
  constructor(readonly order: number, texts: Iterable<string>) {
    for (const text of texts) {
      const words = [...Array<string>(order - 1).fill(END), ...wordsOf(text), END];
      for (let i = order - 1; i < words.length; i++) {
        const context = words.slice(i - order + 1, i).join(" ");
        const next = this.#next.get(context);
        if (next === undefined) this.#next.set(context, [words[i]!]);
        else next.push(words[i]!);
      }
    }
  }

  /** Continues a text, to its end or to a number of words. */
  write(random: Random, prompt = "", maxWords = 250): string {
    const words = [...Array<string>(this.order - 1).fill(END), ...wordsOf(prompt)];
    const start = this.order - 1;
    while (words.length < start + maxWords) {
      const context = words.slice(words.length - this.order + 1).join(" ");
      const following = this.#next.get(context);
      if (following === undefined) break;
      const word = pick(random, following);
      if (word === END) break;
      words.push(word);
    }
    return words.slice(start).join(" ").replaceAll(" \n ", "\n").replaceAll(" \n", "\n");
  }

  /** The most likely line after a text, as an answer. */
  answer(prompt: string, maxWords = 12): string {
    const words = [...Array<string>(this.order - 1).fill(END), ...wordsOf(prompt)];
    const start = words.length;
    while (words.length < start + maxWords) {
      const following = this.#next.get(words.slice(words.length - this.order + 1).join(" "));
      if (following === undefined) break;
      const counts = new Map<string, number>();
      for (const word of following) counts.set(word, (counts.get(word) ?? 0) + 1);
      const [[word = END] = []] = [...counts].toSorted(([, a], [, b]) => b - a);
      if (word === END || word === "\n") break;
      words.push(word);
    }
    return words.slice(start).join(" ");
  }
}
