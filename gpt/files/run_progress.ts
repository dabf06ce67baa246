/** How far a run has come, and whether it is still training. @module */

import { savedSteps } from "./checkpoint_list.ts";
import type { CheckpointMeta } from "./checkpoint_meta.ts";
import { readRunInfo } from "./run_info.ts";
import { isTraining } from "./run_lock.ts";

/** The state of a run: it is training, has reached its last step, or was stopped before that. */
export type RunState = "running" | "finished" | "stopped";

/** How far a run had come when a checkpoint was saved, and what it does now. */
export interface RunProgress {
  /** The state of the run now. */
  readonly state: RunState;
  /** Steps done in the checkpoint. */
  readonly step: number;
  /** The length of the run; `null` if no file says so, as in runs of older versions. */
  readonly steps: number | null;
}

/**
 * Reads how far a run has come.
 *
 * @param checkpoint One of its checkpoints. Older ones lack the length of the run, which is then
 * read from the folder's `run.json`. A run of unknown length counts as finished, unless a process
 * trains it.
 *
 * @example
 * ```ts
 * import { GPT, openDevice, saveCheckpoint, untrained } from "../mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { openCheckpoint } from "./checkpoint.ts";
 * import { describeProgress, readProgress } from "./run_progress.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 270, windowPattern: "L" }, device);
 * const folder = await Deno.makeTempDir();
 * const state = { ...untrained, step: 23 };
 * await saveCheckpoint(folder, { model, tokenizer, state, steps: 880, settings: {} });
 *
 * const progress = await readProgress(await openCheckpoint(folder));
 * const text = describeProgress(progress);
 * if (text !== "step 23 of 880, stopped") throw new Error(text);
 * await device.close();
 * ```
 */
export async function readProgress(
  { folder, meta }: { readonly folder: string; readonly meta: CheckpointMeta },
): Promise<RunProgress> {
  const { step } = meta.state;
  const steps = meta.steps ?? await stepsOfRun(folder);
  if (steps !== null && step >= steps) return { state: "finished", step, steps };
  if (await isTraining(folder)) return { state: "running", step, steps };
  // An early checkpoint of a run that went on to its end.
  const isFinished = steps === null || (await savedSteps(folder)).some((saved) => saved >= steps);
  return { state: isFinished ? "finished" : "stopped", step, steps };
}

/** Describes how far a run has come: "step 880 of 880", "step 23 of 880, stopped". */
export function describeProgress({ state, step, steps }: RunProgress): string {
  const place = steps === null ? `step ${step}` : `step ${step} of ${steps}`;
  if (state === "running") return `${place}, training now`;
  return state === "stopped" ? `${place}, stopped` : place;
}

async function stepsOfRun(folder: string): Promise<number | null> {
  // A file that cannot be read counts as missing.
  return (await readRunInfo(folder).catch(() => null))?.steps ?? null;
}
