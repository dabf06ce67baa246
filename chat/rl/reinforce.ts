/**
 * Reinforcement learning on tasks whose answers can be checked: the model answers a question
 * several times, and the better answers become more likely.
 *
 * Source: nanochat, `scripts/chat_rl.py`.
 *
 * @module
 */

import { loadModel, saveCheckpoint, type TrainableModel, untrained } from "../../gpt/mod.ts";
import {
  ensureRunFolder,
  exitCodeOf,
  inPlaceOfRank,
  MetricsLog,
  writeRunInfo,
} from "../../gpt/internals.ts";
import { dueTasks } from "../../gpt/train/due_tasks.ts";
import { MuonAdamW, type ShardedMuonAdamW } from "../../optim/mod.ts";
import { AnswerSampler } from "./answer_sampler.ts";
import { addGradients, hasNoSignal, updatePolicy } from "./policy_step.ts";
import {
  type ReinforceEvent,
  type ReinforceOptions,
  type ReinforceSettings,
  type ReinforceStep,
  withDefaults,
} from "./reinforce_options.ts";

/** A prepared reinforcement run. */
export interface Reinforcement {
  /** The model. */
  readonly model: TrainableModel;
  /** Trains to the end, or until the signal; metrics and checkpoints are written on the way. */
  run(): AsyncGenerator<ReinforceEvent, void, void>;
}

/**
 * Builds everything that a run needs, so that errors show before it begins.
 *
 * @throws {RangeError} If `numSamples` is not a multiple of `deviceBatchSize`, or the task is empty.
 */
export async function prepareReinforcement(options: ReinforceOptions): Promise<Reinforcement> {
  const settings = withDefaults(options);
  const { device, checkpoint, task, folder, parallel, computeDtype = "float32" } = settings;
  parallel?.checkSame("the questions", `${task.name} (${task.length})`);
  if ((parallel?.rank ?? 0) === 0) await ensureRunFolder(folder);
  const model = await (parallel ?? { loadModel }).loadModel(checkpoint, device, { computeDtype });
  const learningRates = {
    embeddingLr: 0.2,
    unembeddingLr: 0.004,
    matrixLr: 0.02,
    scalarLr: 0.5,
    weightDecay: 0,
    ...options.learningRates,
  };
  const optimizer = parallel?.optimizer(model, learningRates) ??
    new MuonAdamW(model.optimizerGroups(learningRates));
  return { model, run: () => reinforce(settings, model, optimizer) };
}

async function* reinforce(
  settings: ReinforceSettings,
  model: TrainableModel,
  optimizer: MuonAdamW | ShardedMuonAdamW,
): AsyncGenerator<ReinforceEvent, void, void> {
  using run = new Run(settings, model, optimizer);
  await run.begin();
  while (true) {
    run.readSignal();
    yield* run.evaluate();
    yield* run.save();
    if (run.isOver) break;
    yield await run.doStep();
  }
  yield run.end();
}

/** A run between two steps. */
class Run implements Disposable {
  readonly #settings: ReinforceSettings;
  readonly #model: TrainableModel;
  readonly #optimizer: MuonAdamW | ShardedMuonAdamW;
  readonly #sampler: AnswerSampler;
  readonly #rank: number;
  readonly #ranks: number;
  #log: MetricsLog | null = null;
  #step = 0;
  #seconds = 0;
  /** The exit code of a signal to any rank, which stops all ranks; 0 without one. */
  #exitCode = 0;

  constructor(
    settings: ReinforceSettings,
    model: TrainableModel,
    optimizer: MuonAdamW | ShardedMuonAdamW,
  ) {
    this.#settings = settings;
    this.#model = model;
    this.#optimizer = optimizer;
    this.#sampler = new AnswerSampler(settings, model);
    this.#rank = settings.parallel?.rank ?? 0;
    this.#ranks = settings.parallel?.ranks ?? 1;
  }

  /** Opens the files of the run, which rank 0 writes. */
  async begin(): Promise<void> {
    const { folder, numIterations: steps, settings = {} } = this.#settings;
    if (this.#rank > 0) return;
    await writeRunInfo(folder, this.#model, { steps, tokensPerStep: null, settings });
    this.#log = await MetricsLog.open(`${folder}/metrics.jsonl`, 0);
  }

  [Symbol.dispose](): void {
    this.#log?.[Symbol.dispose]();
  }

  /** Whether all steps are done, or the run is to stop. */
  get isOver(): boolean {
    return this.#isFinished || this.#exitCode > 0;
  }

  get #isFinished(): boolean {
    return this.#step === this.#settings.numIterations;
  }

  /** The tasks before the step. */
  get #due(): { readonly evaluate: boolean; readonly save: boolean } {
    const { evalEvery, saveEvery, numIterations } = this.#settings;
    const intervals = { evaluate: { every: evalEvery }, save: { every: saveEvery } };
    return dueTasks(intervals, this.#step, numIterations);
  }

  /** Adds numbers up over all ranks; every rank must call it. */
  #sum(numbers: readonly number[]): readonly number[] {
    return this.#settings.parallel?.sum(numbers) ?? numbers;
  }

