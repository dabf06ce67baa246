/** Pretraining from a corpus to checkpoints: puts all parts of a run together. @module */

import {
  type Encoder,
  type Loader,
  openings,
  PackedLoader,
  type PackedState,
  RandomCropLoader,
  type RandomCropState,
  readTokenStream,
  SequentialLoader,
  SharedLoader,
  type Source,
  type Split,
} from "../../data/mod.ts";
import { GradScaler, MuonAdamW, type ShardedMuonAdamW } from "../../optim/mod.ts";
import type { Device, FloatType } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { nanochatConfig } from "../files/architecture.ts";
import { type Checkpoint, loadModel, loadOptimizer } from "../files/checkpoint.ts";
import type { GPTConfig } from "../model/config.ts";
import { evaluateBitsPerByte } from "./evaluate.ts";
import { evaluationRows, type LoaderKind } from "./evaluation_rows.ts";
import { ensureRunFolder } from "../files/files.ts";
import { GPT } from "../model/model.ts";
import type { TrainableModel } from "../generate/language_model.ts";
import { pretrainingSchedule } from "./loop.ts";
import type { TrainingPlan } from "./scaling.ts";
import { type FolderRunOptions, trainInFolder } from "./folder_run.ts";
import {
  type Measurement,
  type Periodic,
  type TrainingEvent,
  type TrainingState,
  untrained,
} from "./run.ts";
import { likelyTexts } from "../generate/write_text.ts";

/** Prompts of a run's samples. */
const PROMPTS = 5;

/** Options for {@linkcode preparePretraining}. */
export interface PretrainOptions
  extends
    Pick<FolderRunOptions, "saveEvery" | "saveSeconds" | "wantsSave" | "lock" | "settings">,
    Pick<FolderRunOptions, "chatTemplate">,
    Pick<FolderRunOptions, "tokenizer" | "folder" | "signal" | "profile" | "parallel"> {
  /** The device to train on. */
  readonly device: Device;
  /** The corpus. */
  readonly source: Source;
  /** The shape of a nanochat model, the length of the run and its learning rates. */
  readonly plan: PretrainPlan;
  /**
   * Makes another model than nanochat's, before the first step of a run.
   *
   * @param seed The seed of its initial values; `null` for zeros, as rank 0 has the values.
   */
  readonly build?: ((seed: number | null) => TrainableModel) | undefined;
  /** Rows per batch. */
  readonly deviceBatchSize: number;
  /** How rows are cut from the corpus. */
  readonly loader: LoaderKind;
  /** Documents that the packed loader chooses from, see {@linkcode PackedLoader}. @default {1000} */
  readonly bufferSize?: number | undefined;
  /** The dtype of activations; `float16` trains with loss scaling. @default {"float32"} */
  readonly computeDtype?: FloatType;
  /** Seed of the initial values and of the order of the data. */
  readonly seed: number;
  /** Steps until rows have their full length, see `LoopOptions`. @default {0} */
  readonly lengthWarmupSteps?: number | undefined;
  /** The learning rate schedule. */
  readonly schedule?: Parameters<typeof pretrainingSchedule>[1];
  /** Steps between evaluations; −1 for never. */
  readonly evalEvery: number;
  /** Steps between samples of text; −1 for never. */
  readonly sampleEvery: number;
  /** Another measurement at intervals, and after the last step. */
  readonly measure?: Periodic<(model: TrainableModel) => Promise<Measurement>>;
  /** Maximum tokens of the validation split to predict in an evaluation. */
  readonly evalTokens: number;
  /** The checkpoint to resume from. */
  readonly checkpoint?: Checkpoint | undefined;
}

/** The parts of a plan that a run needs. */
export interface PretrainPlan
  extends
    Pick<TrainingPlan, "numIterations" | "learningRates" | "totalBatchSize" | "gradAccumSteps"> {
  /** Tokens of a row; and, unless another model is built, the shape of nanochat's. */
  readonly config: GPTConfig | Pick<GPTConfig, "sequenceLen">;
}

