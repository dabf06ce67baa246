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
import { type DueTasks, dueTasks } from "./due_tasks.ts";
import { agree, type SummingRanks } from "./agreement.ts";
import { exitCodeOf } from "./exit_code.ts";
import { Feed } from "./feed.ts";
import { type LoopOptions, type LoopStep, trainingLoop } from "./loop.ts";
import { lossError, PendingLosses, type ReadStep, WARMUP_STEPS } from "./pending_losses.ts";
import { SaveTimer } from "./save_timer.ts";
import type { TrainingPlan } from "./scaling.ts";

export type { SummingRanks } from "./agreement.ts";

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

/**
 * Events of {@linkcode train}. All of them are made in this file, by methods of `Run`, and pass
 * through two more functions on their way to the caller that started the run:
 *
 *     Run.doTasks, save, doStep, end      make them
 *     trainInFolder (folder_run.ts)       writes steps, evaluations, samples and measurements to
 *                                         `metrics.jsonl`
 *     showRun (scripts/progress.ts)       prints them; a page shows them instead (web/engine/gpt.ts)
 *
 * `trainingLoop` (loop.ts) yields no events but steps whose losses are still on the device; `Run` reads
 * them back.
 */
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
  /** Whether all steps were done, and the tasks after the last one. */
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

/**
 * Trains a model.
 *
 * @returns Events as they happen, `end` last. Leaving the loop stops the run immediately, without
 * saving.
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
  const run = new Run(options);
  while (true) {
    yield* run.doTasks();
    yield* run.save();
    if (run.isOver) break;
    yield* run.doStep();
  }
  yield run.end();
}

/** A run between two steps. */
class Run {
  readonly #options: TrainOptions;
  readonly #firstStep: number;
  readonly #feed: Feed;
  readonly #loop: AsyncGenerator<LoopStep, void, void>;
  readonly #losses: PendingLosses;
  readonly #saveTimer: SaveTimer;
  #state: TrainingState;
  #saved: TrainingState;
  /** Whether a task that was due was left out or cut off. */
  #lacksTask = false;
  /** The decisions that all ranks share; with several ranks, only these may stop or save a run. */
  #agreed = { exitCode: 0, isSaving: false };

