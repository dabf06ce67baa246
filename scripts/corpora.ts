/** The corpora that a command knows by name, besides those that `data` reads from files. */

import { findData, isHubAddress, openSource, type Source } from "../data/mod.ts";
import { basePath } from "../gpt/mod.ts";
import { storySource } from "../stories/mod.ts";

/** Documents of the corpus of stories: 1.5 million tokens, so that a speedrun sees none twice. */
const STORY_DOCUMENTS = 12_000;

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
 * Opens a corpus: `stories`, told by rules, or what {@linkcode openSource} of `data` knows.
 *
 * @throws {Error} If there is no such corpus.
 */
export async function openCorpus(place: string): Promise<Source> {
  if (isHubAddress(place)) return await openStored(place);
  return place === "stories"
    ? storySource({ documents: STORY_DOCUMENTS })
    : await openSource(place);
}

/** Opens a data set of the hub that is here: who trains needs no network. */
async function openStored(address: string): Promise<Source> {
  const found = await findData(basePath("data"), address);
  if (found === null || found.missing.length > 0) {
    const got = found === null
      ? "none"
      : `${found.files.length - found.missing.length} of ${found.files.length}`;
    throw new Error(
      `Cannot read ${address}: wanted its files on this machine, got ${got}. Get them: ` +
        `deno task data get '${address}'`,
    );
  }
  return { ...await openSource(found.folder), name: address };
}
