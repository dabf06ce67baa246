/**
 * The folders of the runs of each stage: base models, fine-tuned ones, reinforced ones.
 *
 * @module
 */

import { savedSteps } from "../../gpt/mod.ts";
import {
  basePath,
  type ReadOptions,
  readProgress,
  readRuns,
  type RunProgress,
} from "../../gpt/internals.ts";
import { namesIn } from "../../gpt/files/files.ts";
import { Error } from "../../tensor/errors.ts";

/** The stages of a model, in their order. */
export const stages = ["base", "sft", "rl"] as const;

/** A stage of a model. */
export type Stage = typeof stages[number];

const folders: Readonly<Record<Stage, string>> = {
  base: "base_checkpoints",
  sft: "chatsft_checkpoints",
  rl: "chatrl_checkpoints",
};

/** The folder that holds the runs of a stage, or one of them. */
export function stagePath(stage: Stage, ...tag: string[]): string {
  return basePath(folders[stage], ...tag);
}

/** The command that trains a model for the first of the stages that are wanted. */
const trainers = [["base", "speedrun"], ["sft", "chat"], ["rl", "chat_rl"]] as const;

/** A run of a stage that can be used. */
export interface StageRun {
  /** The stage. */
  readonly stage: Stage;
  /** The folder. */
  readonly folder: string;
  /** How far its latest checkpoint has come. */
  readonly progress: RunProgress;
}

/**
 * The run that a command uses by default: the one saved last in the latest stage that has any.
 * Among fine-tuned and reinforced models, those whose training has finished come first.
 *
 * @param from The stages to look at; all by default.
 * @throws {Error} If none of them has a checkpoint.
 */
export async function latestRun(
  from: readonly Stage[] = stages,
  { warn = console.warn }: ReadOptions = {},
): Promise<StageRun> {
  let unfinished: StageRun | null = null;
  let isSkipping = false;
  for (const stage of from.toReversed()) {
    // A base model is useful at any step, but does not answer.
    if (stage === "base" && unfinished !== null) break;
    const { runs, problems } = await readRuns(stagePath(stage));
    for (const { message } of problems) warn(`${message}; skipped`);
    isSkipping ||= problems.length > 0;
    for (const { folder, meta } of runs) {
      const run = { stage, folder, progress: await readProgress({ folder, meta }) };
      if (stage === "base" || run.progress.state === "finished") return run;
      unfinished ??= run;
    }
  }
  if (unfinished !== null) return unfinished;
  const wanted = from.length === stages.length ? "a run" : `a run of ${from.join(" or ")}`;
  throw new Error(
    `Cannot find a model: wanted ${wanted} below ${basePath()}, got none` +
      (isSkipping
        ? " that can be read"
        : `. Train a model first: deno task ${
          trainers.find(([stage]) => from.includes(stage))![1]
        }`),
  );
}

/** The names of the runs of some stages that have a checkpoint: `sft/d4`. */
export async function runNames(from: readonly Stage[] = stages): Promise<string[]> {
  const names: string[] = [];
  for (const stage of from) {
    for (const tag of await namesIn(stagePath(stage))) {
      const steps = await savedSteps(stagePath(stage, tag)).catch(() => []);
      if (steps.length > 0) names.push(`${stage}/${tag}`);
    }
  }
  return names;
}
