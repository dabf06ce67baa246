/**
 * Training a small GPT on a text: the loop, the model and the checkpoints of `deno task train`.
 *
 * @module
 */

import { RandomCropLoader, type RandomCropState, SequentialLoader } from "../../data/browser.ts";
import {
  decodeOptimizer,
  evaluateBitsPerByte,
  GPT,
  planTraining,
  pretrainingSchedule,
  type SetLearningRates,
  train,
  type TrainingEvent,
  type TrainingPlan,
  type TrainOptions,
  untrained,
  writeTexts,
} from "../../gpt/browser.ts";
import { parameterCounts } from "../../gpt/browser_internals.ts";
import { cosineSchedule, MuonAdamW, SGD } from "../../optim/mod.ts";
import { type Device, noGrad, stack, Tensor } from "../../tensor/mod.ts";
import { SPLIT_PATTERN, Tokenizer } from "../../tokenizer/mod.ts";
import { checkpointFiles, free, type ModelFiles, openModel } from "./inside.ts";
import { type GptSpec, specOf, type TextTask } from "./gpt_spec.ts";
import { questionOf, taskLines } from "./texts.ts";

/** A run to start, or one to go on with. */
export type GptTask =
  & (
    | { readonly spec: GptSpec }
    /** The files of a checkpoint that this page made, and the reader's text if it was trained on it. */
    | { readonly from: ModelFiles; readonly own: string }
  )
  /** Steps to take now; by default all that are left. */
  & { readonly steps?: number };

/** Messages sent to the page during training. */
export type GptProgress =
  | ReturnType<typeof describe> & {
    readonly kind: "start";
    readonly spec: GptSpec;
    /** The steps that were done before. */
    readonly step: number;
    readonly parameters: number;
  }
  | {
    readonly kind: "step";
    readonly step: number;
    readonly loss: number;
    readonly smoothLoss: number;
  }
  /** Norms of the gradients of the layers' matrices, by the names of the parameters. */
  | {
    readonly kind: "gradients";
    readonly step: number;
    readonly norms: ReadonlyMap<string, number>;
  }
  /** A measurement is the share of right answers to questions that the training text does not contain. */
  | TrainingEvent & { readonly kind: "evaluation" | "samples" | "measurement" }
  /** The run so far as a checkpoint, which `deno task sample` reads. */
  | { readonly kind: "files"; readonly step: number; readonly files: ModelFiles };

/** Sequences of a batch. */
export const BATCH = 8;
/** Steps between samples and evaluations. */
const EVERY = 50;
/** Steps between gradient norms; a step that is taken alone has them, too. */
const GRADIENTS_EVERY = 10;
const LINES = 4000;
/** Bytes and special tokens, without merges. */
const BYTE_TOKENS = 265;
/** Maximum number of validation batches. */
const VALIDATION_BATCHES = 4;

/** nanochat's pattern, with each digit for itself, so that sums are copied digit by digit. */
const ONE_DIGIT_PATTERN = SPLIT_PATTERN.replace("{N}{1,2}", "{N}");

/** Maximum number of questions that are asked. */
const QUESTIONS = 20;
/** Tokens of the text that are shown. */
const SHOWN_TOKENS = 40;

/**
 * Trains a GPT, and tells how it goes. The last tenth of the text is for validation. A run that was
 * stopped goes on from its last files as if it had not been.
 *
 * @param device Where it is computed.
 * @param task The model and its text, or the files of a checkpoint.
 * @param signal Ends the training between two steps, with files.
 * @throws {RangeError} If the text is too short for the context, or a number makes no sense.
 * @throws {Error} If files are damaged, or of a model that was not trained here or on another text.
 */
export async function* trainGpt(
  device: Device,
  task: GptTask,
  signal: AbortSignal,
): AsyncGenerator<GptProgress> {
  const run = await openRun(device, task);
  const { spec, settings, tokenizer, plan, model, optimizer, state } = run;
  yield {
    kind: "start",
    spec,
    step: state.step,
    parameters: parameterCounts(plan.config).total,
    ...describe(tokenizer, run.tokens),
  };
  const limit = new AbortController();
  if (task.steps === 0) limit.abort();
  let files: ModelFiles = new Map();
  const gradients = new Map<number, Tensor>();
  const events = train({
    ...optionsOf(run),
    onGradients: (step) => {
      const isShown = task.steps === 1 || (step + 1) % GRADIENTS_EVERY === 0;
      if (isShown) gradients.set(step, gradientNorms(model));
    },
    save: {
      every: EVERY,
      run: async (state) => {
        const steps = plan.numIterations;
        files = await checkpointFiles({ model, optimizer, tokenizer, settings, state, steps });
        return "";
      },
    },
    readInterval: task.steps === undefined ? 60 : 0,
    signal: AbortSignal.any([signal, limit.signal]),
  });
  for await (const event of events) {
    if (event.kind === "step") {
      const { step, loss, smoothLoss } = event;
      if (step + 1 - state.step === task.steps) limit.abort();
      yield { kind: "step", step: step + 1, loss, smoothLoss };
      const read = gradients.get(step);
      if (read === undefined) continue;
      yield { kind: "gradients", step: step + 1, norms: await readNorms(model, read) };
      gradients.delete(step);
    } else if (event.kind === "checkpoint") yield { kind: "files", step: event.step, files };
    else if (
      event.kind === "evaluation" || event.kind === "samples" || event.kind === "measurement"
    ) yield event;
  }
  free(model);
  for (const value of optimizer.stateDict().values()) if (value instanceof Tensor) value.dispose();
}