  /** Asks all ranks whether the run is to stop. */
  readSignal(): void {
    const own = exitCodeOf(this.#settings.signal);
    const exitCodes = inPlaceOfRank(own, { rank: this.#rank, ranks: this.#ranks });
    this.#exitCode = Math.max(...this.#sum(exitCodes));
  }

  /** Measures the model, if that is due. */
  async *evaluate(): AsyncGenerator<ReinforceEvent, void, void> {
    const { validation } = this.#settings;
    if (validation === undefined || !this.#due.evaluate || this.#exitCode > 0) return;
    const estimate = await this.#model.device.inF32(() => this.#sampler.measure(validation));
    const byName = Object.fromEntries(estimate.map((value, i) => [`pass@${i + 1}`, value]));
    this.#log?.append({ kind: "evaluation", step: this.#step, ...byName });
    yield { kind: "evaluation", step: this.#step, passAtK: estimate };
  }

  /** Saves a checkpoint, if one is due, or the run is over. */
  async *save(): AsyncGenerator<ReinforceEvent, void, void> {
    const { folder, settings = {}, numIterations: steps, checkpoint } = this.#settings;
    if (this.#step === 0 || !(this.isOver || this.#due.save)) return;
    const state = { ...untrained, step: this.#step, seconds: this.#seconds };
    const { tokenizer } = checkpoint;
    const { chatTemplate } = checkpoint.meta;
    const content = { model: this.#model, tokenizer, chatTemplate, state, settings, steps };
    const path = this.#rank === 0 ? await saveCheckpoint(folder, content) : folder;
    yield { kind: "checkpoint", step: this.#step, path };
  }

  /** How the run ended. */
  end(): ReinforceEvent {
    const finished = this.#isFinished;
    return { kind: "end", step: this.#step, finished, exitCode: finished ? 0 : this.#exitCode };
  }

  /** Samples answers to the questions of a step, and makes the better ones more likely. */
  async doStep(): Promise<ReinforceStep> {
    const { examplesPerStep, numIterations, initialFraction } = this.#settings;
    const start = performance.now();
    const step = this.#step++;
    const sums = this.#sum(await this.#addGradients(step));
    const [reward = 0, length = 0, answers = 0, silent = 0, asked = 0] = sums;
    const learningRateMultiplier = 1 - step / numIterations;
    if (silent < examplesPerStep) {
      const fraction = initialFraction * learningRateMultiplier;
      await updatePolicy(this.#model, this.#optimizer, fraction);
    }
    const event: ReinforceStep = {
      kind: "step",
      step,
      learningRateMultiplier,
      // Where every answer was shown, none was sampled.
      reward: reward / Math.max(1, answers),
      sequenceLength: length / Math.max(1, answers),
      withoutSignal: silent / Math.max(1, asked),
      seconds: (performance.now() - start) / 1000,
    };
    this.#seconds += event.seconds;
    this.#log?.append({ ...event });
    return event;
  }

  /**
   * Adds the gradients of this rank's questions.
   *
   * @returns Sums: the rewards and the lengths of all sampled answers, the number of these, the questions
   * that were asked without a gradient, and all that were asked.
   */
  async #addGradients(step: number): Promise<readonly number[]> {
    const { task, examplesPerStep } = this.#settings;
    let [reward, length, answers, silent] = [0, 0, 0, 0];
    const indices = Array.from(
      { length: examplesPerStep },
      (_, i) => (step * examplesPerStep + i) % task.length,
    );
    const kinds = Map.groupBy(indices, (index) => task.isShown?.(task.get(index)) ?? false);
    // To ask takes longer than to show, so ranks share each kind alike.
    const own = (isShown: boolean) =>
      (kinds.get(isShown) ?? []).filter((_, i) => i % this.#ranks === this.#rank);
    const asked = await this.#sampler.ask(task, own(false), step);
    const shown = await this.#sampler.show(task, own(true));
    addGradients(this.#model, [...asked, ...shown], this.#settings);
    for (const group of asked) {
      for (const answer of group.rollouts) {
        reward += answer.reward;
        length += group.prompt.length + answer.ids.length;
      }
      answers += group.rollouts.length;
      if (hasNoSignal(group)) silent++;
    }
    return [reward, length, answers, silent, asked.length];
  }
}
