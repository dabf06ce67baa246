/** The tasks of the CORE metric, as commands read and measure them. */

import { type CoreBundle, evaluateCore, readCoreBundle } from "../chat/mod.ts";
import { checkCore, coreBundlePath, findCoreBundle } from "../chat/internals.ts";
import type { PretrainOptions, TrainableModel } from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { optional, text, type Values, withUsageErrors } from "./flags.ts";

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
 * @throws {Error} If there is no bundle, or it is malformed.
 * @throws {UsageError} If `maxPerTask` leaves too few examples of a task.
 */
export async function openBundle(
  { bundle: path }: Values<typeof bundleFlags>,
  maxPerTask: number,
  { orNone = false }: { readonly orNone?: boolean } = {},
): Promise<CoreBundle | null> {
  const place = path ?? await findCoreBundle();
  if (place !== null) {
    const bundle = await readCoreBundle(place);
    withUsageErrors(() => checkCore(bundle, maxPerTask === -1 ? Infinity : maxPerTask));
    return bundle;
  }
  if (orNone) return null;
  throw new Error(
    `Cannot evaluate CORE: wanted a bundle in ${coreBundlePath()}, got none. Get one first: ` +
      "deno task core_bundle",
  );
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
