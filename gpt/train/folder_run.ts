/**
 * A training run whose checkpoints and metrics go into a folder.
 *
 * @module
 */

import { MuonAdamW } from "../../optim/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { removeCheckpoint, saveCheckpoint } from "../files/checkpoint.ts";
import type { CheckpointMeta } from "../files/checkpoint_meta.ts";
import { MetricsLog } from "../files/metrics.ts";
import { lockRun, type RunLock } from "../files/run_lock.ts";
import type { RunRanks } from "../parallel.ts";
import { train, type TrainingEvent, type TrainingState, type TrainOptions } from "./run.ts";

/** Options for {@linkcode trainInFolder}. */
export interface FolderRunOptions extends Omit<TrainOptions, "save"> {
  /** The folder of the run, which exists. */
  readonly folder: string;
  /** Saved with every checkpoint. */
  readonly tokenizer: Tokenizer;
  /** What the user asked for; saved with every checkpoint. */
  readonly settings?: CheckpointMeta["settings"] | undefined;
  /** Steps from one checkpoint to the next; −1 saves by time, and after the last step. */
  readonly saveEvery: number;
  /**
   * Seconds from one checkpoint to the next where `saveEvery` is −1; more of them where saving would
   * take more than 1 % of the time. The last two of these checkpoints stay. @default {600}
   */
  readonly saveSeconds?: number | undefined;
  /** The lock on the folder, where it is held already; otherwise the run takes it for itself. */
  readonly lock?: RunLock | undefined;
  /** The ranks that train together: rank 0 alone writes. */
  readonly parallel?: RunRanks | undefined;
}

/** The name of the file of metrics in the folder of a run. */
export const METRICS_FILE = "metrics.jsonl";

/**
 * Trains as {@linkcode train} does, saves checkpoints and appends metrics on the way.
 *
 * @throws {Error} If another process trains in the folder; the message tells its id.
 */
export async function* trainInFolder(
  options: FolderRunOptions,
): AsyncGenerator<TrainingEvent, void, void> {
  const { folder, model, optimizer, tokenizer, settings = {}, saveEvery, parallel } = options;
  const isWriter = parallel === undefined || parallel.rank === 0;
  const isSavedByTime = saveEvery === -1;
  const timedSteps: number[] = [];
  const save = async (state: TrainingState): Promise<string> => {
    const content = { model, tokenizer, state, settings };
    // The state of a shared optimizer comes together on rank 0, with the help of all.
    const saved = optimizer instanceof MuonAdamW
      ? optimizer
      : await parallel!.encodeOptimizer(optimizer);
    if (saved === null) return folder;
    const path = await saveCheckpoint(folder, { ...content, optimizer: saved });
    if (isSavedByTime) {
      const outdated = timedSteps.at(-2);
      if (outdated !== undefined) await removeCheckpoint(folder, outdated);
      timedSteps.push(state.step);
    }
    return path;
  };
  await using _lock = isWriter && options.lock === undefined ? await lockRun(folder) : null;
  const seconds = isSavedByTime ? { seconds: options.saveSeconds ?? 600 } : {};
  using log = isWriter
    ? await MetricsLog.open(`${folder}/${METRICS_FILE}`, options.state?.step ?? 0)
    : null;
  for await (
    const event of train({ ...options, save: { every: saveEvery, ...seconds, run: save } })
  ) {
    if (event.kind === "step" || event.kind === "evaluation") log?.append({ ...event });
    else if (event.kind === "measurement") {
      log?.append({ kind: event.kind, step: event.step, ...event.values });
    }
    yield event;
  }
}
