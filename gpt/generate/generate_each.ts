/** Generation from many prompts, many sequences at a time. @module */

import { checkThat } from "../../tensor/checks.ts";
import { wrongValue } from "../../tensor/errors.ts";
import { noGrad, Tensor } from "../../tensor/mod.ts";
import type { KVCache } from "../model/kv_cache.ts";
import { chunked } from "./chunked.ts";
import { decodeSequences } from "./decode_sequences.ts";
import type { LanguageModel } from "./language_model.ts";
import { type EngineTokenizer, generationTokens, RowState } from "./row_state.ts";
import { type RowToSample, sampleRows } from "./sample_rows.ts";
import { checkSampling, type SamplingOptions } from "./sampling.ts";

/** A prompt to continue. */
export interface PromptToContinue {
  /** The ids: at least one. */
  readonly prompt: readonly number[];
  /** Number of continuations; with 0, nothing else matters. @default {1} */
  readonly samples?: number;
  /** Maximum tokens of each: at least one. */
  readonly maxTokens: number;
  /** Seed: the same seed samples the same tokens. @default {42} */
  readonly seed?: number;
}

/** How {@linkcode generateEach} samples. */
export interface GenerateEachOptions extends Pick<SamplingOptions, "temperature" | "topK"> {
  /** Maximum sequences that are decoded together. @default {32} */
  readonly batchSize?: number;
  /** Called when all samples of a prompt are done, with the number of such prompts. */
  readonly onProgress?: (done: number) => void;
  /** Aborts the generation, which throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The tokens after a prompt. */
export interface Continuation {
  /** The tokens, without the one that ended them. */
  readonly tokens: readonly number[];
  /** For each 1 if it was sampled, 0 if it was forced: the calculator's output. */
  readonly masks: readonly number[];
  /** Whether it ended by itself, before it had the maximum number of tokens. */
  readonly isFinished: boolean;
}

/**
 * Continues each of many prompts. Those that end make room for others, so that each step decodes as many as
 * there is room for, and reads the weights once for all of them. What one gets is what
 * {@linkcode Engine.generateBatch} samples for it alone, but for rounding.
 *
 * @returns For each prompt, its samples.
 * @throws {RangeError} If an option is out of range, or a prompt and its tokens do not fit into the model.
 * @throws {Error} If the logits of a token are NaN or infinite, or the reason of the signal.
 *
 * @example Two prompts, the second one twice
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { generateEach } from "./generate_each.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose is a rose"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const { vocabSize } = tokenizer;
 * const shape = { sequenceLen: 16, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
 * const [first, second] = await generateEach(model, tokenizer, [
 *   { prompt: [97, 32], maxTokens: 4 },
 *   { prompt: [98], maxTokens: 8, samples: 2 },
 * ]);
 * if (first?.length !== 1 || second?.length !== 2) throw new Error("expected one and two");
 * await device.close();
 * ```
 */
export async function generateEach(
  model: LanguageModel,
  tokenizer: EngineTokenizer,
  prompts: readonly PromptToContinue[],
  { batchSize = 32, onProgress, signal, ...sampling }: GenerateEachOptions = {},
): Promise<Continuation[][]> {
  const isCount = Number.isInteger(batchSize) && batchSize >= 1;
  checkThat(isCount, "generate", "batchSize from 1 up", batchSize);
  for (const prompt of prompts) checkPrompt(prompt, model.maximumLength);
  const special = generationTokens(tokenizer);
  const all = prompts.map(({ samples = 1, maxTokens, seed = 42 }) => {
    const options = { ...sampling, seed };
    checkSampling(options);
    return Array.from({ length: samples }, (_, index): Sequence => {
      const row = new RowState(special, tokenizer, undefined, { ...options, index });
      return { row, options, maxTokens, tokens: [], masks: [] };
    });
  });
  // The samples of a prompt, of which no more may begin together than a batch has.
  const waiting = all.flatMap((sequences, at) =>
    chunked(sequences, batchSize).map((sequences) => ({ at, sequences }))
  );
  let groups: Group[] = [];
  try {
    while (waiting.length + groups.length > 0) {
      signal?.throwIfAborted();
      let size = groups.reduce((sum, { sequences }) => sum + sequences.length, 0);
      for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
        const { at, sequences } = next;
        size += sequences.length;
        if (size > batchSize) break;
        waiting.shift();
        const { prompt, maxTokens } = prompts[at]!;
        const cache = model.createCache(sequences.length, prompt.length + maxTokens);
        groups.push({ at, sequences, cache });
        await take(prefill(model, prompt, cache), sequences, () => 0);
      }
      await take(decode(model, groups), groups.flatMap(({ sequences }) => sequences), (row) => row);
      groups = groups.flatMap((group) => shrink(model, group) ?? []);
      const open = new Set([...waiting, ...groups].map(({ at }) => at));
      onProgress?.(prompts.length - open.size);
    }
  } finally {
    for (const { cache } of groups) cache.dispose();
  }
  return all.map((sequences) =>
    sequences.map(({ tokens, masks, row: { isFinished } }) => ({ tokens, masks, isFinished }))
  );
}

