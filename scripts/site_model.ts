/** The model that comes with the lesson: trained at first use, and kept. */

import { openDevice } from "../gpt/mod.ts";
import { basePath, ensureWritableFolder, writeFileAtomically } from "../gpt/internals.ts";
import { namesIn } from "../gpt/files/files.ts";
import { join } from "./deps.ts";
import { duration } from "./format.ts";
import { write } from "./output.ts";

/** A constant, not a literal import, so that the code for pages is only loaded if it is used. */
const SITE_MODEL = "../web/site_model.ts";

type Files = Map<string, Uint8Array<ArrayBuffer>>;

/** The stored model; `null` if there is none of this version. */
export async function keptSiteModel(): Promise<Files | null> {
  const folder = await siteModelFolder();
  const names = await namesIn(folder);
  if (!names.some((name) => name.startsWith("meta_"))) return null;
  const files = names.map(async (name) => [name, await Deno.readFile(join(folder, name))] as const);
  return new Map(await Promise.all(files));
}

/** Options for {@linkcode makeSiteModel}. */
interface MakeOptions {
  /** Threads to compute with. @default {those of the machine} */
  readonly threads?: number;
  /** Called with the number of steps that are done, and that of all. */
  readonly onStep?: (step: number, steps: number) => void;
}

/** Trains the model and keeps it. Returns `null` if a signal stopped it. */
export async function makeSiteModel(
  signal: AbortSignal,
  { threads, onStep }: MakeOptions = {},
): Promise<Files | null> {
  const { siteModelSpec: { steps }, trainSiteModel } = await load();
  const device = await openDevice("cpu", threads === undefined ? {} : { threads });
  try {
    const files = await trainSiteModel(device, { signal, onStep: (step) => onStep?.(step, steps) });
    if (files === null) return null;
    const folder = await siteModelFolder();
    await ensureWritableFolder(folder);
    // The metadata comes last and marks the model as complete.
    for (const [name, bytes] of [...files].sort().toReversed()) {
      await writeFileAtomically(join(folder, name), bytes);
    }
    return files;
  } finally {
    await device.close();
  }
}

/** The same, with a line that shows the progress. */
export async function makeSiteModelShowing(signal: AbortSignal): Promise<Files | null> {
  const isTerminal = Deno.stdout.isTerminal();
  const start = performance.now();
  write("Training the model that comes with the page, once; --no-model leaves it out\n");
  const onStep = (step: number, steps: number) => {
    const left = (performance.now() - start) / 1000 * (steps - step) / step;
    if (isTerminal) write(`\r\x1b[Kstep ${step} of ${steps}, ${duration(left)} left`);
  };
  const files = await makeSiteModel(signal, { onStep });
  if (isTerminal) write("\r\x1b[K");
  return files;
}

async function siteModelFolder(): Promise<string> {
  return basePath("site_model", await (await load()).siteModelVersion());
}

async function load(): Promise<typeof import("../web/site_model.ts")> {
  return await import(SITE_MODEL);
}
