/** Training with checkpoints and metrics in a folder. @module */

import { MuonAdamW, type ShardedMuonAdamW } from "../../optim/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { removeCheckpoint, saveCheckpoint } from "../files/checkpoint.ts";
import type { CheckpointContent } from "../files/checkpoint_content.ts";
import type { CheckpointMeta } from "../files/checkpoint_meta.ts";
import { MetricsLog } from "../files/metrics.ts";
import { writeRunInfo } from "../files/run_info.ts";
import { lockRun, type RunLock } from "../files/run_lock.ts";
import type { RunRanks } from "../parallel.ts";
import { train, type TrainingEvent, type TrainingState, type TrainOptions } from "./run.ts";

/** Options for {@linkcode trainInFolder}. */
export interface FolderRunOptions extends Omit<TrainOptions, "save"> {
  /** The run's folder, which must exist. */
  readonly folder: string;
  /** The optimizer, whose state is saved with every checkpoint. */
  readonly optimizer: MuonAdamW | ShardedMuonAdamW;
  /** The tokenizer, saved with every checkpoint. */
  readonly tokenizer: Tokenizer;
  /** The template of the model's conversations, saved with every checkpoint. */
  readonly chatTemplate?: string | undefined;
  /** The user's settings, saved with every checkpoint. */
  readonly settings?: CheckpointMeta["settings"] | undefined;
  /** Steps between checkpoints; −1 saves by time, and after the last step. */
  readonly saveEvery: number;
  /**
   * Seconds between checkpoints if `saveEvery` is −1; longer if saving would take more than 1 % of
   * the time. The last two of them since the run began or was resumed are kept. @default {600}
   */
  readonly saveSeconds?: number | undefined;
  /** Whether to save at the next step, regardless of the interval. */
  readonly wantsSave?: (() => boolean) | undefined;
  /** The model to save instead, without optimizer state, where adapters are trained. */
  readonly merged?: CheckpointContent["model"] | undefined;
  /** Beginnings of texts for samples, kept with the run. */
  readonly prompts?: readonly string[] | undefined;
  /** The lock on the folder, if already held; otherwise the run takes it. */
  readonly lock?: RunLock | undefined;
  /** The ranks that train together: only rank 0 writes. */
  readonly parallel?: RunRanks | undefined;
}

/** Seconds between checkpoints that are saved by time. */
export const SAVE_SECONDS = 600;

/** Name of the metrics file in a run's folder. */
export const METRICS_FILE = "metrics.jsonl";

/**
 * Like {@linkcode train}, and saves checkpoints and appends metrics.
 *
 * @throws {Error} If another process trains in the folder; the message names its id.
 */
export async function* trainInFolder(
  options: FolderRunOptions,
): AsyncGenerator<TrainingEvent, void, void> {
  const { folder, model, optimizer, tokenizer, settings = {}, saveEvery, parallel } = options;
  const { chatTemplate } = options;
  const isWriter = parallel === undefined || parallel.rank === 0;
  const isSavedByTime = saveEvery === -1;
  const timedSteps: number[] = [];
  const save = async (state: TrainingState): Promise<string> => {
    const steps = options.plan.numIterations;
    const saved = { model: options.merged ?? model, tokenizer, chatTemplate };
    const content = { ...saved, state, steps, settings };
    // All ranks help to gather a sharded optimizer's state on rank 0.
    const optimizerState = optimizer instanceof MuonAdamW
      ? optimizer
      : await parallel!.encodeOptimizer(optimizer);
    if (optimizerState === null) return folder;
    const path = await saveCheckpoint(
      folder,
      options.merged === undefined ? { ...content, optimizer: optimizerState } : content,
    );
    // Checkpoints that the user asked for are kept.
    if (isSavedByTime && options.wantsSave?.() !== true) {
      const outdated = timedSteps.at(-2);
      if (outdated !== undefined) await removeCheckpoint(folder, outdated);
      timedSteps.push(state.step);
    }
    return path;
  };
  await using _lock = isWriter && options.lock === undefined ? await lockRun(folder) : null;
  const seconds = isSavedByTime ? options.saveSeconds ?? SAVE_SECONDS : undefined;
  const saving = { every: saveEvery, seconds, isWanted: options.wantsSave, run: save };
  if (isWriter) {
    const { numIterations: steps, totalBatchSize: tokensPerStep } = options.plan;
    const { prompts } = options;
    const info = { steps, tokensPerStep, settings };
    await writeRunInfo(folder, model, prompts === undefined ? info : { ...info, prompts });
  }
  using log = isWriter
    ? await MetricsLog.open(`${folder}/${METRICS_FILE}`, options.state?.step ?? 0)
    : null;
  for await (const event of train({ ...options, save: saving })) {
    if (event.kind === "step") {
      const { liveBytes, peakBytes } = model.device.memory;
      log?.append({ ...event, liveBytes, peakBytes });
    } else if (event.kind === "evaluation" || event.kind === "samples") {
      log?.append({ ...event });
    } else if (event.kind === "measurement") {
      log?.append({ kind: event.kind, step: event.step, ...event.values });
    }
    yield event;
  }
}
