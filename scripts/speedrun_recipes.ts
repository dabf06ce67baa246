/** The defaults of a speedrun with each corpus. */

import { type corpusNames, isCorpusName } from "./corpora.ts";
import type { TrainingValues } from "./training_flags.ts";

/** A run for a few minutes on two cores without a GPU, on any text. */
const anyText = {
  vocabSize: 4096,
  depth: 4,
  aspectRatio: 64,
  headDim: 64,
  maxSeqLen: 256,
  windowPattern: "L",
  numIterations: 440,
  totalBatchSize: 2048,
  deviceBatchSize: 8,
  loader: "random",
  bufferSize: 1000,
  // Unscaled learning rates, since the scaling was found for batches a hundred times as large.
  lrScaling: "none",
  embeddingLr: 0.3,
  unembeddingLr: 0.008,
  matrixLr: 0.02,
  scalarLr: 0.5,
  weightDecay: 0.28,
  lengthWarmupSteps: 0,
  warmupSteps: 40,
  // The steps before the warmdown; nanochat's 400 are for runs of thousands of steps.
  momentumWarmupSteps: 154,
  warmdownRatio: 0.65,
  finalLrFrac: 0.05,
  evalEvery: 440,
  coreMetricEvery: -1,
  sampleEvery: -1,
  saveEvery: 110,
  // As good as in float32, see bench/QUALITY.md.
  dtype: "auto",
  modelTag: "speedrun",
} as const satisfies Partial<TrainingValues> & { readonly vocabSize: number };

/** The same settings with other values, so that no corpus leaves one out that another sets. */
type RecipeSettings = {
  readonly [Name in keyof typeof anyText]: Name extends keyof TrainingValues ? TrainingValues[Name]
    : number;
};

/** A recipe. */
interface Recipe {
  readonly settings: RecipeSettings;
  /** Tokens of a sample. */
  readonly sampleTokens: number;
}

const otherText: Recipe = { settings: anyText, sampleTokens: 64 };

const recipes: Readonly<Record<typeof corpusNames[number], Recipe>> = {
  // Few words, in short documents: a story begins in its row, and a sample is a whole one. The
  // small vocabulary leaves time for more steps: 25.3 TFLOP, against 25.5 of own text.
  stories: {
    settings: {
      ...anyText,
      vocabSize: 2048,
      loader: "packed",
      // Three stories fill such a row. From many, the loader would pick the longest to begin rows, and crop
      // the shortest: all of two plots, which the model then never tells.
      maxSeqLen: 320,
      bufferSize: 1,
      deviceBatchSize: 6,
      totalBatchSize: 1920,
      numIterations: 500,
      evalEvery: 500,
      momentumWarmupSteps: 175,
      warmupSteps: 20,
      finalLrFrac: 0,
    },
    sampleTokens: 250,
  },
  // Longer tokens hold more text, of which a model learns more in the same time, in fewer steps. Speeches
  // are much longer than a row, so that nothing is lost by short rows at the beginning.
  sotu: {
    settings: {
      ...anyText,
      vocabSize: 8192,
      numIterations: 380,
      evalEvery: 380,
      warmupSteps: 35,
      momentumWarmupSteps: 133,
      warmdownRatio: 0.8,
      lengthWarmupSteps: 302,
      matrixLr: 0.045,
      unembeddingLr: 0.004,
    },
    sampleTokens: 64,
  },
  wordnet: { ...otherText, settings: { ...anyText, loader: "packed" } },
};

/** The recipe for a corpus: one of {@linkcode corpusNames}, or the user's own text. */
export function recipeOf(place: string): Recipe {
  return isCorpusName(place) ? recipes[place] : otherText;
}
