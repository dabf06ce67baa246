/**
 * Text generation: prefill the prompt once, then decode token by token with a KV cache, batched
 * over samples. Source: nanochat, `nanochat/engine.py`.
 *
 * @module
 */

import { checkOptions, checkThat, type OptionNames } from "../../tensor/checks.ts";
import { wrongValue } from "../../tensor/errors.ts";
import { noGrad, Tensor, type TypedArray } from "../../tensor/mod.ts";
import { defaultContext } from "./context.ts";
import { LookaheadDecoder, sampled as sampledFrom } from "./lookahead.ts";
import type { KVCache } from "../model/kv_cache.ts";
import type { LanguageModel } from "./language_model.ts";
import { type EngineTokenizer, generationTokens, RowState, type Tool } from "./row_state.ts";
import { checkSampled, checkSampling, type SamplingOptions } from "./sampling.ts";

/** Options for {@linkcode Engine.generate}. */
export interface GenerateOptions extends SamplingOptions {
  /** Number of samples to generate in parallel. @default {1} */
  readonly samples?: number;
  /** Maximum tokens of each sample. By default, the sequence ends at {@linkcode defaultContext}. */
  readonly maxTokens?: number;
  /**
   * Tokens to sample before they are read back together. The result does not depend on it. By
   * default 1 on the CPU; on a GPU, as many as take a tenth of a second.
   */
  readonly readEvery?: number;
  /**
   * A cache of one sequence that is reused between calls: the prompt follows the tokens in it, and
   * afterwards it has all tokens except the last one yielded. Only for one sample.
   */
  readonly cache?: KVCache;
}

const OPTIONS: OptionNames<GenerateOptions> = {
  temperature: true,
  topK: true,
  topP: true,
  frequencyPenalty: true,
  presencePenalty: true,
  seed: true,
  samples: true,
  maxTokens: true,
  readEvery: true,
  cache: true,
};

/** One decoding step of all samples. */
export interface GeneratedStep {
  /** The next token of each sample; meaningless after the sample has ended. */
  readonly tokens: number[];
  /** For each sample, 1 if the token was sampled, 0 if it was forced: the calculator's output. */
  readonly masks: number[];
}

/**
 * Generates text with a KV cache.
 *
 * @example Eight tokens after a prompt of two, sampled greedily
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { Engine } from "./engine.ts";
 * import { GPT } from "../model/model.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose is a rose"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const { vocabSize } = tokenizer;
 * const shape = { sequenceLen: 16, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
 * const engine = new Engine(model, tokenizer);
 * const sampled: number[] = [];
 * for await (const { tokens } of engine.generate([97, 32], { maxTokens: 8, temperature: 0 })) {
 *   sampled.push(tokens[0]!);
 * }
 * if (sampled.length > 8) throw new Error("expected at most 8 tokens");
 * await device.close();
 * ```
 */
export class Engine {
  readonly #model: LanguageModel;
  readonly #tokenizer: EngineTokenizer;
  readonly #tool: Tool | undefined;

