/**
 * A training run: the loop of `loop.ts`, with evaluation, samples, checkpoints and a signal to stop
 * between its steps. Losses of several steps are read back together, the only time it waits for the
 * device, and reported as events with timing. Evaluation, samples and other measurements have
 * matmuls in f32, whatever the precision of training.
 *
 * Source: nanochat, `scripts/base_train.py`.
 *
 * @module
 */

import { type GradScalerState, smooth } from "../../optim/mod.ts";
import type { Profile } from "../../tensor/mod.ts";
import { exitCodeOf, inPlaceOfRank } from "./exit_code.ts";
import { Feed } from "./feed.ts";
import { type LoopOptions, type LoopStep, trainingLoop } from "./loop.ts";
import { mean, readNumbers } from "./readback.ts";
import type { TrainingPlan } from "./scaling.ts";

/** The state of a run: with parameters and optimizer state, all that a checkpoint needs. */
export interface TrainingState {
  /** Steps done. */
  readonly step: number;
  /** The loss after the last step, smoothed by {@linkcode smooth}. */
  readonly smoothLoss: number;
  /** Duration of all steps, in seconds. */
  readonly seconds: number;
  /** The last bits per byte on the validation split, if any. */
  readonly bitsPerByte: number | null;
  /** The lowest bits per byte so far, if any. */
  readonly lowestBitsPerByte: number | null;
  /** The loader's state after the last batch, if any. */
  readonly loader: unknown;
  /** The state of loss scaling; `null` without it. */
  readonly scaler: GradScalerState | null;
}

/** The state before the first step. */
export const untrained: TrainingState = {
  step: 0,
  smoothLoss: 0,
  seconds: 0,
  bitsPerByte: null,
  lowestBitsPerByte: null,
  loader: null,
  scaler: null,
};

/** A task that runs at intervals, and after the last step. */
export interface Periodic<Run> {
  /** Interval in steps; −1 for never. */
  readonly every: number;
  /** The task. */
  readonly run: Run;
}

/** Measured numbers by name. */
export type Measurement = Readonly<Record<string, number>>;

/** The ranks of a run, as needed between steps. */
export interface SummingRanks {
  /** This rank, from 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly ranks: number;
  /** Sums each number over all ranks, in double precision: the same bits on every rank. */
  sum(numbers: readonly number[]): number[];
}

/** Options for {@linkcode train}. */
export interface TrainOptions extends Omit<LoopOptions, "firstStep" | "ranks"> {
  /** Length of the run, and size of a step. */
  readonly plan: Pick<
    TrainingPlan,
    "numIterations" | "gradAccumSteps" | "totalBatchSize" | "flopsPerToken"
  >;
  /** The state to resume from. */
  readonly state?: TrainingState;
  /** Measures bits per byte; also before the first step. */
  readonly evaluate?: Periodic<() => Promise<number>>;
  /** Samples text. */
  readonly sample?: Periodic<() => Promise<readonly string[]>>;
  /** Measures something else: numbers by name. */
  readonly measure?: Periodic<() => Promise<Measurement>>;
  /** Saves a checkpoint and returns its path; also when the signal stops the run. */
  readonly save?: Periodic<(state: TrainingState) => Promise<string>> & {
    /** Seconds after which to save too; longer if saving would take more than 1 % of the time. */
    readonly seconds?: number | undefined;
    /** Whether to save now, whatever the interval; asked after each step. */
    readonly isWanted?: (() => boolean) | undefined;
  };
  /** Milliseconds between read-backs of losses; 0 reads after each step. @default {500} */
  readonly readInterval?: number;
  /** Stops the run after the current step; its reason may be the exit code, a number. */
  readonly signal?: AbortSignal | undefined;
  /** The ranks that train together: a signal to any of them stops all after the same step. */
  readonly parallel?: SummingRanks | undefined;
  /** Whether to profile one step, after warmup. */
  readonly profile?: boolean;
}

/** Events of {@linkcode train}. */
export type TrainingEvent =
  | StepEvent
  | { readonly kind: "evaluation"; readonly step: number; readonly bitsPerByte: number }
  | { readonly kind: "samples"; readonly step: number; readonly texts: readonly string[] }
  | { readonly kind: "measurement"; readonly step: number; readonly values: Measurement }
  | { readonly kind: "checkpoint"; readonly step: number; readonly path: string }
  | { readonly kind: "profile"; readonly step: number; readonly profile: Profile }
  | EndEvent;

/** The end of a run. */
export interface EndEvent {
  /** The kind of event. */
  readonly kind: "end";
  /** The state after the last step. */
  readonly state: TrainingState;
  /** Whether all steps were done. */
  readonly finished: boolean;
  /** 0, or the exit code of the signal that stopped the run: the same on every rank. */
  readonly exitCode: number;
}

