/** Data sets: gets, shows, lists and removes those of the hub, npm and the web. */

import {
  addressesOf,
  catalog,
  fetchData,
  isAddress,
  isDataName,
  listData,
  openSource,
  removeData,
  type StoredState,
} from "../data/mod.ts";
import { exitCodeOf } from "../gpt/internals.ts";
import { connectionOf } from "./connection.ts";
import { integer, optional, runScript, splitNames, UsageError, type Values } from "./flags.ts";
import { alignColumns, bytes, count } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { print } from "./output.ts";
import { showData } from "./show_data.ts";
import { dataPath, isPackaged } from "./stored.ts";
import { showTransfer } from "./transfer.ts";
import { didYouMean } from "./words.ts";

const flags = {
  files: optional(
    integer(
      8,
      "Get the first files only, and the last one for validation; -1 for all, which is the " +
        "default but of climbmix: 8",
      { or: -1 },
    ),
  ),
  workers: integer(4, "Number of concurrent downloads", { most: 32 }),
};

const actions = ["list", "get", "show", "remove"] as const;

/** nanochat's short names of the flags. */
const shortFlags: Readonly<Record<string, string>> = { "-n": "--files", "-w": "--workers" };

/** Gets, shows, lists or removes data sets. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  const { names, rest } = splitNames(
    args.map((argument) => shortFlags[argument] ?? argument),
    flags,
  );
  return runScript({
    summary: "Gets data sets by name or address: data get NAME, data show NAME, data list, data " +
      "remove NAME. Addresses: hf:ORG/NAME, npm:PACKAGE@VERSION/PATH, https://…",
    command: "deno task data get climbmix",
    flags,
    run: (values) => runData(values, names),
  }, rest);
}

async function runData(values: Values<typeof flags>, names: readonly string[]): Promise<number> {
  const [action = "list", place, ...more] = names;
  if (!actions.some((known) => known === action)) {
    throw new UsageError(`Cannot use ${names.join(" ")}: wanted ${actions.join(", ")}`);
  }
  if ((place === undefined) !== (action === "list") || more.length > 0) {
    const wanted = action === "list" ? "no" : "one";
    const got = names.length === 1 ? "none" : names.slice(1).join(", ");
    throw new UsageError(`Cannot ${action}: wanted ${wanted} name or address, got ${got}`);
  }
  if (place === undefined) return await list();
  if (action === "show") return await showData(place);
  if (place === "core") {
    throw new UsageError(`Cannot ${action} core: wanted deno task core_bundle --from nanochat`);
  }
  return action === "get" ? await get(place, values) : await remove(place);
}

async function get(place: string, { files, workers }: Values<typeof flags>): Promise<number> {
  if (isPackaged(place)) {
    await (await openSource(place)).open("train");
    print(`Deno keeps ${place} with its other packages.`);
    return 0;
  }
  if (!isDataName(place) && !isAddress(place)) {
    if (await Deno.stat(place).then(() => true, () => false)) {
      throw new UsageError(
        `Cannot get ${place}: it is on this machine already: deno task train --data '${place}'`,
      );
    }
    const names = Object.keys(catalog);
    throw new UsageError(
      `Cannot get ${place}: wanted ${names.join(", ")}, or an address: hf:ORG/NAME, ` +
        `npm:PACKAGE@VERSION/PATH or https://…${didYouMean(place, names)}`,
    );
  }
  using interrupt = onInterrupt("Stopping. What has arrived is kept; the next attempt continues.");
  const { signal } = interrupt;
  const connection = connectionOf();
  try {
    for (const address of addressesOf(place)) {
      const state = await fetchData(connection, dataPath(), address, {
        workers,
        signal,
        onProgress: showTransfer(),
        onOthers: () => print(`Waiting for another process, which downloads ${address}`),
        count: wantedFiles(place, files),
      });
      print(
        `${address}: ${count(state.files.length)} of ${count(state.count)} files, ${
          bytes(sizeOf(state))
        }, revision ` +
          shortRevision(state),
      );
    }
    if (!isDataName(place) || catalog[place].kind === "text") {
      print(`Train on it: deno task train --data ${isDataName(place) ? place : `'${place}'`}`);
    }
    return 0;
  } catch (error) {
    if (signal.aborted) return exitCodeOf(signal);
    throw error;
  }
}

/** The number of files to get besides the last one. */
function wantedFiles(place: string, files: number | null): number {
  if (files !== null) return files === -1 ? Infinity : files;
  return isDataName(place) ? catalog[place].files ?? Infinity : Infinity;
}

async function remove(place: string): Promise<number> {
  let removed = 0;
  for (const address of addressesOf(place)) {
    if (await removeData(dataPath(), address)) removed++;
  }
  if (removed === 0) {
    const why = isPackaged(place)
      ? "Deno keeps it with its other packages"
      : "there are no files of it here; deno task data list shows what is";
    throw new Error(`Cannot remove ${place}: ${why}`);
  }
  print(`Removed ${place}`);
  return 0;
}

/** Lists the named data sets and what is here of them, then other addresses. */
async function list(): Promise<number> {
  const damaged: string[] = [];
  const stored = await listData(dataPath(), (address) => damaged.push(address));
  const named = Object.entries(catalog).map(([name, { about, bytes: size, license, parts }]) => {
    const found = stored.filter(({ address }) => Object.values(parts).includes(address));
    const here = isPackaged(name) || name === "core" ? "" : `, ${countHere(found, parts)}`;
    return [name, `about ${bytes(size)}, ${license}${here}: ${about}`] as const;
  });
  print(table(named));
  const addresses = Object.values(catalog).flatMap(({ parts }) => Object.values<string>(parts));
  const others = stored.filter(({ address }) => !addresses.includes(address));
  if (others.length + damaged.length > 0) {
    print("");
    print(alignColumns([
      ["address", "files", "size", "revision"],
      ...others.map((state) => [
        state.address,
        `${state.files.length - state.missing.length} of ${state.files.length}`,
        bytes(sizeOf(state)),
        shortRevision(state),
      ]),
      ...damaged.map((address) => [address, "damaged", "", "remove it to get it again"]),
    ]));
  }
  return 0;
}

function table(rows: readonly (readonly [name: string, text: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join("\n");
}

/** The files of a named data set that are here. */
function countHere(found: readonly StoredState[], parts: Readonly<Record<string, string>>): string {
  const wanted = found.reduce((sum, { files }) => sum + files.length, 0);
  const missing = found.reduce((sum, { missing }) => sum + missing.length, 0);
  if (found.length === 0) return "not here";
  const isWhole = missing === 0 && found.length === Object.keys(parts).length;
  return isWhole ? "here" : `${wanted - missing} files here`;
}

function sizeOf({ files }: StoredState): number {
  return files.reduce((sum, { size }) => sum + (size ?? 0), 0);
}

/** A commit in its short form, a version as it is. */
function shortRevision({ revision }: StoredState): string {
  return /^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 12) : revision;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
