/** Finds the origin of an address: the hub, npm, or a server. @module */

import { Hub, type HubOptions } from "../hub/hub.ts";
import type { Address, HubAddress } from "./address.ts";
import { matchingFiles, type Origin, type RemoteFile } from "./origin.ts";
import { packageOrigin } from "./package_origin.ts";
import { SharedCache } from "./shared_cache.ts";
import { webOrigin } from "./web_origin.ts";

/** How to reach the hub, npm and the web. */
export interface Connection extends HubOptions {
  /** The registry of npm packages. @default {"https://registry.npmjs.org"} */
  readonly registry?: string;
  /** Whether requests are forbidden, so that only the shared cache is used. @default {false} */
  readonly isOffline?: boolean;
  /** The cache that other clients of the hub keep, `$HF_HUB_CACHE`: it is read, never written to. */
  readonly sharedCache?: string | undefined;
}

/** Names in an error message. */
const MAX_SHOWN = 8;

/** @throws {Error} If a request is needed, and requests are forbidden. */
export function openOrigin(address: Address, connection: Connection): Origin {
  const { isOffline = false, registry, sharedCache } = connection;
  const { attempts, wait, onWait, signal } = connection;
  const patience = { attempts, wait, onWait, signal };
  if (address.kind === "hub") {
    const cache = sharedCache === undefined
      ? null
      : new SharedCache(sharedCache, address.repository);
    return isOffline
      ? cachedOrigin(address, cache)
      : hubOrigin(address, new Hub(connection), cache);
  }
  if (isOffline) throw offline(address.kind === "npm" ? address.package : address.url);
  return address.kind === "npm"
    ? packageOrigin(address, registry, patience)
    : webOrigin(address, patience);
}

/** The hub; files in the shared cache are taken from there if their digests are right. */
function hubOrigin(
  { repository, ...address }: HubAddress,
  hub: Hub,
  cache: SharedCache | null,
): Origin {
  return {
    name: repository,
    revision: () => hub.commit(repository, address.revision),
    async files(commit) {
      const all = await hub.files(repository, commit);
      const found = await matchingFiles(all, address.files);
      if (found.length === 0) throw unmatched(repository, address.files, all);
      return found;
    },
    download: async (commit, file, path, options) =>
      await cache?.copy(commit, file, path) ??
        await hub.download(repository, commit, file, path, options),
  };
}

/** The shared cache alone. */
function cachedOrigin({ repository, ...address }: HubAddress, cache: SharedCache | null): Origin {
  if (cache === null) throw offline(repository);
  const missing = () => offline(repository, `, and ${cache.folder} does not have it`);
  return {
    name: repository,
    async revision() {
      const commit = await cache.commit(address.revision);
      if (commit === null) throw missing();
      return commit;
    },
    async files(commit) {
      const all = await cache.files(commit);
      if (all === null) throw missing();
      return await matchingFiles(all, address.files);
    },
    async download(commit, file, path) {
      const digest = await cache.copy(commit, file, path);
      if (digest === null) throw offline(`${file.path} of ${repository}`);
      return digest;
    },
  };
}

/** An error that names what is there: the splits of a parquet export, or files. */
function unmatched(repository: string, glob: string, files: readonly RemoteFile[]): Error {
  const splits = files.flatMap(({ path }) => {
    const [, subset, split] = /^([^/]+)\/(?:partial-)?([^/]+)\/\d+\.parquet$/.exec(path) ?? [];
    return subset === undefined ? [] : [`hf:${repository}:${subset}:${split}`];
  });
  const names = [...new Set(splits.length > 0 ? splits : files.map(({ path }) => path))];
  const shown = names.length > MAX_SHOWN ? [...names.slice(0, MAX_SHOWN), "…"] : names;
  return new Error(
    `Cannot read ${repository}: wanted files that match ${glob}, got none; it has ` +
      (shown.length === 0 ? "no files" : shown.join(", ")),
  );
}

function offline(name: string, more = ""): Error {
  return new Error(`Cannot get ${name}: HF_HUB_OFFLINE says not to${more}`);
}