/** All that a run needs, from its settings or from the files of an earlier one. */
type Run = Awaited<ReturnType<typeof openRun>>;

async function openRun(device: Device, task: GptTask) {
  const kept = "from" in task ? await openModel(device, task.from, true) : null;
  const spec = "from" in task ? specOf(kept!.meta.settings, task.own) : task.spec;
  const { own: _own, ...settings } = spec;
  const { lines, tokenizer, tokens, cut } = await tokenize(spec);
  if (kept !== null && JSON.stringify(kept.tokenizer) !== JSON.stringify(tokenizer)) {
    throw new Error("Cannot go on: wanted the text that the model was trained on, got another");
  }
  const plan = planOf(spec, tokenizer.vocabSize);
  const model = kept?.model ?? new GPT(plan.config, device, { seed: spec.seed });
  const optimizer = optimizerOf(model, spec);
  const optim = kept?.optim ?? null;
  if (optim !== null) decodeOptimizer(optim, optimizer, device);
  const state = kept?.meta.state ?? untrained;
  return { spec, settings, lines, tokenizer, tokens, cut, plan, model, optimizer, state };
}

/** The options of a run, which evaluates, samples and measures every 50 steps. */
function optionsOf(
  { spec, lines, tokenizer, tokens, cut, plan, model, optimizer, state }: Run,
): TrainOptions {
  const { context, seed } = spec;
  const size = { batchSize: BATCH, sequenceLength: context };
  const validation = tokens.subarray(cut, cut + VALIDATION_BATCHES * BATCH * context + 1);
  const questions = questionsOf(spec, lines);
  return {
    model,
    optimizer,
    plan,
    state,
    loader: new RandomCropLoader({
      tokens: tokens.subarray(0, cut),
      seed,
      ...size,
      ...(state.loader === null ? {} : { state: state.loader as RandomCropState }),
    }),
    setLearningRates: scheduleOf(plan, spec.schedule),
    evaluate: {
      every: EVERY,
      run: () =>
        evaluateBitsPerByte(
          model,
          new SequentialLoader({ tokens: validation, ...size }),
          tokenizer.tokenBytes(),
        ),
    },
    sample: { every: EVERY, run: () => sample(model, tokenizer, spec) },
    ...(questions.length > 0 && {
      measure: {
        every: EVERY,
        run: async () => ({ share: await accuracyOf(model, tokenizer, questions) }),
      },
    }),
  };
}

/** The text of a run in tokens, of which those from `cut` on are for validation. @throws {RangeError} If it is too short for the context. */
async function tokenize({ task, own, seed, merges, context }: GptSpec) {
  const lines = isGiven(task) ? [own] : taskLines(task, seed, LINES);
  const text = lines.join("\n");
  const tokenizer = await Tokenizer.train([text], {
    vocabSize: BYTE_TOKENS + merges,
    ...task === "animals" && { pattern: ONE_DIGIT_PATTERN },
  });
  // Stories are documents: the token that begins each of them says where the one before has ended.
  const documents = task === "stories" ? text.split("\n\n") : [text];
  const begin = task === "stories" ? { prepend: tokenizer.bos } : {};
  const tokens = Int32Array.from(documents.flatMap((one) => tokenizer.encode(one, begin)));
  const cut = Math.floor(0.9 * tokens.length);
  if (tokens.length - cut > BATCH * context) return { lines, tokenizer, tokens, cut };
  throw new RangeError(
    `Cannot train the GPT: wanted a text of more than ${10 * BATCH * context} tokens, got ` +
      `${tokens.length}; take a longer text or a shorter context`,
  );
}

/** Whether the text of a task comes with the run. */
function isGiven(task: TextTask): task is "stories" | "own" {
  return task === "stories" || task === "own";
}

