/**
 * A training run: the loop of `loop.ts`, and what surrounds it.
 *
 * Between steps the run evaluates, samples text, saves checkpoints and stops on a signal. The losses of
 * several steps are read back together, which is the only thing that waits for the device, and reported
 * as events with their timing. A run can also profile one step.
 *
 * Source of the order of things: nanochat, `scripts/base_train.py`.
 *
 * @module
 */

import type { GradScalerState } from "../../optim/mod.ts";
import type { Profile } from "../../tensor/mod.ts";
import {
  type LoopOptions,
  type LoopRanks,
  type LoopStep,
  type SummingRanks,
  trainingLoop,
} from "./loop.ts";
import { readNumbers } from "./readback.ts";
import type { TrainingPlan } from "./scaling.ts";

/** Where a run is: with the parameters, the optimiser and the loader all that a run consists of. */
export interface TrainingState {
  /** The steps done. */
  readonly step: number;
  /** The decaying average of the loss, before it is corrected for having started at 0. */
  readonly lossAverage: number;
  /** The time that the steps took, in seconds. */
  readonly seconds: number;
  /** The last bits per byte on the validation split; `null` before the first. */
  readonly bitsPerByte: number | null;
  /** The lowest bits per byte so far; `null` before the first evaluation. */
  readonly lowestBitsPerByte: number | null;
  /** The loader's state after the last batch; `null` before the first. */
  readonly loader: unknown;
  /** What the scaling of losses has come to; `null` where they are not scaled. */
  readonly scaler: GradScalerState | null;
}

/** The state before the first step. */
export const untrained: TrainingState = {
  step: 0,
  lossAverage: 0,
  seconds: 0,
  bitsPerByte: null,
  lowestBitsPerByte: null,
  loader: null,
  scaler: null,
};

/** Something done at intervals, and after the last step. */
export interface Periodic<Run> {
  /** The interval in steps; −1 for never. */
  readonly every: number;
  /** What is done. */
  readonly run: Run;
}

/** Numbers that were measured, by name. */
export type Measurement = Readonly<Record<string, number>>;

/** What {@linkcode train} needs. */
export interface TrainOptions extends Omit<LoopOptions, "firstStep" | "parallel"> {
  /** How long the run is, and how large its steps. */
  readonly plan: Pick<
    TrainingPlan,
    "numIterations" | "gradAccumSteps" | "totalBatchSize" | "flopsPerToken"
  >;
  /** Where to go on; by default at the beginning. */
  readonly state?: TrainingState;
  /** Measures the bits per byte; also before the first step. */
  readonly evaluate?: Periodic<() => Promise<number>>;
  /** Lets the model write. */
  readonly sample?: Periodic<() => Promise<readonly string[]>>;
  /** Measures something else: numbers by name. */
  readonly measure?: Periodic<() => Promise<Measurement>>;
  /** Saves a checkpoint and returns its path. Also called when the run is stopped by the signal. */
  readonly save?: Periodic<(state: TrainingState) => Promise<string>> & {
    /**
     * Saves also when this many seconds have passed since the last time; after more of them where
     * saving takes longer than 1 % of that.
     */
    readonly seconds?: number;
  };
  /** Stops the run after the step that is being done. */
  readonly signal?: AbortSignal | undefined;
  /** The ranks that train together: a signal to any of them stops all after the same step. */
  readonly parallel?: SummingRanks | undefined;
  /** Whether a profile is made: of one step, when everything is warm. */
  readonly profile?: boolean;
}

/** What happens in a run, as {@linkcode train} tells it. */
export type TrainingEvent =
  | StepEvent
  | { readonly kind: "evaluation"; readonly step: number; readonly bitsPerByte: number }
  | { readonly kind: "samples"; readonly step: number; readonly texts: readonly string[] }
  | { readonly kind: "measurement"; readonly step: number; readonly values: Measurement }
  | { readonly kind: "checkpoint"; readonly step: number; readonly path: string }
  | { readonly kind: "profile"; readonly step: number; readonly profile: Profile }
  | { readonly kind: "end"; readonly state: TrainingState; readonly finished: boolean };

/** A step was done. */
export interface StepEvent {
  /** Tells the events apart. */
  readonly kind: "step";
  /** The step, counted from 0. */
  readonly step: number;
  /** The loss on the step's batches, in nats per token. */
  readonly loss: number;
  /** The average of the last losses, the latest of which weigh most. */
  readonly smoothLoss: number;
  /** What the learning rates were multiplied with. */
  readonly learningRateMultiplier: number;
  /** What the losses were multiplied with; absent where they are not scaled. */
  readonly lossScale?: number;
  /** Whether the parameters stayed as they were, since a gradient was not finite. */
  readonly skipped?: boolean;
  /** The time the step took, in seconds. */
  readonly seconds: number;
  /** The tokens trained on in a second. */
  readonly tokensPerSecond: number;
  /** The floating-point operations of the model in a second. */
  readonly flopsPerSecond: number;
  /** The time that the remaining steps will take, in seconds. */
  readonly secondsLeft: number;
}

