/** The runs of all stages: listing, comparing and removing them. @module */

import {
  type CheckpointMeta,
  type MetricsRecord,
  openCheckpoint,
  savedSteps,
} from "../../gpt/mod.ts";
import {
  isTraining,
  lockRun,
  METRICS_FILE,
  MetricsFollower,
  parameterCount,
  readProgress,
  type RunProgress,
} from "../../gpt/internals.ts";
import { namesIn } from "../../gpt/files/files.ts";
import { Error, RangeError } from "../../tensor/errors.ts";
import { type Stage, stagePath, stages } from "./stages.ts";

/** The folder of a run. */
export interface RunFolder {
  /** The stage and the name of its folder: `sft/d4`. */
  readonly name: string;
  /** The folder. */
  readonly folder: string;
}

/** A run, as its latest checkpoint and its metrics describe it. */
export interface RunSummary extends RunFolder {
  /** The stage. */
  readonly stage: Stage;
  /** The latest checkpoint. */
  readonly meta: CheckpointMeta;
  /** How far it has come, and whether it is training now. */
  readonly progress: RunProgress;
  /** The parameters of the model. */
  readonly parameters: number;
  /** The last value of each figure that was measured: `loss`, `bitsPerByte`, `pass@1`. */
  readonly figures: Readonly<Record<string, number>>;
  /** All that was measured. */
  readonly metrics: readonly MetricsRecord[];
}

/** The folders of runs, and those that cannot be read. */
export interface RunList {
  /** The runs, by stage, the latest last. */
  readonly runs: readonly RunSummary[];
  /** The folders that have no checkpoint that can be read. */
  readonly others: readonly RunFolder[];
  /** Problems with these folders, and with files of runs. */
  readonly problems: readonly string[];
}

/**
 * Lists the runs of all stages. Those that cannot be read are named among the problems.
 *
 * @example
 * ```ts
 * import { listRuns } from "./runs.ts";
 *
 * for (const { name, meta } of (await listRuns()).runs) console.log(name, meta.state.step);
 * ```
 */
export async function listRuns(): Promise<RunList> {
  const runs: RunSummary[] = [];
  const others: RunFolder[] = [];
  const problems: string[] = [];
  const warn = (line: string) => void problems.push(line);
  for (const stage of stages) {
    const ofStage: RunSummary[] = [];
    for (const tag of await foldersIn(stagePath(stage))) {
      try {
        ofStage.push(await summarize(stage, tag, warn));
      } catch (error) {
        others.push({ name: `${stage}/${tag}`, folder: stagePath(stage, tag) });
        problems.push((error as Error).message);
      }
    }
    runs.push(...ofStage.sort((a, b) => a.meta.savedAt < b.meta.savedAt ? -1 : 1));
  }
  return { runs, others, problems };
}

/**
 * A run by its name: `sft/d4`, or `d4` where only one stage has it.
 *
 * @throws {RangeError} If there is none, or more than one.
 */
export function findRun<Run extends RunFolder>(runs: readonly Run[], name: string): Run {
  const found = runs.filter((run) => run.name === name || run.name.split("/")[1] === name);
  if (found.length === 1) return found[0]!;
  const names = (found.length === 0 ? runs : found).map(({ name }) => name).join(", ");
  throw new RangeError(`Cannot find the run ${name}: wanted one of ${names || "none at all"}`);
}

/** A setting or a figure in which runs differ. */
export interface RunDifference {
  /** The name. */
  readonly name: string;
  /** The value in each run; `undefined` for runs without it. */
  readonly values: readonly (string | number | boolean | null | undefined)[];
}

/**
 * Compares runs.
 *
 * @returns The settings whose values differ, and all final figures.
 */
export function compareRuns(runs: readonly RunSummary[]): {
  readonly settings: readonly RunDifference[];
  readonly figures: readonly RunDifference[];
} {
  const rows = (of: (run: RunSummary) => RunSummary["meta"]["settings"]): RunDifference[] =>
    [...new Set(runs.flatMap((run) => Object.keys(of(run))))]
      .map((name) => ({ name, values: runs.map((run) => of(run)[name]) }));
  const differs = ({ values }: RunDifference) => values.some((value) => value !== values[0]);
  const settings = rows(({ meta }) => ({ ...meta.settings, ...meta.modelConfig })).filter(differs);
  const figures = rows(({ figures, meta: { state }, parameters }) => ({
    parameters,
    steps: state.step,
    seconds: state.seconds,
    ...figures,
  }));
  return { settings, figures };
}

/**
 * Removes a run with all that is in its folder.
 *
 * @throws {Error} If a process trains in it, or it cannot be removed.
 */
export async function removeWholeRun({ folder }: RunFolder): Promise<void> {
  const lock = await lockRun(folder);
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (cause) {
    throw new Error(`Cannot remove ${folder}: ${(cause as Error).message}`, { cause });
  } finally {
    await lock[Symbol.asyncDispose]();
  }
}

async function foldersIn(root: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await namesIn(root)) {
    // A link to a folder is one; and it may have been removed meanwhile.
    const { isDirectory } = await Deno.stat(`${root}/${name}`).catch(() => ({
      isDirectory: false,
    }));
    if (isDirectory) names.push(name);
  }
  return names;
}

async function summarize(
  stage: Stage,
  tag: string,
  warn: (line: string) => void,
): Promise<RunSummary> {
  const folder = stagePath(stage, tag);
  if ((await savedSteps(folder)).length === 0) {
    const state = await isTraining(folder) ? "is training now" : "was stopped";
    throw new Error(`${stage}/${tag} ${state}, and has saved nothing`);
  }
  const { meta } = await openCheckpoint(folder, undefined, { warn });
  const follower = new MetricsFollower(`${folder}/${METRICS_FILE}`);
  const { records: metrics, problem } = await follower.read();
  if (problem !== null) warn(problem.message);
  const figures: Record<string, number> = {};
  const { bitsPerByte } = meta.state;
  if (bitsPerByte !== null) figures["bitsPerByte"] = bitsPerByte;
  for (const { step: _, ...values } of metrics) {
    for (const [name, value] of Object.entries(values)) {
      if (isFigure(name) && typeof value === "number") figures[name] = value;
    }
  }
  const parameters = parameterCount(meta);
  const progress = await readProgress({ folder, meta });
  const files = { stage, folder, meta, metrics };
  return { name: `${stage}/${tag}`, ...files, progress, parameters, figures };
}

/** Whether a metric measures the model's quality, and not its speed. */
function isFigure(name: string): boolean {
  return /loss|bits|pass|reward|accuracy|core|right/i.test(name);
}
