/**
 * Lookahead decoding: a GPU is idle while the host waits for a read-back, longer than a small model
 * needs for a token. So sampled tokens stay on the device as input of the next step, and are read
 * several at a time.
 *
 * @module
 */

import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import type { CacheMark, KVCache } from "../model/kv_cache.ts";
import { type DecodingStep, decodingStep } from "./decode.ts";
import type { LanguageModel } from "./language_model.ts";
import { sampleTokens, type SamplingOptions } from "./sampling.ts";

/** Maximum number of tokens sampled before a read-back. */
const MAX_LOOKAHEAD = 32;

/** Maximum streaming latency between batches of tokens, in milliseconds. */
const MAX_WAIT_MS = 100;

/** Tokens sampled on the device, read back together. */
class Batch {
  readonly #cache: KVCache;
  readonly #ids: Tensor[] = [];
  readonly #marks: CacheMark[] = [];

  constructor(cache: KVCache) {
    this.#cache = cache;
  }

  get length(): number {
    return this.#ids.length;
  }

  /** The last sampled tokens, `[samples]`. */
  get last(): Tensor {
    return this.#ids.at(-1)!;
  }

  /** Appends one token of each sample, `[samples]`, and the current cache position. */
  push(ids: Tensor): void {
    this.#ids.push(ids);
    this.#marks.push(this.#cache.mark());
  }

  async read(): Promise<readonly (readonly number[])[]> {
    const values = await Promise.all(this.#ids.map((ids) => ids.data()));
    return values.map((ids) => Array.from(ids));
  }

  /** Rewinds the cache to the position after the first `count` tokens. */
  rewind(count: number): void {
    this.#cache.rewind(this.#marks[count - 1]!);
  }

  dispose(): void {
    for (const ids of this.#ids) ids.dispose();
    for (const { previousEmbedding } of this.#marks) previousEmbedding?.dispose();
  }
}

export class LookaheadDecoder {
  readonly #device: Device;
  readonly #step: DecodingStep;
  readonly #cache: KVCache;
  readonly #options: SamplingOptions;
  readonly #limit: number;
  /** The batch returned last. */
  #current: Batch | null = null;
  /** The batch after it, if already submitted. */
  #next: Batch | null = null;
  #pace = 1;

  /** @param limit Maximum tokens of each sample. */
  constructor(model: LanguageModel, cache: KVCache, options: SamplingOptions, limit: number) {
    this.#device = model.device;
    this.#step = decodingStep(model);
    this.#cache = cache;
    this.#options = options;
    this.#limit = limit;
  }

  /** Tokens of the next batch: on a GPU doubled each time, up to the maximum latency. */
  get pace(): number {
    return this.#device.kind === "cpu" ? 1 : this.#pace;
  }

  /**
   * Decodes the next batch. While the host waits for it, the device already computes as many tokens
   * more, which are most likely wanted next.
   *
   * @param column The last token of each sample.
   * @param step The index of the first new token.
   * @param count Tokens per sample, unless a batch is already submitted.
   * @returns For each step, the token of each sample.
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
      // The reads begin at the end of this microtask; later work is submitted after them.
      await Promise.resolve();
      this.#next = this.#record(batch.last, nextStep, nextCount);
    }
    const values = await reading;
    const fitting = Math.floor(MAX_WAIT_MS * batch.length / (performance.now() - start));
    this.#pace = Math.max(1, Math.min(MAX_LOOKAHEAD, 2 * batch.length, fitting));
    return values;
  }

  /** Rewinds to the first `count` tokens of the last batch, the last of which is replaced. */
  rewind(count: number): void {
    this.#next?.dispose();
    this.#next = null;
    this.#current?.rewind(count);
  }

  /** Frees the batches, but not the cache. */
  dispose(): void {
    this.#current?.dispose();
    this.#next?.dispose();
  }

  /** Decodes `count` tokens after those from the host. */
  #begin(column: readonly number[], step: number, count: number): Batch {
    const ids = Tensor.from(this.#device, [...column], { dtype: "int32" });
    const batch = this.#record(ids, step, count);
    ids.dispose();
    return batch;
  }

  /** Decodes `count` tokens after `previous`, `[samples]`, on the device. */
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
      // Submit work early, at powers of two: the device computes it while the next steps are recorded.
      if (Number.isInteger(Math.log2(i + 1))) device.flush();
    }
    device.flush();
    return batch;
  }
}