/** How much of the average of the loss is kept at each step. */
const LOSS_DECAY = 0.9;

/** Losses are read back when this much time has passed, in milliseconds. */
const READ_INTERVAL = 500;

/** The largest share of the time that is spent on saving by time. */
const SAVING_SHARE = 0.01;

/** The most steps whose losses wait: what is not read, not even a GPU's queue forgets. */
const MAX_PENDING = 64;

/**
 * The first steps compile kernels: they are left out where the remaining time is estimated, and the
 * step after them is the one that a profile is made of.
 */
const WARMUP_STEPS = 3;

/**
 * Trains a model.
 *
 * @returns What happens, as it happens. The last event is `end`; who stops listening earlier stops the
 * run where it is, unsaved.
 * @throws {Error} If a loss is not a finite number; the message names the step, and nothing is saved.
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
 * const plan = planTraining({
 *   depth: 1,
 *   vocabSize: 256,
 *   aspectRatio: 32,
 *   headDim: 32,
 *   maxSeqLen: 8,
 *   deviceBatchSize: 2,
 *   totalBatchSize: 16,
 *   numIterations: 2,
 * });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const model = new GPT(plan.config, device);
 * const text = new TextEncoder().encode("My fellow citizens, the union is strong.");
 * const loader = new RandomCropLoader({
 *   tokens: Int32Array.from(text),
 *   seed: 1,
 *   batchSize: 2,
 *   sequenceLength: 8,
 * });
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
  let state = options.state ?? untrained;
  const firstStep = state.step;
  let savedStep = firstStep;
  const saveTimer = new SaveTimer(save?.seconds);
  const agreement = parallel === undefined
    ? null
    : new Agreement(parallel, options.signal, () => saveTimer.isOverdue);
  // What one rank alone knows must not decide anything.
  const signal = agreement === null ? options.signal : undefined;
  const loop = trainingLoop({ ...options, firstStep, parallel: agreement ?? undefined });
  const clock = new StepClock(plan, firstStep);
  const profiledStep = Math.min(firstStep + WARMUP_STEPS, plan.numIterations - 1);
  const pending: LoopStep[] = [];

  while (true) {
    const { step } = state;
    const isLast = step >= plan.numIterations;
    const isDue = (task: Periodic<unknown> | undefined): task is Periodic<unknown> =>
      task !== undefined && task.every > 0 && (isLast || step % task.every === 0);
    const isStopping = () => agreement?.isStopping ?? signal?.aborted ?? false;

    if (evaluate !== undefined && isDue(evaluate) && !isStopping()) {
      const bitsPerByte = await unlessAborted(evaluate.run, signal);
      if (bitsPerByte !== null) {
        const lowest = Math.min(bitsPerByte, state.lowestBitsPerByte ?? Infinity);
        state = { ...state, bitsPerByte, lowestBitsPerByte: lowest };
        yield { kind: "evaluation", step, bitsPerByte };
      }
    }
    if (sample !== undefined && isDue(sample) && step > 0 && !isStopping()) {
      const texts = await unlessAborted(sample.run, signal);
      if (texts !== null) yield { kind: "samples", step, texts };
    }
    if (measure !== undefined && isDue(measure) && step > 0 && !isStopping()) {
      const values = await unlessAborted(measure.run, signal);
      if (values !== null) yield { kind: "measurement", step, values };
    }
    // While losses wait to be read, it is not known that they are finite.
    const isOverdue = pending.length === 0 &&
      (agreement === null ? saveTimer.isOverdue : agreement.isSaving);
    const mustSave = isLast || isStopping() || isDue(save) || isOverdue;
    if (save !== undefined && mustSave && step !== savedStep) {
      const path = await saveTimer.time(() => save.run(state));
      savedStep = step;
      yield { kind: "checkpoint", step, path };
    }
    if (isLast || isStopping()) {
      yield { kind: "end", state, finished: isLast };
      return;
    }

    clock.start();
    const runStep = async (): Promise<void> => {
      const { value } = await loop.next();
      if (value !== undefined) pending.push(value);
    };
    const isProfiled = options.profile === true && step === profiledStep;
    const profile = isProfiled ? await model.device.profile(runStep) : await runStep();
    const { loaderState } = pending.at(-1)!;
    state = { ...state, step: step + 1, loader: loaderState, scaler: scaler?.stateDict() ?? null };

    // What comes next may read the device anyway, or must know that the losses are finite.
    const isInterrupted = [evaluate, sample, measure, save].some((task) =>
      task !== undefined && task.every > 0 && state.step % task.every === 0
    );
    const mustRead = isInterrupted || agreement !== null || isStopping() ||
      state.step >= plan.numIterations || isProfiled || clock.elapsed >= READ_INTERVAL ||
      pending.length >= MAX_PENDING;
    if (!mustRead) continue;
    const steps = pending.splice(0);
    const read = await readNumbers(steps.flatMap(({ losses }) => losses));
    const seconds = clock.stop(steps.length);
    for (const { losses, loaderState: _loaderState, ...step } of steps) {
      const loss = mean(read.splice(0, losses.length));
      if (!Number.isFinite(loss)) throw lossError(loss, step.step);
      const lossAverage = LOSS_DECAY * state.lossAverage + (1 - LOSS_DECAY) * loss;
      state = { ...state, lossAverage, seconds: state.seconds + seconds };
      yield {
        kind: "step",
        ...step,
        loss,
        smoothLoss: lossAverage / (1 - LOSS_DECAY ** (step.step + 1)),
        ...clock.speed(step.step, seconds),
      };
    }
    if (profile) yield { kind: "profile", step, profile };
  }
}

/** What all ranks know after each step: the loss, whether to stop, and whether to save. */
class Agreement implements LoopRanks {
  /** Whether a rank got a signal before the end of the last step. */
  isStopping = false;
  /** Whether it is time to save, by the clock of rank 0. */
  isSaving = false;
  readonly #parallel: SummingRanks;
  readonly #signal: AbortSignal | undefined;
  readonly #isOverdue: () => boolean;