/** A finished step. */
export interface StepEvent extends Omit<LoopStep, "losses" | "loaderState"> {
  /** The kind of event. */
  readonly kind: "step";
  /** Loss of the step, in nats per token. */
  readonly loss: number;
  /** The loss, smoothed by {@linkcode smooth}. */
  readonly smoothLoss: number;
  /** Duration of the step in seconds. */
  readonly seconds: number;
  /** Tokens per second. */
  readonly tokensPerSecond: number;
  /** FLOP/s of the model. */
  readonly flopsPerSecond: number;
  /** Estimated remaining time in seconds. */
  readonly secondsLeft: number;
}

/** Default milliseconds between read-backs of losses. */
const READ_INTERVAL = 500;

const SAVING_SHARE = 0.01;

/** Maximum number of steps whose losses are pending, as these hold memory and GPU work. */
const MAX_PENDING = 64;

/** The first steps compile kernels: they do not count, and the step after them is profiled. */
const WARMUP_STEPS = 3;

/**
 * Trains a model.
 *
 * @returns Events as they happen, `end` last. To stop listening stops the run at once, unsaved.
 * @throws {Error} If a loss is not finite; the message names the step, and nothing is saved. The
 * loader's error, after a checkpoint, if there is no batch for a step.
 *
 * @example Two steps on one sentence
 * ```ts
 * import { RandomCropLoader } from "../../data/mod.ts";
 * import { openDevice } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { pretrainingSchedule } from "./loop.ts";
 * import { planTraining } from "./scaling.ts";
 * import { train } from "./run.ts";
 *
 * const size = { maxSeqLen: 8, deviceBatchSize: 2, totalBatchSize: 16, numIterations: 2 };
 * const plan = planTraining({ depth: 1, vocabSize: 256, aspectRatio: 32, headDim: 32, ...size });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const model = new GPT(plan.config, device);
 * const tokens = Int32Array.from(new TextEncoder().encode("My fellow citizens, be strong."));
 * const loader = new RandomCropLoader({ tokens, seed: 1, batchSize: 2, sequenceLength: 8 });
 * const optimizer = model.optimizer(plan.learningRates);
 * const setLearningRates = pretrainingSchedule(plan);
 * for await (const event of train({ model, optimizer, loader, plan, setLearningRates })) {
 *   if (event.kind === "step") console.log(event.step, event.loss);
 * }
 * await device.close();
 * ```
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainingEvent, void, void> {
  const { model, scaler, plan, evaluate, sample, measure, save, parallel } = options;
  const { readInterval = READ_INTERVAL } = options;
  let state = options.state ?? untrained;
  const firstStep = state.step;
  let savedStep = firstStep;
  const saveTimer = new SaveTimer(save);
  // With several ranks, only what all of them know may decide.
  let agreed = { exitCode: 0, isSaving: false };
  const exitCode = () => parallel === undefined ? exitCodeOf(options.signal) : agreed.exitCode;
  const feed = new Feed(options);
  const isStopping = () => exitCode() > 0 || feed.failure !== undefined;
  const loop = trainingLoop({ ...options, loader: feed, firstStep, ranks: parallel?.ranks ?? 1 });
  /** When the first pending step began. */
  let started: number | null = null;
  /** The steps after warmup, which tell how long the others will take. */
  const timed = { seconds: 0, steps: 0 };
  const profiledStep = Math.min(firstStep + WARMUP_STEPS, plan.numIterations - 1);
  const pending: LoopStep[] = [];
  const isDue = (task: Periodic<unknown> | undefined, step: number) =>
    task !== undefined && task.every > 0 && (step >= plan.numIterations || step % task.every === 0);

  while (true) {
    const { step } = state;
    const isLast = step >= plan.numIterations;

    /** The result of a task that is due; `null` without one, or if the signal aborted it. */
    const resultOf = async <Result>(
      task: Periodic<() => Promise<Result>> | undefined,
    ): Promise<Result | null> => {
      if (task === undefined || !isDue(task, step) || isStopping()) return null;
      try {
        return await model.device.inF32(task.run);
      } catch (error) {
        if (isStopping()) return null;
        throw error;
      }
    };

    const bitsPerByte = await resultOf(evaluate);
    if (bitsPerByte !== null) {
      const lowest = Math.min(bitsPerByte, state.lowestBitsPerByte ?? Infinity);
      state = { ...state, bitsPerByte, lowestBitsPerByte: lowest };
      yield { kind: "evaluation", step, bitsPerByte };
    }
    const texts = step > 0 ? await resultOf(sample) : null;
    if (texts !== null) yield { kind: "samples", step, texts };
    const values = step > 0 ? await resultOf(measure) : null;
    if (values !== null) yield { kind: "measurement", step, values };
    // Pending losses may not be finite.
    const isOverdue = pending.length === 0 &&
      (parallel === undefined ? saveTimer.isOverdue : agreed.isSaving);
    const mustSave = isLast || isStopping() || isDue(save, step) || isOverdue;
    if (save !== undefined && mustSave && step !== savedStep) {
      const path = await saveTimer.run(state);
      savedStep = step;
      yield { kind: "checkpoint", step, path };
    }
    if (feed.failure !== undefined && exitCode() === 0) throw feed.failure.error;
    if (isLast || isStopping()) {
      yield { kind: "end", state, finished: isLast, exitCode: isLast ? 0 : exitCode() };
      return;
    }

    started ??= performance.now();
    const runStep = async (): Promise<void> => {
      const { value } = await loop.next();
      if (value === undefined) return;
      pending.push(value);
      const scaling = scaler?.stateDict() ?? null;
      state = { ...state, step: step + 1, loader: value.loaderState, scaler: scaling };
    };
    const isProfiled = options.profile === true && step === profiledStep;
    const profile = await feed.attempt(isProfiled ? model.device.profile(runStep) : runStep());

    // A task that comes next may read the device, or needs finite losses. The first loss is shown at
    // once: whoever starts a run waits for it.
    const isInterrupted = [evaluate, sample, measure, save].some((task) => isDue(task, state.step));
    const mustRead = step === firstStep || isInterrupted || parallel !== undefined ||
      isStopping() || state.step >= plan.numIterations || isProfiled ||
      performance.now() - started >= readInterval || pending.length >= MAX_PENDING;
    if (!mustRead) continue;
    const steps = pending.splice(0);
    const read = await readNumbers(steps.flatMap(({ losses }) => losses));
    const seconds = (performance.now() - started) / 1000 / steps.length;
    started = null;
    for (const { losses, loaderState: _loaderState, ...step } of steps) {
      let loss = mean(read.splice(0, losses.length));
      if (parallel !== undefined) {
        ({ loss, ...agreed } = agree(parallel, loss, saveTimer.isOverdue, options.signal));
      }
      if (!Number.isFinite(loss)) throw lossError(loss, step.step);
      const smoothLoss = smooth(state.smoothLoss, loss, step.step);
      state = { ...state, smoothLoss, seconds: state.seconds + seconds };
      if (step.step >= firstStep + WARMUP_STEPS) {
        timed.seconds += seconds;
        timed.steps++;
      }
      const typicalSeconds = timed.steps === 0 ? seconds : timed.seconds / timed.steps;
      const tokensPerSecond = plan.totalBatchSize / seconds;
      yield {
        kind: "step",
        ...step,
        loss,
        smoothLoss,
        seconds,
        tokensPerSecond,
        flopsPerSecond: tokensPerSecond * plan.flopsPerToken,
        secondsLeft: (plan.numIterations - step.step - 1) * typicalSeconds,
      };
    }
    if (profile) yield { kind: "profile", step, profile };
  }
}

