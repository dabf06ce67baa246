/** The corpora that a command knows by name, besides those that `data` reads from files. */

import { openSource, type Source } from "../data/mod.ts";
import { storySource } from "../stories/mod.ts";
import { isStored, localPlace, unpackedPath } from "./stored.ts";

/** Documents of the corpus of stories: 1.2 million tokens, so that a speedrun sees none twice. */
const STORY_DOCUMENTS = 10_000;

/** The settings of a speedrun that a corpus changes. */
interface CorpusRecipe {
  /** Flags with other values. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** Tokens of a sample. */
  readonly sampleTokens: number;
}

/** The recipe for unknown text. */
const anyText: CorpusRecipe = { settings: {}, sampleTokens: 64 };

/** Corpora by name, with what suits them. */
const corpora: Readonly<Record<string, CorpusRecipe>> = {
  // Few words, in short documents: a story begins in its row, and a sample is a whole one. The
  // small vocabulary leaves time for more steps: 25.3 TFLOP, against 25.5 of the others.
  stories: {
    settings: {
      vocabSize: 2048,
      loader: "packed",
      numIterations: 490,
      evalEvery: 490,
      momentumWarmupSteps: 172,
      warmupSteps: 20,
      finalLrFrac: 0,
    },
    sampleTokens: 250,
  },
  sotu: anyText,
  wordnet: { settings: { loader: "packed" }, sampleTokens: 64 },
};

/** The names of the corpora, the default of a speedrun first. */
export const corpusNames: readonly string[] = Object.keys(corpora);

/** The recipe for a corpus: one of {@linkcode corpusNames}, or the user's own text. */
export function recipeOf(place: string): CorpusRecipe {
  return corpora[place] ?? anyText;
}

/**
 * Opens a corpus: `stories`, told by rules, what {@linkcode openSource} of `data` knows, or a name or an
 * address whose files are here.
 *
 * @throws {Error} If there is no such corpus.
 */
export async function openCorpus(place: string): Promise<Source> {
  if (place === "stories") return storySource({ documents: STORY_DOCUMENTS });
  const unpackInto = unpackedPath();
  return isStored(place)
    ? { ...await openSource(await localPlace(place), { unpackInto }), name: place }
    : await openSource(place, { unpackInto });
}
