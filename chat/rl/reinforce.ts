/**
 * Reinforcement learning on tasks whose answers can be checked: the model answers a question several
 * times, and answers that are better than the others become likelier.
 *
 * Source: nanochat, `scripts/chat_rl.py`.
 *
 * @module
 */

import {
  type Checkpoint,
  type Device,
  Engine,
  ensureRunFolder,
  exitCodeOf,
  type FolderRunOptions,
  inPlaceOfRank,
  type LearningRates,
  loadModel,
  MetricsLog,
  saveCheckpoint,
  type TrainableModel,
  untrained,
  writeRunInfo,
} from "../../gpt/mod.ts";
import { MuonAdamW, type ShardedMuonAdamW } from "../../optim/mod.ts";
import { deriveSeed, Tensor } from "../../tensor/mod.ts";
import { renderForCompletion, type Tokenizer } from "../../tokenizer/mod.ts";
import { passAtK } from "../evaluate/pass_at_k.ts";
import type { GenerativeTask } from "../tasks/task.ts";
import { advantagesOf, policyGradientLoss, type Rollout, rolloutBatch } from "./policy_gradient.ts";

/** Options for {@linkcode prepareReinforcement}. */
export interface ReinforceOptions
  extends Pick<FolderRunOptions, "folder" | "settings" | "signal" | "parallel"> {
  /** Where the model is trained. */
  readonly device: Device;
  /** The model to begin with. */
  readonly checkpoint: Checkpoint;
  /** The questions, asked in their order, over and over. */
  readonly task: GenerativeTask;
  /** Questions to measure the model on; without them it is not measured. */
  readonly validation?: GenerativeTask;
  /** The number of steps. */
  readonly numIterations: number;
  /** Questions of a step. @default {16} */
  readonly examplesPerStep?: number;
  /** Answers to each question: a multiple of `deviceBatchSize`. @default {16} */
  readonly numSamples?: number;
  /** Answers that are sampled in one batch. @default {8} */
  readonly deviceBatchSize?: number;
  /** Maximum tokens of an answer. @default {256} */
  readonly maxNewTokens?: number;
  /** The temperature of sampling. @default {1} */
  readonly temperature?: number;
  /** Answers are sampled from this many of the most likely tokens. @default {50} */
  readonly topK?: number;
  /** Whether the token that ends an answer is reinforced, too; the original's is not. @default {true} */
  readonly learnsToEnd?: boolean;
  /** The optimizer's learning rates, and the weight decay of matrices, by default 0. */
  readonly learningRates?: LearningRates;
  /** The fraction of these learning rates to begin with. @default {0.05} */
  readonly initialFraction?: number;
  /** Steps from one evaluation to the next; −1 for never. @default {60} */
  readonly evalEvery?: number;
  /** Maximum questions of an evaluation. @default {400} */
  readonly evalExamples?: number;
  /** Steps from one checkpoint to the next, without the optimizer; −1 only after the last. @default {60} */
  readonly saveEvery?: number;
  /** The seed of sampling. @default {42} */
  readonly seed?: number;
}

/** Something that happened in a run. */
export type ReinforceEvent =
  | ReinforceStep
  | {
    /** The model was measured. */
    readonly kind: "evaluation";
    /** The steps done. */
    readonly step: number;
    /** The unbiased estimate of pass@k, for k from 1 on. */
    readonly passAtK: readonly number[];
  }
  | { readonly kind: "checkpoint"; readonly step: number; readonly path: string }
  | {
    /** The run ended. */
    readonly kind: "end";
    /** The steps done. */
    readonly step: number;
    /** Whether these are all. */
    readonly finished: boolean;
    /** 0, or the exit code of the signal that stopped the run: the same on every rank. */
    readonly exitCode: number;
  };

/** A step was done. */
export interface ReinforceStep {
  /** Tells the events apart. */
  readonly kind: "step";
  /** The step, from 0. */
  readonly step: number;
  /** The mean reward of all answers. */
  readonly reward: number;
  /** The mean length of an answer, in tokens, its question included. */
  readonly sequenceLength: number;
  /** The fraction of questions whose answers all had the same reward: their gradient is 0. */
  readonly withoutSignal: number;
  /** Multiplier of the learning rates. */
  readonly learningRateMultiplier: number;
  /** The time of the step, in seconds. */
  readonly seconds: number;
}

/** A run that can begin. */
export interface Reinforcement {
  /** The model. */
  readonly model: TrainableModel;
  /** Trains to the end, or until the signal; metrics and checkpoints are written on the way. */
  run(): AsyncGenerator<ReinforceEvent, void, void>;
}