  constructor(options: TrainOptions) {
    this.#options = options;
    this.#state = this.#saved = options.state ?? untrained;
    this.#firstStep = this.#state.step;
    this.#feed = new Feed(options);
    this.#loop = trainingLoop({
      ...options,
      loader: this.#feed,
      firstStep: this.#firstStep,
      ranks: options.parallel?.ranks ?? 1,
    });
    this.#losses = new PendingLosses(this.#firstStep, options.readInterval ?? READ_INTERVAL);
    this.#saveTimer = new SaveTimer(options.save);
  }

  /** Whether all steps are done, or the run is to stop. */
  get isOver(): boolean {
    return this.#isFinished || this.#isStopping;
  }

  get #isFinished(): boolean {
    return this.#state.step >= this.#options.plan.numIterations;
  }

  get #isStopping(): boolean {
    return this.#exitCode > 0 || this.#feed.failure !== undefined;
  }

  get #exitCode(): number {
    const { parallel, signal } = this.#options;
    return parallel === undefined ? exitCodeOf(signal) : this.#agreed.exitCode;
  }

  get #due(): DueTasks {
    return dueTasks(this.#options, this.#state.step, this.#options.plan.numIterations);
  }

  /** Evaluates, samples and measures, as far as that is due. */
  async *doTasks(): AsyncGenerator<TrainingEvent, void, void> {
    const { evaluate, sample, measure } = this.#options;
    const { step } = this.#state;
    const due = this.#due;
    const bitsPerByte = due.evaluate ? await this.#attempt(evaluate!.run) : null;
    if (bitsPerByte !== null) {
      const lowest = Math.min(bitsPerByte, this.#state.lowestBitsPerByte ?? Infinity);
      this.#state = { ...this.#state, bitsPerByte, lowestBitsPerByte: lowest };
      yield { kind: "evaluation", step, bitsPerByte };
    }
    const texts = due.sample ? await this.#attempt(sample!.run) : null;
    if (texts !== null) yield { kind: "samples", step, texts };
    const values = due.measure ? await this.#attempt(measure!.run) : null;
    if (values !== null) yield { kind: "measurement", step, values };
  }

  /** The result of a task; `null` if the run is to stop, which may abort the task. */
  async #attempt<Result>(task: () => Promise<Result>): Promise<Result | null> {
    this.#lacksTask = true;
    if (this.#isStopping) return null;
    try {
      const result = await this.#options.model.device.inF32(task);
      this.#lacksTask = false;
      return result;
    } catch (error) {
      if (this.#isStopping) return null;
      throw error;
    }
  }

  /** Saves a checkpoint, if one is due, or the run is over. @throws {unknown} Why there was no batch. */
  async *save(): AsyncGenerator<TrainingEvent, void, void> {
    const { save, parallel } = this.#options;
    const { step } = this.#state;
    // Pending losses may not be finite.
    const isOverdue = this.#losses.isEmpty &&
      (parallel === undefined ? this.#saveTimer.isOverdue : this.#agreed.isSaving);
    const mustSave = this.isOver || this.#due.save || isOverdue;
    // A run that was stopped in the tasks after its last step has measured something since.
    const isNew = step !== this.#saved.step || (this.#isFinished && this.#state !== this.#saved);
    if (save !== undefined && mustSave && isNew) {
      const path = await this.#saveTimer.run(this.#state);
      this.#saved = this.#state;
      yield { kind: "checkpoint", step, path };
    }
    const { failure } = this.#feed;
    if (failure !== undefined && this.#exitCode === 0) throw failure.error;
  }

  /** How the run ended. */
  end(): EndEvent {
    const [state, finished] = [this.#state, this.#isFinished && !this.#lacksTask];
    return { kind: "end", state, finished, exitCode: finished ? 0 : this.#exitCode };
  }

  /** Submits a step to the device, and reads losses back if it is time. */
  async *doStep(): AsyncGenerator<TrainingEvent, void, void> {
    const { model, plan, profile: wantsProfile = false } = this.#options;
    const { step } = this.#state;
    const isProfiled = wantsProfile &&
      step === Math.min(this.#firstStep + WARMUP_STEPS, plan.numIterations - 1);
    this.#losses.begin();
    const submit = () => this.#submit();
    const profile = await this.#feed.attempt(
      isProfiled ? model.device.profile(submit) : submit(),
    );
    if (!this.#mustRead(step === this.#firstStep || isProfiled)) return;
    for (const read of await this.#losses.read()) yield this.#finish(read);
    if (profile) yield { kind: "profile", step, profile };
  }

  async #submit(): Promise<void> {
    const { value } = await this.#loop.next();
    if (value === undefined) return;
    this.#losses.add(value);
    this.#state = {
      ...this.#state,
      step: this.#state.step + 1,
      loader: value.loaderState,
      scaler: this.#options.scaler?.stateDict() ?? null,
    };
  }

  /**
   * Whether losses are read now. A task that comes next may read the device, or needs finite losses.
   *
   * @param isShown Whether the step is shown immediately, like the first one, which users wait for.
   */
  #mustRead(isShown: boolean): boolean {
    return isShown || this.isOver || this.#options.parallel !== undefined || this.#losses.isFull ||
      Object.values(this.#due).some((isDue) => isDue);
  }

  /** Takes a step's loss into account. @throws {Error} If it is not finite. */
  #finish({ typicalSeconds, ...step }: ReadStep): StepEvent {
    const { plan, parallel, signal } = this.#options;
    let { loss } = step;
    if (parallel !== undefined) {
      ({ loss, ...this.#agreed } = agree(parallel, loss, this.#saveTimer.isOverdue, signal));
    }
    if (!Number.isFinite(loss)) throw lossError(loss, step.step);
    const smoothLoss = smooth(this.#state.smoothLoss, loss, step.step);
    const seconds = this.#state.seconds + step.seconds;
    this.#state = { ...this.#state, smoothLoss, seconds };
    const tokensPerSecond = plan.totalBatchSize / step.seconds;
    return {
      kind: "step",
      ...step,
      loss,
      smoothLoss,
      tokensPerSecond,
      flopsPerSecond: tokensPerSecond * plan.flopsPerToken,
      secondsLeft: (plan.numIterations - step.step - 1) * typicalSeconds,
    };
  }
}