/** A run that is ready to start. */
export interface Pretraining {
  /** The model. */
  readonly model: TrainableModel;
  /** The first step. */
  readonly firstStep: number;
  /** Beginnings of held-out documents, which samples continue. */
  readonly prompts: readonly string[];
  /** Evaluates on the validation split, in bits per byte. */
  evaluate(): Promise<number>;
  /** Trains to the end or the signal, see {@linkcode train}, and writes metrics. */
  run(): AsyncGenerator<TrainingEvent, void, void>;
}

/**
 * Builds everything that a run needs, so that errors show before it starts.
 *
 * @throws {Error} If the corpus cannot be read, the folder cannot be written to, or the checkpoint
 * does not match the plan.
 * @throws {RangeError} If the corpus is shorter than a batch, or the device is out of memory.
 *
 * @example From a corpus to a checkpoint
 * ```ts
 * import { listSource } from "../../data/mod.ts";
 * import { openDevice } from "../../tensor/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { preparePretraining } from "./pretrain.ts";
 * import { planTraining } from "./scaling.ts";
 *
 * const texts = Array.from({ length: 20 }, (_, i) => `The union has ${i} states. `.repeat(5));
 * const tokenizer = await Tokenizer.train(texts, { vocabSize: 280 });
 * const size = { maxSeqLen: 16, deviceBatchSize: 2, totalBatchSize: 32, numIterations: 3 };
 * const pretraining = await preparePretraining({
 *   device: await openDevice("cpu", { threads: 1, blas: false }),
 *   source: listSource("states", texts, 2),
 *   tokenizer,
 *   folder: await Deno.makeTempDir(),
 *   plan: planTraining({ depth: 1, vocabSize: 280, aspectRatio: 32, headDim: 32, ...size }),
 *   deviceBatchSize: 2,
 *   loader: "packed",
 *   seed: 42,
 *   evalEvery: -1,
 *   sampleEvery: -1,
 *   saveEvery: -1,
 *   evalTokens: 1000,
 * });
 * for await (const event of pretraining.run()) {
 *   if (event.kind === "checkpoint") console.log(event.path);
 * }
 * ```
 */
export async function preparePretraining(options: PretrainOptions): Promise<Pretraining> {
  const { source, tokenizer, folder, plan, deviceBatchSize, signal, parallel } = options;
  if (parallel === undefined || parallel.rank === 0) await ensureRunFolder(folder);
  const encoder = encoderOf(tokenizer);
  const batch = { batchSize: deviceBatchSize, sequenceLength: plan.config.sequenceLen };
  const state = options.checkpoint?.meta.state ?? untrained;

  const split = await source.open("train");
  parallel?.checkSame("the corpus", `${split.name} (${split.fingerprint})`);
  const loader = await openLoader(split, encoder, batch, options);
  const validation = await source.open("validation");
  const rows = await evaluationRows(validation, encoder, {
    loader: options.loader,
    sequenceLength: batch.sequenceLength,
    maximumTokens: options.evalTokens,
  });
  const prompts = await openings(validation, PROMPTS);
  const { model, optimizer } = await openModel(options);

  const evaluate = () =>
    evaluateBitsPerByte(
      model,
      new SequentialLoader({ ...rows, batchSize: deviceBatchSize }),
      tokenizer.tokenBytes(),
      { signal, parallel },
    );
  const sample = () => likelyTexts(model, tokenizer, prompts);
  // Rank 0 alone writes texts and measures, while the others wait for it in the next step.
  const isFirst = (parallel?.rank ?? 0) === 0;
  return {
    model,
    firstStep: state.step,
    prompts,
    evaluate,
    run: () =>
      trainInFolder({
        ...options,
        plan: { ...plan, flopsPerToken: model.flopsPerToken },
        prompts,
        model,
        optimizer,
        scaler: scalerFor(model, state),
        loader: parallel === undefined ? loader : new SharedLoader(loader, parallel),
        state,
        setLearningRates: pretrainingSchedule(plan, options.schedule),
        evaluate: { every: options.evalEvery, run: evaluate },
        sample: { every: isFirst ? options.sampleEvery : -1, run: sample },
        measure: {
          every: isFirst ? options.measure?.every ?? -1 : -1,
          run: () => options.measure!.run(model),
        },
      }),
  };
}