/**
 * Builds everything that a run needs, so that what is wrong shows before it begins.
 *
 * @throws {RangeError} If `numSamples` is not a multiple of `deviceBatchSize`, or the task is empty.
 */
export async function prepareReinforcement(options: ReinforceOptions): Promise<Reinforcement> {
  const { device, checkpoint, task, folder, parallel } = options;
  const { numSamples = 16, deviceBatchSize = 8 } = options;
  if (numSamples % deviceBatchSize !== 0) {
    throw new RangeError(
      `Cannot sample answers: wanted numSamples as a multiple of deviceBatchSize ` +
        `${deviceBatchSize}, got ${numSamples}`,
    );
  }
  if (task.length === 0) throw new RangeError("Cannot reinforce: wanted questions, got none");
  parallel?.checkSame("the questions", `${task.name} (${task.length})`);
  if ((parallel?.rank ?? 0) === 0) await ensureRunFolder(folder);
  const model = await (parallel?.loadModel(checkpoint, device) ?? loadModel(checkpoint, device));
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
  return { model, run: () => reinforce(options, model, optimizer) };
}

async function* reinforce(
  options: ReinforceOptions,
  model: TrainableModel,
  optimizer: MuonAdamW | ShardedMuonAdamW,
): AsyncGenerator<ReinforceEvent, void, void> {
  const { task, validation, numIterations, folder, signal, settings = {}, parallel } = options;
  const { examplesPerStep = 16, evalEvery = 60, saveEvery = 60, initialFraction = 0.05 } = options;
  const { tokenizer } = options.checkpoint;
  const sampler = new AnswerSampler(options, model);
  const { rank, ranks } = parallel ?? { rank: 0, ranks: 1 };
  const sumOver = (numbers: readonly number[]) => parallel?.sum(numbers) ?? numbers;
  if (rank === 0) {
    await writeRunInfo(folder, model, { steps: numIterations, tokensPerStep: null, settings });
  }
  using log = rank === 0 ? await MetricsLog.open(`${folder}/metrics.jsonl`, 0) : null;
  let seconds = 0;
  for (let step = 0;; step++) {
    const isLast = step === numIterations;
    // A signal to any rank stops all of them.
    const exitCodes = inPlaceOfRank(exitCodeOf(signal), { rank, ranks });
    const exitCode = Math.max(...sumOver(exitCodes));
    const isStopping = exitCode > 0;
    const isDue = (every: number) => every > 0 && (isLast || step % every === 0);
    if (validation !== undefined && isDue(evalEvery) && !isStopping) {
      const estimate = await model.device.inF32(() => sampler.measure(validation));
      log?.append({
        ...{ kind: "evaluation", step },
        ...Object.fromEntries(estimate.map((value, i) => [`pass@${i + 1}`, value])),
      });
      yield { kind: "evaluation", step, passAtK: estimate };
    }
    if (step > 0 && (isLast || isStopping || isDue(saveEvery))) {
      const state = { ...untrained, step, seconds };
      const path = rank === 0
        ? await saveCheckpoint(folder, { model, tokenizer, state, settings, steps: numIterations })
        : folder;
      yield { kind: "checkpoint", step, path };
    }
    if (isLast || isStopping) {
      yield { kind: "end", step, finished: isLast, exitCode: isLast ? 0 : exitCode };
      return;
    }
    const start = performance.now();
    const groups: Group[] = [];
    for (let i = rank; i < examplesPerStep; i += ranks) {
      const group = await sampler.ask(task, (step * examplesPerStep + i) % task.length, step);
      addGradients(model, group, tokenizer, options, examplesPerStep);
      groups.push(group);
    }
    const learningRateMultiplier = 1 - step / numIterations;
    for (const parameters of optimizer.groups) {
      parameters.lr = parameters.initialLr * initialFraction * learningRateMultiplier;
    }
    const rollouts = groups.flatMap(({ prompt, rollouts }) =>
      rollouts.map(({ ids, reward }) => ({ length: prompt.length + ids.length, reward }))
    );
    const [reward, length, silent] = sumOver([
      sum(rollouts.map(({ reward }) => reward)),
      sum(rollouts.map(({ length }) => length)),
      groups.filter(hasNoSignal).length,
    ]) as [number, number, number];
    if (silent < examplesPerStep) {
      for (const parameter of model.parameters().values()) {
        // Another rank has gradients, if this one has none.
        parameter.grad ??= Tensor.zeros(parameter.device, parameter.shape).keep();
      }
      await optimizer.step();
    }
    optimizer.zeroGrad();
    const answers = examplesPerStep * (options.numSamples ?? 16);
    const event: ReinforceStep = {
      ...{ kind: "step", step, learningRateMultiplier },
      ...{ reward: reward / answers, sequenceLength: length / answers },
      withoutSignal: silent / examplesPerStep,
      seconds: (performance.now() - start) / 1000,
    };
    seconds += event.seconds;
    log?.append({ ...event });
    yield event;
  }
}

