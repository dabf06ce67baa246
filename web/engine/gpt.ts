/**
 * Training a small GPT on a text: the loop, the model and the checkpoints of `deno task train`.
 *
 * @module
 */

import { RandomCropLoader, SequentialLoader } from "../../data/browser.ts";
import {
  digestOf,
  encodeModel,
  evaluateBitsPerByte,
  formatMeta,
  GPT,
  planTraining,
  pretrainingSchedule,
  train,
  type TrainingState,
  writeTexts,
} from "../../gpt/browser.ts";
import type { Device } from "../../tensor/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { taskLines, type TextTask } from "./texts.ts";

/** What is trained, and on what: all that a link holds, and the reader's text. */
export interface GptSpec {
  /** The text. */
  readonly task: TextTask;
  /** The reader's text, for the task `own`. */
  readonly own: string;
  /** Tokens that are merged from bytes; 0 for a token a byte. */
  readonly merges: number;
  /** Number of layers. */
  readonly depth: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Attention heads of each layer. */
  readonly heads: number;
  /** Context length, in tokens. */
  readonly context: number;
  /** Random seed of the parameters and the batches. */
  readonly seed: number;
  /** The number of steps. */
  readonly steps: number;
}

/** What the page hears while a GPT trains. */
export type GptProgress =
  | {
    readonly kind: "start";
    readonly parameters: number;
    readonly vocabSize: number;
    /** Some of the merged tokens, the last ones first. */
    readonly merged: readonly string[];
    /** Mean bytes of text that a token stands for. */
    readonly bytesPerToken: number;
  }
  | {
    readonly kind: "step";
    readonly step: number;
    readonly loss: number;
    readonly smoothLoss: number;
  }
  | { readonly kind: "evaluation"; readonly step: number; readonly bitsPerByte: number }
  | { readonly kind: "samples"; readonly step: number; readonly texts: readonly string[] }
  /** The trained model as files that `deno task sample` reads. */
  | { readonly kind: "files"; readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>> };

/** Sequences of a batch. */
const BATCH = 8;
/** Steps between samples and evaluations. */
const EVERY = 50;
/** Lines of a task. */
const LINES = 4000;
/** Bytes and special tokens, without merges. */
const BYTE_TOKENS = 265;
/** Maximum number of validation batches. */
const VALIDATION_BATCHES = 4;

/**
 * Trains a GPT, and tells how it goes. The last tenth of the text is for validation.
 *
 * @param device Where it is computed.
 * @param spec The model and its text.
 * @param signal Ends the training between two steps.
 * @throws {RangeError} If the text is too short for the context, or a number makes no sense.
 */
export async function* trainGpt(
  device: Device,
  spec: GptSpec,
  signal: AbortSignal,
): AsyncGenerator<GptProgress> {
  const { task, own, merges, depth, width, heads, context, seed, steps } = spec;
  const text = task === "own" ? own : taskLines(task, seed, LINES).join("\n");
  const tokenizer = await Tokenizer.train([text], { vocabSize: BYTE_TOKENS + merges });
  const tokens = Int32Array.from(tokenizer.encode(text));
  const cut = Math.floor(0.9 * tokens.length);
  const size = { batchSize: BATCH, sequenceLength: context };
  if (tokens.length - cut <= BATCH * context) {
    throw new RangeError(
      `Cannot train the GPT: wanted a text of more than ${10 * BATCH * context} tokens, got ` +
        `${tokens.length}; take a longer text or a shorter context`,
    );
  }
  const plan = planTraining({
    depth,
    vocabSize: tokenizer.vocabSize,
    // The plan rounds the width up to whole heads.
    aspectRatio: Math.floor(width / depth),
    headDim: width / heads,
    maxSeqLen: context,
    windowPattern: "L",
    deviceBatchSize: BATCH,
    totalBatchSize: BATCH * context,
    numIterations: steps,
  });
  const model = new GPT(plan.config, device, { seed });
  // The learning rates as tuned: scaled to batches this small, they would be tiny.
  const learningRates = { unembeddingLr: 0.008, embeddingLr: 0.3, matrixLr: 0.02, scalarLr: 0.5 };
  const optimizer = model.optimizer({ ...learningRates, weightDecay: 0 });
  yield {
    kind: "start",
    parameters: [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0),
    vocabSize: tokenizer.vocabSize,
    merged: tokenizer.merges.slice(-12).reverse().map((pair) => tokenizer.decode(pair)),
    bytesPerToken: new TextEncoder().encode(text).length / tokens.length,
  };
  const validation = tokens.subarray(cut, cut + VALIDATION_BATCHES * BATCH * context + 1);
  const events = train({
    model,
    optimizer,
    plan,
    loader: new RandomCropLoader({ tokens: tokens.subarray(0, cut), seed, ...size }),
    setLearningRates: pretrainingSchedule({
      ...plan,
      learningRates: { ...plan.learningRates, weightDecay: 0 },
    }),
    evaluate: {
      every: EVERY,
      run: () =>
        evaluateBitsPerByte(
          model,
          new SequentialLoader({ tokens: validation, ...size }),
          tokenizer.tokenBytes(),
        ),
    },
    sample: { every: EVERY, run: () => sample(model, tokenizer, seed) },
    readInterval: 60,
    signal,
  });
  for await (const event of events) {
    if (event.kind === "step") {
      const { step, loss, smoothLoss } = event;
      yield { kind: "step", step: step + 1, loss, smoothLoss };
    } else if (event.kind === "evaluation" || event.kind === "samples") yield event;
    else if (event.kind === "end") {
      yield { kind: "files", files: await filesOf(model, tokenizer, event.state, spec) };
    }
  }
  for (const parameter of model.parameters().values()) parameter.dispose();
}

/** Text after a line break: a whole line of a task. */
function sample(model: GPT, tokenizer: Tokenizer, seed: number): Promise<string[]> {
  const maxTokens = Math.min(48, model.maximumLength - 2);
  return writeTexts(model, tokenizer, "\n", { samples: 2, maxTokens, temperature: 0.7, seed });
}

/** The files of a checkpoint that cannot be resumed: it has no optimizer state. */
async function filesOf(
  model: GPT,
  tokenizer: Tokenizer,
  state: TrainingState,
  { own: _own, ...settings }: GptSpec,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const encoder = new TextEncoder();
  const bytes = await encodeModel(model) as Uint8Array<ArrayBuffer>;
  const json = encoder.encode(JSON.stringify(tokenizer.toJSON()));
  const meta = await formatMeta({
    format: "nanodino-checkpoint-1",
    savedAt: new Date().toISOString(),
    modelConfig: model.config,
    settings,
    state,
    files: { model: await digestOf(bytes), tokenizer: await digestOf(json) },
  });
  const step = `${state.step}`.padStart(6, "0");
  return new Map([
    [`meta_${step}.json`, encoder.encode(meta)],
    [`model_${step}.safetensors`, bytes],
    [`tokenizer_${step}.json`, json],
  ]);
}
