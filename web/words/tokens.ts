/** The words of the section on tokens. @module */

/** The words. */
export const words = {
  sentence: "The dinosaur saw the other dinosaurs in the den, and then they all ate there.",
  own: "Your text, in any language",
  merges: "Merges",
  next: "Merge the first pair ▶",
  back: "◀ Take it back",
  strip: "The text in tokens",
  rows: {
    tokens: "Tokens",
    bytes: "Bytes",
    ratio: "Bytes per token",
    vocabulary: "Vocabulary",
  },
  vocabularyWork: (merges: number) => `256 bytes + ${merges} merged`,
  pairs: "What stands together, and how often",
  pairColumns: ["Pair", "Count", "Becomes"],
  learned: "What it has learned",
  learnedColumns: ["Token", "Made of", "Spells"],
  none: "Nothing yet: every token is a byte.",
  status: (left: string, right: string, count: number) =>
    `Next: “${left}” and “${right}” stand together ${count} times. That is the most.`,
  last: (left: string, right: string) =>
    `Next: “${left}” and “${right}”. They stand together only once. From here on it learns by heart.`,
  done: "Every word is one token. There is nothing left to merge!",
  empty: "Type a text.",
  plot: "How many bytes a token holds, over the merges",
  ratio: "bytes per token",
  merged: "merges",
  now: "now",
};