  /**
   * Creates an engine.
   *
   * @param tokenizer Determines where samples end, and encodes the answers of tools.
   * @param tool Answers tool calls. @default {calculate}
   */
  constructor(model: LanguageModel, tokenizer: EngineTokenizer, tool?: Tool) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#tool = tool;
  }

  /**
   * Samples tokens after a prompt.
   *
   * Ends when every sample has reached `<|assistant_end|>` or `<|bos|>`, or has `maxTokens` tokens.
   * An expression between `<|python_start|>` and `<|python_end|>` is answered by the calculator.
   *
   * @param tokens The ids of the prompt: at least one.
   * @throws {RangeError} If the prompt is empty, an id is not in the vocabulary, an option is out
   * of range, or prompt and tokens exceed the model's maximum length.
   * @throws {TypeError} If an option is unknown.
   * @throws {Error} If the logits of a token are NaN or infinite.
   */
  async *generate(
    tokens: readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<GeneratedStep, void, void> {
    checkOptions("generate", options, OPTIONS);
    const { samples = 1 } = options;
    const limit = this.#checkLengths(tokens, options);
    checkSampling(options);
    const special = generationTokens(this.#tokenizer);
    const rows = Array.from(
      { length: samples },
      (_, index) => new RowState(special, this.#tokenizer, this.#tool, { ...options, index }),
    );
    const cache = options.cache ??
      this.#model.createCache(samples, tokens.length + limit);
    const decoder = new LookaheadDecoder(this.#model, cache, options, limit);
    let used = 0;
    try {
      let sampled: Awaited<ReturnType<LookaheadDecoder["decode"]>> = [
        await this.#readPrompt(tokens, cache, options),
      ];
      for (let step = 1; limit > 0; step++) {
        const taken = takeNext(rows, sampled[used++]!);
        const column = taken.map(({ token }) => token);
        const masks: number[] = taken.map(({ mask }) => mask);
        yield { tokens: column, masks };
        if (rows.some((row) => row.pending)) await Promise.all(rows.map((row) => row.pending));
        if (step >= limit || rows.every((row) => row.isFinished)) return;
        const isOther = masks.includes(0);
        if (used < sampled.length && !isOther) continue;
        if (isOther) decoder.rewind(used);
        const wanted = rows.some((row) => row.mayBeForced) ? 1 : options.readEvery ?? decoder.pace;
        const count = Math.min(wanted, limit - step);
        sampled = await decoder.decode(column, step, count);
        used = 0;
      }
    } finally {
      // Remove lookahead tokens after the last one yielded.
      if (options.cache !== undefined && used > 0) decoder.rewind(used);
      decoder.dispose();
      if (options.cache === undefined) cache.dispose();
    }
  }

  /**
   * Like {@linkcode Engine.generate}, but returns whole samples.
   *
   * @returns For each sample, the prompt and the generated tokens without the one that ended it,
   * and a mask that is 1 for sampled tokens.
   */
  async generateBatch(
    tokens: readonly number[],
    options: GenerateOptions = {},
  ): Promise<{ readonly tokens: number[][]; readonly masks: number[][] }> {
    const { ends } = generationTokens(this.#tokenizer);
    const steps = await Array.fromAsync(this.generate(tokens, options));
    const rows = Array.from({ length: options.samples ?? 1 }, (_, i) => {
      const end = steps.findIndex((step) => ends.includes(step.tokens[i]!));
      return steps.slice(0, end === -1 ? steps.length : end)
        .map((step) => ({ token: step.tokens[i]!, mask: step.masks[i]! }));
    });
    return {
      tokens: rows.map((row) => [...tokens, ...row.map(({ token }) => token)]),
      masks: rows.map((row) => [...tokens.map(() => 0), ...row.map(({ mask }) => mask)]),
    };
  }

  #checkLengths(tokens: readonly number[], options: GenerateOptions): number {
    const { samples = 1, maxTokens, cache } = options;
    const { maximumLength } = this.#model;
    if (tokens.length === 0) throw wrongValue("generate", "a prompt", "no tokens");
    for (const [name, least] of [["samples", 1], ["maxTokens", 0], ["readEvery", 1]] as const) {
      const value = options[name];
      const isCount = value === undefined || Number.isInteger(value) && value >= least;
      checkThat(isCount, "generate", `${name} from ${least} up`, value);
    }
    const read = cache?.position ?? 0;
    if (cache !== undefined && (samples !== 1 || cache.batchSize !== 1)) {
      const wanted = "1 sample with a kept cache of 1 sequence";
      throw wrongValue("generate", wanted, `${samples} and ${cache.batchSize}`);
    }
    const limit = maxTokens ??
      Math.max(0, defaultContext(this.#model) - read - tokens.length);
    const most = Math.min(maximumLength, cache?.capacity ?? maximumLength);
    const place = most < maximumLength ? ", the cache's capacity" : "";
    const all = read + tokens.length + limit;
    const what = `generate ${limit} tokens after ${read} that were read and ${tokens.length} given`;
    checkThat(all <= most, what, `at most ${most} in all${place}`, all);
    return limit;
  }

  /** Prefills the prompt and samples the first token of every sample. */
  async #readPrompt(
    tokens: readonly number[],
    cache: KVCache,
    options: GenerateOptions,
  ): Promise<TypedArray> {
    const { device, config } = this.#model;
    const first = noGrad(() => {
      using scope = device.scope();
      const isKept = cache === options.cache;
      const prompt = isKept ? cache : this.#model.createCache(1, tokens.length);
      try {
        const ids = Tensor.from(device, [tokens], { dtype: "int32" });
        const logits = this.#model.forward(ids, undefined, { cache: prompt, lastOnly: true });
        if (!isKept) cache.copyFrom(prompt);
        const last = logits.squeeze(1);
        const repeated = last.expand([cache.batchSize, config.vocabSize]);
        return scope.keep(sampledFrom(repeated, 0, options));
      } finally {
        if (!isKept) prompt.dispose();
      }
    });
    const reading = first.data();
    first.dispose();
    return await reading;
  }
}

/** The next token of each sample, from the tokens or the logits of all. */
function takeNext(
  rows: readonly RowState[],
  sampled: TypedArray,
): ReturnType<RowState["next"]>[] {
  if (sampled instanceof Float32Array) {
    const vocabSize = sampled.length / rows.length;
    return rows.map((row, i) => row.sample(sampled.subarray(i * vocabSize, (i + 1) * vocabSize)));
  }
  checkSampled(sampled);
  return rows.map((row, i) => row.next(sampled[i]!));
}