/** The interface that loaders need of a tokenizer. */
export function encoderOf(tokenizer: Tokenizer): Encoder {
  const { documentStart, vocabSize } = tokenizer;
  return { encode: (text) => tokenizer.encode(text), bos: documentStart, vocabSize };
}

async function openLoader(
  split: Split,
  encoder: Encoder,
  batch: { batchSize: number; sequenceLength: number },
  { loader, bufferSize, seed, checkpoint }: PretrainOptions,
): Promise<Loader<unknown>> {
  // Loaders validate a state before they use it.
  const saved = checkpoint?.meta.state.loader ?? null;
  if (loader === "random") {
    const { tokens } = await readTokenStream(split, encoder);
    const state = saved === null ? {} : { state: saved as RandomCropState };
    const { name, fingerprint: corpus } = split;
    return new RandomCropLoader({ tokens, name, seed, corpus, ...batch, ...state });
  }
  const state = saved === null ? {} : { state: saved as PackedState };
  return await PackedLoader.open({ split, encoder, seed, bufferSize, ...batch, ...state });
}

/** On several ranks, rank 0 has the parameters and reads the files. */
async function openModel(
  options: PretrainOptions,
): Promise<{ model: TrainableModel; optimizer: MuonAdamW | ShardedMuonAdamW }> {
  const { device, plan, checkpoint, computeDtype = "float32", parallel } = options;
  const { build = (seed) => new GPT(plan.config as GPTConfig, device, { seed, computeDtype }) } =
    options;
  if (checkpoint !== undefined) checkSameShape(plan.config, checkpoint);
  const seed = (parallel?.rank ?? 0) === 0 ? options.seed : null;
  const model = checkpoint === undefined
    ? build(seed)
    : await (parallel ?? { loadModel }).loadModel(checkpoint, device, { computeDtype });
  if (plan.config.sequenceLen > model.maximumLength) {
    throw new RangeError(
      `Cannot train: wanted rows of at most ${model.maximumLength} tokens, got ` +
        `${plan.config.sequenceLen}`,
    );
  }
  const optimizer = parallel?.optimizer(model, plan.learningRates) ??
    new MuonAdamW(model.optimizerGroups(plan.learningRates));
  if (checkpoint === undefined) await parallel?.shareParameters(model);
  else if (optimizer instanceof MuonAdamW) await loadOptimizer(checkpoint, optimizer, device);
  else await parallel!.loadOptimizer(checkpoint, optimizer, device);
  return { model, optimizer };
}

/** The loss scaler of a model in half precision, in the run's state. */
function scalerFor({ computeDtype }: TrainableModel, state: TrainingState): GradScaler | undefined {
  if (computeDtype !== "float16") return undefined;
  const scaler = new GradScaler();
  if (state.scaler !== null) scaler.loadStateDict(state.scaler);
  return scaler;
}

function checkSameShape(wanted: PretrainPlan["config"], { folder, meta }: Checkpoint): void {
  // Of other models, flags do not tell the shape.
  if (meta.architecture !== undefined) return;
  const saved = nanochatConfig(meta);
  for (const name of Object.keys(wanted) as (keyof PretrainPlan["config"])[]) {
    if (wanted[name] === saved[name]) continue;
    throw new RangeError(
      `Cannot resume from ${folder}: wanted a model with ${name} ${wanted[name]}, got ` +
        `${saved[name]}`,
    );
  }
}
