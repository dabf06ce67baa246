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
import { printError, printNote } from "./output.ts";
import { dataPath, findStored, isStored, unpackedPath } from "./stored.ts";
import { didYouMean } from "./words.ts";

/** Documents of the corpus of stories: 1.8 million tokens, so that a speedrun sees none twice. */
const STORY_DOCUMENTS = 16_500;

/** The names of the corpora, the default of a speedrun first. */
export const corpusNames = ["stories", "sotu", "wordnet"] as const;

/** Whether a text names a corpus. */
export function isCorpusName(place: string): place is typeof corpusNames[number] {
  return corpusNames.some((name) => name === place);
}

/**
 * Checks that a corpus is one, before other work begins. Nothing is downloaded.
 *
 * @throws {SyntaxError} If it is a malformed address.
 * @throws {Error} If it is neither a name nor an address, and there are no such files.
 */
export async function checkPlace(place: string): Promise<void> {
  if (isAddress(place)) parseAddress(place);
  if (isAddress(place) || isCorpusName(place) || isDataName(place)) return;
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
      printNote(
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
    const connection = connectionOf();
    // Without a network the error says which command gets the files.
    if (!await mayConnect(address, connection)) await findStored(place);
    const count = isDataName(place) ? catalog[place].files : undefined;
    printNote(`Downloading ${place}; reading begins when its first file is here.`);
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
