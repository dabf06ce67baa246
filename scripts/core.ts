/** The tasks of the CORE metric, as commands read and measure them. */

import { type CoreBundle, evaluateCore, readCoreBundle } from "../chat/mod.ts";
import { checkCore, coreBundlePath, findCoreBundle } from "../chat/internals.ts";
import { addressesOf, catalog, download } from "../data/mod.ts";
import { freeName } from "../gpt/internals.ts";
import type { PretrainOptions, TrainableModel } from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { connectionOf, mayConnect, noteWait } from "./connection.ts";
import { optional, text, type Values, withUsageErrors } from "./flags.ts";
import { print, printNote } from "./output.ts";
import { showTransfer } from "./transfer.ts";

/** A bundle on the web. */
export interface PinnedBundle {
  readonly url: string;
  /** The SHA-256 digest of its file. */
  readonly sha256: string | undefined;
}

/** nanochat's bundle. */
export const nanochatBundle: PinnedBundle = {
  url: addressesOf("core")[0]!,
  sha256: catalog.core.sha256,
};

/** Where the download of a bundle stops, and what it must be. */
interface BundleDownload {
  /** The SHA-256 digest that the file must have. @default {any} */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Downloads a bundle, in place of the earlier one, which is renamed.
 *
 * @returns The bundle, its path and its digest.
 * @throws {Error} If it cannot be downloaded, has another digest, or is no bundle.
 */
export async function downloadBundle(
  from: string,
  options: BundleDownload = {},
): Promise<{ readonly path: string; readonly digest: string; readonly bundle: CoreBundle }> {
  const path = `${coreBundlePath()}.zip`;
  const digest = await download(from, `${path}.new`, {
    ...options,
    onProgress: showTransfer(),
    onWait: noteWait,
  });
  return { path, digest, bundle: await replaceBundle(`${path}.new`, path) };
}

/** Puts a bundle in the place of the earlier one, if it can be read. */
export async function replaceBundle(arriving: string, path: string): Promise<CoreBundle> {
  const bundle = await readCoreBundle(arriving);
  const earlier = await findCoreBundle();
  if (earlier !== null) {
    const aside = await freeName(earlier);
    await Deno.rename(earlier, aside);
    print(`The earlier bundle is now ${aside}.`);
  }
  await Deno.rename(arriving, path);
  return bundle;
}

export const bundleFlags = {
  bundle: optional(
    text("", "The folder or zip file of the CORE tasks, by default that of core_bundle", "PATH"),
  ),
};

/**
 * Reads the tasks of the CORE metric, before other work begins.
 *
 * @param maxPerTask Maximum examples of a task, -1 for all.
 * @param options.orNone Whether the bundle may be missing, unless a path is given.
 * @param options.from What is downloaded if there is none, where that is allowed.
 * @throws {Error} If there is no bundle, or it is malformed.
 * @throws {UsageError} If `maxPerTask` leaves too few examples of a task.
 */
export async function openBundle(
  { bundle: path }: Values<typeof bundleFlags>,
  maxPerTask: number,
  { orNone = false, from }: {
    readonly orNone?: boolean;
    readonly from?: PinnedBundle | undefined;
  } = {},
): Promise<CoreBundle | null> {
  const place = path ?? await findCoreBundle() ?? (from && await downloadIfAllowed(from)) ?? null;
  if (place !== null) {
    const bundle = await readCoreBundle(place);
    withUsageErrors(() => checkCore(bundle, maxPerTask === -1 ? Infinity : maxPerTask));
    return bundle;
  }
  if (orNone) return null;
  throw new Error(
    `Cannot evaluate CORE: wanted a bundle in ${coreBundlePath()}, got none. Get nanochat's: ` +
      "deno task core_bundle --from nanochat, or make a small one: deno task core_bundle",
  );
}

/** Downloads a bundle; `null` if this process may not. */
async function downloadIfAllowed({ url, sha256 }: PinnedBundle): Promise<string | null> {
  if (!await mayConnect(url, connectionOf(() => {}))) return null;
  printNote(`Downloading ${url}`);
  return (await downloadBundle(url, { sha256 })).path;
}

/**
 * Measures CORE during a run, if that is wanted and there is a bundle.
 *
 * @throws {Error} If the bundle is malformed.
 */
export async function coreMeasurement(
  flags: Values<typeof bundleFlags> & {
    readonly coreMetricEvery: number;
    readonly coreMetricMaxPerTask: number;
  },
  tokenizer: Tokenizer,
): Promise<Pick<PretrainOptions, "measure">> {
  const { coreMetricEvery: every, coreMetricMaxPerTask: most } = flags;
  if (every === -1) return {};
  const bundle = await openBundle(flags, most, { orNone: true });
  if (bundle === null) return {};
  const maxPerTask = most === -1 ? Infinity : most;
  const run = async (model: TrainableModel) => {
    const { core, results } = await evaluateCore(model, tokenizer, bundle, { maxPerTask });
    const accuracies = Object.entries(results).map(([label, value]) => [`core/${label}`, value]);
    return { core, ...Object.fromEntries(accuracies) };
  };
  return { measure: { every, run } };
}