function checkPrompt(
  { prompt: { length }, samples = 1, maxTokens }: PromptToContinue,
  maximumLength: number,
): void {
  if (samples === 0) return;
  if (length === 0) throw wrongValue("generate", "a prompt", "no tokens");
  const wanted = `maxTokens from 1 to ${maximumLength - length}`;
  const fits = maxTokens >= 1 && length + maxTokens <= maximumLength;
  checkThat(fits && Number.isInteger(maxTokens), "generate", wanted, maxTokens);
}

/** A continuation on its way. */
interface Sequence {
  readonly row: RowState;
  readonly options: SamplingOptions;
  readonly maxTokens: number;
  readonly tokens: number[];
  readonly masks: number[];
}

/** Samples of a prompt, some of which may be done, and their cache. */
interface Group {
  /** The index of the prompt. */
  readonly at: number;
  readonly sequences: readonly Sequence[];
  readonly cache: KVCache;
}

function isDone({ row, tokens, maxTokens }: Sequence): boolean {
  return row.isFinished || tokens.length >= maxTokens;
}

/** The logits after a prompt, `[1, vocabulary]`; the cache takes it for all of its sequences. */
function prefill(model: LanguageModel, prompt: readonly number[], cache: KVCache): Tensor {
  return noGrad(() => {
    using scope = model.device.scope();
    const own = model.createCache(1, prompt.length);
    try {
      const ids = Tensor.from(model.device, [prompt], { dtype: "int32" });
      const logits = model.forward(ids, undefined, { cache: own, lastOnly: true }).squeeze(1);
      cache.copyFrom(own);
      return scope.keep(logits);
    } finally {
      own.dispose();
    }
  });
}

/** The logits after the last token of each sequence, `[sequences, vocabulary]`. */
function decode(model: LanguageModel, groups: readonly Group[]): Tensor {
  return noGrad(() => {
    using scope = model.device.scope();
    // One that ended at once has no token: what comes after it is not taken.
    const last = groups.flatMap(({ sequences }) =>
      sequences.map(({ tokens }) => [tokens.at(-1) ?? 0])
    );
    const ids = Tensor.from(model.device, last, { dtype: "int32" });
    return scope.keep(decodeSequences(model, ids, groups.map(({ cache }) => cache)).squeeze(1));
  });
}

/** Samples the next token of each sequence that is not done from its row of the logits, which it frees. */
async function take(
  logits: Tensor,
  sequences: readonly Sequence[],
  rowOf: (sequence: number) => number,
): Promise<void> {
  const going = [...sequences.entries()].filter(([, sequence]) => !isDone(sequence));
  const rows = going.map(([i, { options, row: { uniform } }]): RowToSample => ({
    row: rowOf(i),
    options,
    uniform,
  }));
  const sampled = await sampleRows(logits, rows).finally(() => logits.dispose());
  for (const [i, [, { row, tokens, masks }]] of going.entries()) {
    await row.pending;
    const { token, mask } = row.next(sampled[i]!);
    if (row.isFinished) continue;
    tokens.push(token);
    masks.push(mask);
  }
}

/** Drops what is done, once that is half of the sequences; all of the group, if nothing is left. */
function shrink(model: LanguageModel, group: Group): Group | undefined {
  const { at, sequences, cache } = group;
  const going = [...sequences.keys()].filter((i) => !isDone(sequences[i]!));
  if (going.length > sequences.length / 2) return group;
  try {
    if (going.length === 0) return undefined;
    using _scope = model.device.scope();
    const smaller = model.createCache(going.length, cache.capacity);
    smaller.copyFrom(cache, cache.position, going);
    return { at, sequences: going.map((i) => sequences[i]!), cache: smaller };
  } finally {
    cache.dispose();
  }
}
