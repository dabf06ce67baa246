/** The words of the sections on attention. @module */

/** A sum of products, written out. */
const products = (terms: readonly (readonly [string, string])[]) =>
  terms.map(([a, b]) => `${a} × ${b}`).join(" + ");

/** The words. */
export const words = {
  heads: "Heads",
  headCounts: { one: "one of size 4", two: "two of size 2" },
  head: "Shown",
  headNames: { first: "head 1", second: "head 2" },
  stages: [
    "Words as numbers",
    "Each word asks, answers and gives",
    "Every question meets every answer",
    "A little of each",
  ],
  matrices: {
    inputs: "The four words",
    "weights.query": "Query weights",
    "weights.key": "Key weights",
    "weights.value": "Value weights",
    queries: "Queries: what it asks for",
    keys: "Keys: what it answers to",
    values: "Values: what it gives",
    scores: "Scores: query · key",
    masked: (size: number) => `÷ √${size}, and no look ahead`,
    pattern: "Softmax: who reads whom",
    output: "Output: what it takes",
  },
  number: (i: number) => `${i + 1}`,
  projections: { query: "query", key: "key", value: "value" },
  weight: (projection: string, feature: string, column: number) =>
    `A weight of the ${projection}: from “${feature}” to no. ${column + 1}`,
  explain: {
    inputs: (word: string, feature: string, value: string) =>
      `“${word}” is ${value} ${feature}: a number from the table of the last section.`,
    weights: (projection: string, feature: string, column: number, value: string) =>
      `A weight: no. ${
        column + 1
      } of a ${projection} gets ${value} × ${feature}. Move it by the slider.`,
    projected: (
      what: string,
      word: string,
      column: number,
      terms: readonly (readonly [string, string])[],
      value: string,
    ) => `The ${what} of “${word}”, no. ${column + 1}: ${products(terms)} = ${value}`,
    scores: (
      word: string,
      other: string,
      terms: readonly (readonly [string, string])[],
      value: string,
    ) => `“${word}” asks “${other}”: ${products(terms)} = ${value}`,
    masked: (score: string, size: number, value: string) => `${score} ÷ √${size} = ${value}`,
    future: (word: string, other: string) =>
      `“${other}” comes after “${word}”: no looking ahead. −∞ becomes a share of 0.`,
    pattern: (word: string, other: string, exponential: string, total: string, value: string) =>
      `“${word}” reads “${other}”: e to its score ÷ the sum of the row = ${exponential} ÷ ${total} = ${value}`,
    output: (
      word: string,
      column: number,
      terms: readonly (readonly [string, string])[],
      value: string,
    ) => `What “${word}” takes, no. ${column + 1}: ${products(terms)} = ${value}`,
  },
  changed: (count: number) =>
    count === 0
      ? "Choose any number, and see where it comes from."
      : `${count} ${count === 1 ? "number has" : "numbers have"} changed: the dotted ones.`,
  arcs: (word: string, shares: readonly string[]) => `“${word}” reads ${shares.join(", ")}`,
  reads: (word: string, most: string, share: string) => `“${word}” reads “${most}” most: ${share}.`,
  ask: "Ask the engine",
  asking: "The engine computes…",
  same: (difference: string) =>
    `The engine’s attention says the same. Largest difference: ${difference}.`,
  differs: (difference: string) => `The engine says otherwise, by ${difference}.`,
  induction: {
    own: "Your letters, at most 7",
    previous: "First head: who reads whom",
    induction: "Second head: who reads whom",
    explainPrevious: (letter: string, other: string, share: string) =>
      `First head: “${letter}” reads ${share} of “${other}”. It looks one place back.`,
    explainInduction: (letter: string, other: string, before: string, share: string) =>
      `Second head: “${letter}” reads ${share} of “${other}”, before which stands “${before}”.`,
    copies: "What the last letter copies",
    found: (letter: string, next: string) =>
      `The last time, “${next}” came after “${letter}”. So it says “${next}”. It has learned from your text!`,
    nothing: (letter: string) =>
      `There was no “${letter}” before. It rests on “•”, the beginning, and copies nothing.`,
    empty: "Type a letter.",
  },
};
