/** The corpora that a command knows by name, besides those that `data` reads from files. */

import {
  addressesOf,
  catalog,
  fetchInBackground,
  findData,
  isAddress,
  isDataName,
  isFetching,
  openSource,
  parseAddress,
  type Source,
  type StoredSource,
  storedSource,
} from "../data/mod.ts";
import { storySource } from "../stories/mod.ts";
import { connectionOf, mayConnect } from "./connection.ts";
import { firstLine, type Settings } from "./flags.ts";
import { duration } from "./format.ts";
import { print, printError } from "./output.ts";
import { dataPath, findStored, isStored, unpackedPath } from "./stored.ts";
import { didYouMean } from "./words.ts";

/** Documents of the corpus of stories: 1.8 million tokens, so that a speedrun sees none twice. */
const STORY_DOCUMENTS = 16_500;

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
  // small vocabulary leaves time for more steps: 25.3 TFLOP, against 25.5 of own text.
  stories: {
    settings: {
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
  wordnet: { settings: { loader: "packed" }, sampleTokens: 64 },
};

/** The names of the corpora, the default of a speedrun first. */
export const corpusNames: readonly string[] = Object.keys(corpora);

/** The recipe for a corpus: one of {@linkcode corpusNames}, or the user's own text. */
export function recipeOf(place: string): CorpusRecipe {
  return corpora[place] ?? anyText;
}

/**
 * Checks that a corpus is one, before other work begins. Nothing is downloaded.
 *
 * @throws {SyntaxError} If it is a malformed address.
 * @throws {Error} If it is neither a name nor an address, and there are no such files.
 */
export async function checkPlace(place: string): Promise<void> {
  if (isAddress(place)) parseAddress(place);
  if (isAddress(place) || corpusNames.includes(place) || isDataName(place)) return;
  const isPath = /[*?[{/\\]/.test(place) || await Deno.stat(place).then(() => true, () => false);
  if (isPath) return;
  const names = [...new Set([...corpusNames, ...Object.keys(catalog)])];
  throw new Error(
    `Cannot read the corpus "${place}": wanted ${corpusNames.join(", ")}, a file, a folder or a ` +
      `glob with matches, got nothing there${didYouMean(place, names)}`,
  );
}

/**
 * Opens a corpus: `stories`, which are synthetic, what {@linkcode openSource} of `data` knows, or a name
 * or an address. Files of the latter that are not here are waited for, if somebody downloads them, or
 * downloaded meanwhile, if this process may.
 *
 * @param column The column of parquet files, or the field of JSON Lines, that holds the text.
 * @param files Only this many files of an address, as a run had them.
 * @throws {Error} If there is no such corpus.
 */
export async function openCorpus(
  place: string,
  column = "text",
  files?: number,
): Promise<Source | StoredSource> {
  await checkPlace(place);
  if (place === "stories") return storySource({ documents: STORY_DOCUMENTS });
  const options = { column, unpackInto: unpackedPath() };
  if (!isStored(place)) return await openSource(place, options);
  const [address = place] = addressesOf(place);
  await beginFetching(place, address);
  const source = await storedSource(dataPath(), address, {
    ...options,
    count: files,
    onWait: (file, seconds) =>
      print(
        seconds === null
          ? `Waiting for ${file} of ${place}`
          : `${file} came after ${duration(seconds)}`,
      ),
  });
  return { ...source, name: place };
}

/** The settings of a run that pin its corpus. */
export function pinsOf(source: Source | StoredSource): Settings {
  if (!("revision" in source)) return {};
  const { revision, digest, count } = source;
  return { dataRevision: revision, dataDigest: digest, dataFiles: count };
}

/** Milliseconds between looks for the list of files. */
const LOOK = 100;

/**
 * Ensures that the files of an address are here or arriving.
 *
 * @returns When it is known which files there are.
 * @throws {Error} If they are not here, nobody downloads them, and this process may not.
 */
async function beginFetching(place: string, address: string): Promise<void> {
  const root = dataPath();
  const found = await findData(root, address);
  if (found?.missing.length === 0) return;
  if (!await isFetching(root, address)) {
    const connection = connectionOf((seconds, reason) =>
      print(`Waiting for ${seconds} s: ${reason}`)
    );
    // Without a network the error says which command gets the files.
    if (!await mayConnect(address, connection)) await findStored(place);
    const count = isDataName(place) ? catalog[place].files : undefined;
    print(`Downloading ${place}; reading begins when its first file is here.`);
    let hasEnded = false;
    const fetching = fetchInBackground(
      connection,
      root,
      address,
      count === undefined ? {} : { count },
    ).finally(() => hasEnded = true);
    // Later, reading a file that did not come is the error, and this its reason.
    let isAwaited = true;
    fetching.catch((error) => isAwaited || printError(firstLine(error)));
    const hasBegun = async () =>
      await findData(root, address) !== null && await isFetching(root, address);
    while (!hasEnded && !await hasBegun()) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
    if (hasEnded) await fetching;
    isAwaited = false;
  } else {
    while (await findData(root, address) === null && await isFetching(root, address)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }
}