  constructor(
    parallel: SummingRanks,
    signal: AbortSignal | undefined,
    isOverdue: () => boolean,
  ) {
    this.#parallel = parallel;
    this.#signal = signal;
    this.#isOverdue = isOverdue;
  }

  get ranks(): number {
    return this.#parallel.ranks;
  }

  agree(loss: number): number {
    const { rank, ranks } = this.#parallel;
    const isStopping = this.#signal?.aborted ?? false;
    const isSaving = rank === 0 && this.#isOverdue();
    const [sum, stopping, saving] = this.#parallel.sum([loss, +isStopping, +isSaving]);
    this.isStopping = stopping! > 0;
    this.isSaving = saving! > 0;
    return sum! / ranks;
  }
}

/** Times the steps between two readings, and tells what follows from their duration. */
class StepClock {
  readonly #plan: TrainOptions["plan"];
  readonly #firstStep: number;
  #started: number | null = null;
  #secondsPerStep = { sum: 0, steps: 0 };

  constructor(plan: TrainOptions["plan"], firstStep: number) {
    this.#plan = plan;
    this.#firstStep = firstStep;
  }

  /** Begins to measure, unless it already does. */
  start(): void {
    this.#started ??= performance.now();
  }

  /** The milliseconds since `start`. */
  get elapsed(): number {
    return this.#started === null ? 0 : performance.now() - this.#started;
  }

  /** Ends a measurement over `steps` steps: the seconds that each took. */
  stop(steps: number): number {
    const seconds = this.elapsed / 1000;
    this.#started = null;
    return seconds / steps;
  }

  /** What a step of so many seconds means for the run. */
  speed(
    step: number,
    seconds: number,
  ): Pick<StepEvent, "seconds" | "tokensPerSecond" | "flopsPerSecond" | "secondsLeft"> {
    const { totalBatchSize, flopsPerToken, numIterations } = this.#plan;
    if (step >= this.#firstStep + WARMUP_STEPS) {
      this.#secondsPerStep.sum += seconds;
      this.#secondsPerStep.steps++;
    }
    const { sum, steps } = this.#secondsPerStep;
    const tokensPerSecond = totalBatchSize / seconds;
    return {
      seconds,
      tokensPerSecond,
      flopsPerSecond: tokensPerSecond * flopsPerToken,
      secondsLeft: (numIterations - step - 1) * (steps === 0 ? seconds : sum / steps),
    };
  }
}

/** Says when a checkpoint is due by time. */
class SaveTimer {
  readonly #minSeconds: number;
  #seconds: number;
  #savedAt = performance.now();

  constructor(seconds = Infinity) {
    this.#minSeconds = seconds;
    this.#seconds = seconds;
  }

  /** Whether enough time has passed since the last save. */
  get isOverdue(): boolean {
    return performance.now() - this.#savedAt >= 1000 * this.#seconds;
  }

  /** Saves, and sets the next interval by how long that took. */
  async time<Result>(save: () => Promise<Result>): Promise<Result> {
    const start = performance.now();
    const result = await save();
    this.#savedAt = performance.now();
    const seconds = (this.#savedAt - start) / 1000;
    this.#seconds = Math.max(this.#minSeconds, seconds / SAVING_SHARE);
    return result;
  }
}

/** Runs a task; `null` if it failed because the run is being stopped. */
async function unlessAborted<Result>(
  run: () => Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result | null> {
  try {
    return await run();
  } catch (error) {
    if (signal?.aborted) return null;
    throw error;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function lossError(loss: number, step: number): Error {
  return new Error(
    `Cannot go on training: wanted a finite loss, got ${loss} at step ${step}. What was saved before ` +
      `is intact; lower learning rates may help.`,
  );
}
