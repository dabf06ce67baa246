/** Converts names that runs store into the words of the command line. */

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
