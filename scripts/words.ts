/** Converts names that runs store into the words of the command line. */

import { levenshteinDistance } from "./deps.ts";

/** Members of a model's shape that are not flags. */
const SHAPE: Readonly<Record<string, string>> = {
  sequenceLen: "training length",
  vocabSize: "vocabulary",
  nLayer: "layers",
  nHead: "heads",
  nKvHead: "key and value heads",
  nEmbd: "width",
  windowPattern: "attention windows",
};

const FIGURES: Readonly<Record<string, string>> = {
  smoothLoss: "loss, smoothed",
  lossScale: "loss scale",
  bitsPerByte: "bits per byte",
  core: "CORE",
  questionsRight: "questions right",
  seconds: "seconds of training",
};

/**
 * The words that a misspelled one may stand for: `; did you mean --depth?`. Empty if none is close.
 *
 * @param words The right words.
 */
export function didYouMean(word: string, words: readonly string[]): string {
  const most = Math.min(3, Math.floor(word.length / 3));
  const distances = words.map((known) => levenshteinDistance(word, known));
  const least = Math.min(...distances);
  if (least > most) return "";
  return `; did you mean ${words.filter((_, i) => distances[i] === least).join(" or ")}?`;
}

/** `max-seq-len` for `maxSeqLen`. */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A figure of a run: `bits per byte` for `bitsPerByte`. */
export function figureTitle(name: string): string {
  return FIGURES[name] ?? name;
}

/** A setting of a run: `--matrix-lr` for `matrixLr`, `layers` for `nLayer`. */
export function settingTitle(name: string): string {
  return SHAPE[name] ?? `--${kebabCase(name)}`;
}

/** A message about options of functions, with these replaced by the names of their flags. */
export function withFlagNames(message: string, flags: Readonly<Record<string, unknown>>): string {
  return message.replace(
    /(?<![\w./-])[a-z]+(?:[A-Z][a-z]+)+(?![\w./-])/g,
    (name) => name in flags ? `--${kebabCase(name)}` : SHAPE[name] ?? name,
  );
}