/** A question and the answers that were sampled to it. */
interface Group {
  readonly prompt: readonly number[];
  readonly rollouts: readonly Rollout[];
}

/** Whether all answers have the same reward: the gradient is 0 then. */
function hasNoSignal({ rollouts }: Group): boolean {
  return rollouts.every(({ reward }) => reward === rollouts[0]!.reward);
}

/** Asks the model questions. */
class AnswerSampler {
  readonly #options: ReinforceOptions;
  readonly #model: TrainableModel;
  readonly #engine: Engine;

  constructor(options: ReinforceOptions, model: TrainableModel) {
    this.#options = options;
    this.#model = model;
    this.#engine = new Engine(model, options.checkpoint.tokenizer);
  }

  /** Samples answers to a question, in batches, each with a seed of its own. */
  async ask(task: GenerativeTask, index: number, step: number): Promise<Group> {
    const { numSamples = 16, deviceBatchSize = 8, maxNewTokens = 256, seed = 42 } = this.#options;
    const { temperature = 1, topK = 50, learnsToEnd = true } = this.#options;
    const { tokenizer } = this.#options.checkpoint;
    const problem = task.get(index);
    const prompt = renderForCompletion(tokenizer, problem);
    const maxTokens = Math.min(maxNewTokens, this.#model.maximumLength - prompt.length - 1);
    const end = tokenizer.special("<|assistant_end|>");
    const rollouts: Rollout[] = [];
    for (let batch = 0; batch < numSamples / deviceBatchSize; batch++) {
      const { tokens, masks } = await this.#engine.generateBatch(prompt, {
        ...{ samples: deviceBatchSize, maxTokens, temperature, topK },
        seed: deriveSeed(deriveSeed(deriveSeed(seed, step + 1), index), batch),
      });
      for (const [row, all] of tokens.entries()) {
        const ids = all.slice(prompt.length);
        const mask = masks[row]!.slice(prompt.length);
        const reward = await task.isRight(problem, tokenizer.decode(ids)) ? 1 : 0;
        // The engine leaves the ending token out; an answer that was cut off has none.
        if (learnsToEnd && ids.length < maxTokens) {
          ids.push(end);
          mask.push(1);
        }
        rollouts.push({ ids, mask, reward });
      }
    }
    return { prompt, rollouts };
  }

  /** The unbiased estimate of pass@k, for k up to the size of a batch. */
  async measure(task: GenerativeTask): Promise<number[]> {
    const { evalExamples = 400, deviceBatchSize = 8 } = this.#options;
    const questions = Math.min(evalExamples, task.length);
    const sums = new Array<number>(deviceBatchSize).fill(0);
    const sampler = new AnswerSampler(
      { ...this.#options, numSamples: deviceBatchSize },
      this.#model,
    );
    const { rank, ranks } = this.#options.parallel ?? { rank: 0, ranks: 1 };
    for (let index = rank; index < questions; index += ranks) {
      // Steps of training count from 0.
      const { rollouts } = await sampler.ask(task, index, -1);
      const right = rollouts.filter(({ reward }) => reward === 1).length;
      for (let k = 1; k <= deviceBatchSize; k++) sums[k - 1]! += passAtK(rollouts.length, right, k);
    }
    const all = this.#options.parallel?.sum(sums) ?? sums;
    return all.map((sum) => sum / questions);
  }
}

/** Adds the gradients of a group, a batch of answers at a time. */
function addGradients(
  model: TrainableModel,
  group: Group,
  tokenizer: Tokenizer,
  { deviceBatchSize = 8 }: ReinforceOptions,
  questions: number,
): void {
  if (hasNoSignal(group)) return;
  const { prompt, rollouts } = group;
  const advantages = advantagesOf(rollouts.map(({ reward }) => reward));
  const width = prompt.length + Math.max(...rollouts.map(({ ids }) => ids.length));
  const padding = tokenizer.special("<|assistant_end|>");
  const passes = rollouts.length / deviceBatchSize;
  for (let first = 0; first < rollouts.length; first += deviceBatchSize) {
    using _scope = model.device.scope();
    const rows = rollouts.slice(first, first + deviceBatchSize);
    const batch = rolloutBatch(prompt, rows, width, padding);
    const loss = policyGradientLoss(model, batch, advantages.slice(first, first + rows.length));
    loss.div(passes * questions).backward();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