/** The tokens as the page shows them. */
function describe(tokenizer: Tokenizer, tokens: Int32Array) {
  const textOf = (id: number) => tokenizer.decode([id]);
  const bytes = tokenizer.tokenBytes();
  return {
    vocabSize: tokenizer.vocabSize,
    /** In the order learned: two tokens that become one. */
    merges: tokenizer.merges.map(([left, right]) => [textOf(left), textOf(right)] as const),
    /** The first tokens of the text. */
    tokens: Array.from(tokens.subarray(0, SHOWN_TOKENS), textOf),
    /** Mean bytes of text that a token stands for. */
    bytesPerToken: tokens.reduce((sum, id) => sum + bytes[id]!, 0) / tokens.length,
  };
}

/** Questions that are not in the text; none about texts that ask nothing. */
function questionsOf({ task, seed }: GptSpec, lines: readonly string[]) {
  const known = new Set(lines);
  const others = isGiven(task) ? [] : taskLines(task, seed + 1, LINES);
  return others.filter((line) => !known.has(line)).map(questionOf)
    .filter((question) => question !== null).slice(0, QUESTIONS);
}

function planOf({ depth, width, heads, context, steps }: GptSpec, vocabSize: number): TrainingPlan {
  return planTraining({
    depth,
    vocabSize,
    // The plan rounds the width up to whole heads.
    aspectRatio: Math.floor(width / depth),
    headDim: width / heads,
    maxSeqLen: context,
    windowPattern: "L",
    deviceBatchSize: BATCH,
    totalBatchSize: BATCH * context,
    numIterations: steps,
  });
}

function optimizerOf(model: GPT, { optimizer, rate }: GptSpec): MuonAdamW | SGD {
  if (optimizer === "sgd") return new SGD(model.parameters(), { lr: rate, momentum: 0.9 });
  if (optimizer === "adamw") {
    const parameters = model.parameters();
    return new MuonAdamW([{ kind: "adamw", parameters, lr: 0.01 * rate, weightDecay: 0 }]);
  }
  // The learning rates as tuned: scaled to batches this small, they would be tiny.
  return model.optimizer({
    unembeddingLr: 0.008 * rate,
    embeddingLr: 0.3 * rate,
    matrixLr: 0.02 * rate,
    scalarLr: 0.5 * rate,
    weightDecay: 0,
  });
}

function scheduleOf(plan: TrainingPlan, schedule: GptSpec["schedule"]): SetLearningRates {
  const run = { ...plan, learningRates: { ...plan.learningRates, weightDecay: 0 } };
  if (schedule === "trapezoid") return pretrainingSchedule(run);
  const constant = pretrainingSchedule(run, { warmupSteps: 0, warmdownRatio: 0 });
  if (schedule === "constant") return constant;
  return (optimizer, step) => {
    constant(optimizer, step);
    const multiplier = cosineSchedule(step, plan.numIterations, 1, 0.05);
    for (const group of optimizer.groups) group.lr = group.initialLr * multiplier;
    return multiplier;
  };
}

/** The weights of the layers' matrices, by the names of the parameters. */
function matricesOf(model: GPT): (readonly [name: string, weight: Tensor])[] {
  return [...model.parameters()].filter(([name]) => /^transformer\.h\..*\.weight$/.test(name));
}

/** The norm of the gradient of each matrix, on the device. */
function gradientNorms(model: GPT): Tensor {
  using scope = model.device.scope();
  return scope.keep(
    noGrad(() => stack(matricesOf(model).map(([, { grad }]) => grad!.square().sum().sqrt()))),
  );
}

/** The norms by the names of the parameters; frees them on the device. */
async function readNorms(model: GPT, norms: Tensor): Promise<Map<string, number>> {
  const read = await norms.data();
  norms.dispose();
  return new Map(matricesOf(model).map(([name], i) => [name, Number(read[i])]));
}

/** Text after a line break, which is a whole line of a task; or a story. */
function sample(
  model: GPT,
  tokenizer: Tokenizer,
  { task, seed }: GptSpec,
): Promise<string[]> {
  const isStory = task === "stories";
  const maxTokens = Math.min(isStory ? 64 : 48, model.maximumLength - 2);
  const options = { samples: 2, maxTokens, temperature: 0.7, seed };
  return writeTexts(model, tokenizer, isStory ? "" : "\n", options);
}

/** The share of questions whose likeliest answer is right. */
async function accuracyOf(
  model: GPT,
  tokenizer: Tokenizer,
  questions: readonly (readonly [question: string, answer: string])[],
): Promise<number> {
  let right = 0;
  for (const [question, answer] of questions) {
    const options = { maxTokens: answer.length + 1, temperature: 0 };
    const [text] = await writeTexts(model, tokenizer, `\n${question}`, options);
    if (text!.split("\n")[0] === answer) right++;
  }
  return right / questions.length;
}