/**
 * What all ranks agree on after a step: the mean of their losses, whether to save, by the clock of
 * rank 0, and the largest exit code of the signals that they got; 0 without any.
 */
function agree(
  parallel: SummingRanks,
  loss: number,
  isOverdue: boolean,
  signal: AbortSignal | undefined,
): { loss: number; isSaving: boolean; exitCode: number } {
  const exitCodes = inPlaceOfRank(exitCodeOf(signal), parallel);
  const isSaving = parallel.rank === 0 && isOverdue;
  const [sum, saving, ...all] = parallel.sum([loss, +isSaving, ...exitCodes]);
  return { loss: sum! / parallel.ranks, isSaving: saving! > 0, exitCode: Math.max(...all) };
}

class SaveTimer {
  readonly #save: TrainOptions["save"];
  #seconds: number;
  #savedAt = performance.now();

  constructor(save: TrainOptions["save"]) {
    this.#save = save;
    this.#seconds = save?.seconds ?? Infinity;
  }

  get isOverdue(): boolean {
    const isWanted = this.#save?.isWanted?.() ?? false;
    return isWanted || performance.now() - this.#savedAt >= 1000 * this.#seconds;
  }

  /** Saves, and adjusts the interval to the duration. */
  async run(state: TrainingState): Promise<string> {
    const start = performance.now();
    const path = await this.#save!.run(state);
    this.#savedAt = performance.now();
    const seconds = (this.#savedAt - start) / 1000;
    this.#seconds = Math.max(this.#save!.seconds ?? Infinity, seconds / SAVING_SHARE);
    return path;
  }
}

function lossError(loss: number, step: number): Error {
  return new Error(
    `Cannot go on training: wanted a finite loss, got ${loss} at step ${step}. What was saved before ` +
      `is intact; lower learning rates may help.`,
  );
}
