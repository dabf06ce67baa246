/** Words of texts, for tests. @module */

/** The words of a list that a text has, as whole words. */
export function wordsIn(text: string, list: readonly string[]): string[] {
  const words = new Set(text.match(/[\p{L}-]+/gu));
  return list.filter((word) => words.has(word));
}
