/**
 * Drawing several tokens before the first of them is read.
 *
 * A GPU works on while the host waits for it, but reading takes longer than a small model needs for
 * a token. So each token is drawn on the device and read by the model there, and the host gets to know
 * several of them together.
 *
 * @module
 */

import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import type { CacheMark, KVCache } from "../model/kv_cache.ts";
import { type DecodingStep, decodingStep } from "./decode.ts";
import type { LanguageModel } from "./language_model.ts";
import { sampleTokens, type SamplingOptions } from "./sampling.ts";

/** The most tokens that are drawn before they are read. */
const MAX_LOOKAHEAD = 32;

/** Who reads along should not have to wait longer than this for the next tokens, in milliseconds. */
const MAX_WAIT_MS = 100;

/** Tokens that are drawn on the device and read together. */
class Batch {
  readonly #cache: KVCache;
  readonly #ids: Tensor[] = [];
  /** Where the cache was after each token. */
  readonly #marks: CacheMark[] = [];

  constructor(cache: KVCache) {
    this.#cache = cache;
  }

  get length(): number {
    return this.#ids.length;
  }

  /** What was drawn last, `[samples]`. */
  get last(): Tensor {
    return this.#ids.at(-1)!;
  }

  /** Adds a token of each sample, `[samples]`, and where the cache is now. */
  push(ids: Tensor): void {
    this.#ids.push(ids);
    this.#marks.push(this.#cache.mark());
  }

  /** Asks for all tokens in one go. */
  async read(): Promise<readonly (readonly number[])[]> {
    const values = await Promise.all(this.#ids.map((ids) => ids.data()));
    return values.map((ids) => Array.from(ids));
  }

  /** Takes the cache back to where it was after so many of the tokens were drawn. */
  rewind(count: number): void {
    this.#cache.rewind(this.#marks[count - 1]!);
  }

  /** Frees the memory. */
  dispose(): void {
    for (const ids of this.#ids) ids.dispose();
    for (const { previousEmbedding } of this.#marks) previousEmbedding?.dispose();
  }
}

/** Draws tokens after what a cache has read. */
export class LookaheadDecoder {
  readonly #device: Device;
  readonly #step: DecodingStep;
  readonly #cache: KVCache;
  readonly #options: SamplingOptions;
  readonly #limit: number;
  /** What was handed out last. */
  #current: Batch | null = null;
  /** What follows it, if that is being drawn already. */
  #next: Batch | null = null;
  #pace = 1;

  /**
   * @param model The model that the cache belongs to.
   * @param cache What was read so far.
   * @param options How tokens are drawn.
   * @param limit How many tokens are drawn for each sample at most.
   */
  constructor(model: LanguageModel, cache: KVCache, options: SamplingOptions, limit: number) {
    this.#device = model.device;
    this.#step = decodingStep(model);
    this.#cache = cache;
    this.#options = options;
    this.#limit = limit;
  }

  /**
   * How many tokens to draw next: on a GPU twice as many as before, so that the first ones come soon,
   * as long as nobody waits too long. On the CPU reading does not wait, so it is one.
   */
  get pace(): number {
    return this.#device.kind === "cpu" ? 1 : this.#pace;
  }

  /**
   * Lets the model read one token of each sample, and draws what follows.
   *
   * Where several are drawn, the device goes on with as many more while the host waits for these:
   * they are most likely wanted next, and otherwise it would have nothing to do.
   *
   * @param column The token of each sample.
   * @param step The number of the first draw.
   * @param count How many tokens to draw for each sample, unless they are on their way already.
   * @returns For each draw the token of each sample.
   */
  async decode(
    column: readonly number[],
    step: number,
    count: number,
  ): Promise<readonly (readonly number[])[]> {
    const start = performance.now();
    this.#current?.dispose();
    this.#current = this.#next ?? this.#begin(column, step, count);
    this.#next = null;
    const batch = this.#current;
    const reading = batch.read();
    const nextStep = step + batch.length;
    const nextCount = Math.min(count, this.#limit - nextStep);
    if (count > 1 && nextCount > 0) {
      // The reads of this turn are under way after it, and what is recorded then comes behind them.
      await Promise.resolve();
      this.#next = this.#record(batch.last, nextStep, nextCount);
    }
    const values = await reading;
    const fitting = Math.floor(MAX_WAIT_MS * batch.length / (performance.now() - start));
    this.#pace = Math.max(1, Math.min(MAX_LOOKAHEAD, 2 * batch.length, fitting));
    return values;
  }

  /**
   * Takes back what the model has read after so many of the tokens that were drawn last: another token
   * than the last of them stands there.
   */
  rewind(count: number): void {
    this.#next?.dispose();
    this.#next = null;
    this.#current?.rewind(count);
  }

  /** Frees the memory, but for the cache's. */
  dispose(): void {
    this.#current?.dispose();
    this.#next?.dispose();
  }

  /** Draws so many tokens after those that the host names. */
  #begin(column: readonly number[], step: number, count: number): Batch {
    const ids = Tensor.from(this.#device, [...column], { dtype: "int32" });
    const batch = this.#record(ids, step, count);
    ids.dispose();
    return batch;
  }

  /** Draws so many tokens after those that are given, `[samples]`, on the device. */
  #record(previous: Tensor, step: number, count: number): Batch {
    const device = this.#device;
    const batch = new Batch(this.#cache);
    for (let i = 0; i < count; i++) {
      using scope = device.scopes.openBriefly();
      const ids = (i === 0 ? previous : batch.last).unsqueeze(1);
      batch.push(noGrad(() => {
        const logits = this.#step(ids, this.#cache);
        return scope.keep(sampleTokens(logits.squeeze(1), step + i, this.#options));
      }));
      // The device runs what it has while as much again is recorded, which takes less time.
      if (isPowerOfTwo(i + 1)) device.flush();
    }
    device.flush();
    return batch;
  }
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}
