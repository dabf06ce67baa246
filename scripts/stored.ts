/** Data that `deno task data get` put on this machine. */

import {
  addressesOf,
  fetchData,
  findData,
  isAddress,
  isDataName,
  type StoredState,
} from "../data/mod.ts";
import { basePath } from "../gpt/internals.ts";
import { connectionOf, mayConnect } from "./connection.ts";
import { printNote } from "./output.ts";
import { showTransfer } from "./transfer.ts";

/** The folder of data sets. */
export function dataPath(): string {
  return basePath("data");
}

/** The folder of unpacked files. */
export function unpackedPath(): string {
  return basePath("unpacked");
}

/** Whether a name stands for an npm package that Deno itself caches, and that `data` reads. */
export function isPackaged(place: string): boolean {
  return isDataName(place) && addressesOf(place).every((address) => address.startsWith("npm:"));
}

/** Whether a place is a name of a data set or an address, and not files of the user's own. */
export function isStored(place: string): boolean {
  return isAddress(place) || (isDataName(place) && !isPackaged(place));
}

/** The command that gets a place. */
export function getCommand(place: string): string {
  if (place === "core") return "deno task core_bundle --from nanochat";
  return `deno task data get ${isDataName(place) ? place : `'${place}'`}`;
}

/**
 * The files of a name or an address, all of which must be here.
 *
 * @param part A split of the data set, such as `test`.
 * @throws {Error} If it is not here; the message has the command that gets it.
 */
export async function findStored(place: string, part?: string): Promise<StoredState> {
  const [address = place] = addressesOf(place, part);
  const found = await findData(dataPath(), address);
  if (found !== null && found.missing.length === 0) return found;
  const got = found === null
    ? "none"
    : `${found.files.length - found.missing.length} of ${found.files.length}`;
  const what = part === undefined ? place : `${place} (${part})`;
  throw new Error(
    `Cannot read ${what}: wanted its files on this machine, got ${got}. Get them: ` +
      getCommand(place),
  );
}

/** Whether all files of a name or an address are here. */
export async function isHere(place: string, part?: string): Promise<boolean> {
  const [address = place] = addressesOf(place, part);
  return (await findData(dataPath(), address))?.missing.length === 0;
}

/**
 * The local path of a name, an address, or the user's own files. Missing files are downloaded
 * first, if this process is allowed to.
 *
 * @throws {Error} If it is not here and may not be downloaded, or cannot be.
 */
export async function localPlace(place: string, part?: string): Promise<string> {
  if (!isStored(place)) return place;
  const [address = place] = addressesOf(place, part);
  const connection = connectionOf();
  if (!await isHere(place, part) && await mayConnect(address, connection)) {
    printNote(`Downloading ${address}`);
    await fetchData(connection, dataPath(), address, {
      onProgress: showTransfer(),
      onOthers: () => printNote(`Waiting for another process, which downloads ${address}`),
    });
  }
  return (await findStored(place, part)).folder;
}
