/** Listing checkpoints and reading their metadata. @module */

import { checkpointFileName, type CheckpointMeta, parseMeta } from "./checkpoint_meta.ts";
import { checkIsFile, namesIn, naming, type ReadOptions } from "./files.ts";

/**
 * The steps of the checkpoints in a folder, ascending, by file name. They may be damaged. A missing
 * folder has none.
 *
 * @example
 * ```ts
 * import { savedSteps } from "./checkpoint_list.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/meta_000100.json`, "");
 * if ((await savedSteps(folder)).join() !== "100") throw new Error("expected one step");
 * ```
 */
export async function savedSteps(folder: string): Promise<number[]> {
  const steps = (await namesIn(folder)).map((name) => /^meta_(\d{6,})\.json$/.exec(name)?.[1]);
  return steps.filter((step) => step !== undefined).map(Number).sort((a, b) => a - b);
}

/**
 * Finds the run that was saved last, of all run folders below `root`. Unreadable ones are skipped
 * with a warning.
 * @throws {Error} If no run has a checkpoint that can be read.
 */
export async function findLatestRun(
  root: string,
  { warn = console.warn }: ReadOptions = {},
): Promise<string> {
  const { runs: [latest, ...others], problems } = await readRuns(root);
  // Opening the latest run reports its own problems.
  const skipped = [...problems, ...others.flatMap(({ problems }) => problems)];
  for (const { message } of skipped) warn(`${message}; skipped`);
  if (latest !== undefined) return latest.folder;
  throw new Error(
    `Cannot find a checkpoint: wanted one in ${root}, got none` +
      (skipped.length === 0 ? ". Train a model first: deno task speedrun" : " that can be read"),
  );
}

/** A run that has a checkpoint that can be read. */
export interface SavedRun {
  /** The folder. */
  readonly folder: string;
  /** The latest checkpoint that can be read. */
  readonly meta: CheckpointMeta;
  /** Why others cannot be read. */
  readonly problems: readonly Error[];
}

/**
 * Reads the run folders below `root`; a missing one has none.
 *
 * @returns The runs, the one that was saved last first, and why others cannot be read.
 *
 * @example
 * ```ts
 * import { readRuns } from "./checkpoint_list.ts";
 *
 * const { runs } = await readRuns(await Deno.makeTempDir());
 * if (runs.length > 0) throw new Error("expected none");
 * ```
 */
export async function readRuns(
  root: string,
): Promise<{ readonly runs: readonly SavedRun[]; readonly problems: readonly Error[] }> {
  const runs: SavedRun[] = [];
  const unreadable: Error[] = [];
  for (const name of await namesIn(root)) {
    const folder = `${root}/${name}`;
    try {
      const { isDirectory } = await naming("read", folder, () => Deno.stat(folder));
      if (!isDirectory) continue;
      const { metas: [meta], problems } = await readMetas(folder);
      if (meta === undefined) unreadable.push(...problems);
      else runs.push({ folder, meta, problems });
    } catch (error) {
      unreadable.push(error as Error);
    }
  }
  return { runs: runs.sort((a, b) => byTime(a.meta, b.meta)), problems: unreadable };
}

interface Readable {
  /** Readable metadata, latest first. */
  readonly metas: readonly CheckpointMeta[];
  /** Why others cannot be read, by step. */
  readonly problems: readonly Error[];
}

export async function readMetas(folder: string): Promise<Readable> {
  const metas: CheckpointMeta[] = [];
  const problems: Error[] = [];
  for (const step of await savedSteps(folder)) {
    try {
      metas.push(await readMeta(folder, step));
    } catch (error) {
      problems.push(error as Error);
    }
  }
  return { metas: metas.sort(byTime), problems };
}

export async function latestMeta(
  folder: string,
  warn: (line: string) => void,
): Promise<CheckpointMeta> {
  const { metas, problems } = await readMetas(folder);
  const latest = metas[0];
  if (latest === undefined) {
    throw problems.at(-1) ??
      new Error(`Cannot open a checkpoint: wanted one in ${folder}, got a folder without any`);
  }
  for (const { message } of problems) {
    warn(`${message}; skipped, using step ${latest.state.step}`);
  }
  return latest;
}

/** Latest first; ties by step. */
function byTime(a: CheckpointMeta, b: CheckpointMeta): number {
  return a.savedAt === b.savedAt ? b.state.step - a.state.step : a.savedAt > b.savedAt ? -1 : 1;
}

export async function readMeta(folder: string, step: number): Promise<CheckpointMeta> {
  const path = `${folder}/${checkpointFileName("meta", step)}`;
  const meta = await naming("read", path, async () => {
    await checkIsFile(path);
    return parseMeta(await Deno.readFile(path));
  });
  if (meta.state.step !== step) {
    throw new Error(`Cannot read ${path}: wanted step ${step}, got ${meta.state.step}`);
  }
  return meta;
}
