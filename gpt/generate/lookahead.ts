/**
 * Lookahead decoding: a GPU is idle while the host waits for a read-back, longer than a small model
 * needs for a token. So sampled tokens stay on the device as input of the next step, and are read
 * several at a time.
 *
 * @module
 */

import { noGrad, Tensor, type TypedArray } from "../../tensor/mod.ts";
import type { KVCache } from "../model/kv_cache.ts";
import type { LanguageModel } from "./language_model.ts";
import { isSampledOnDevice, sampleTokens, type SamplingOptions } from "./sampling.ts";

/** Maximum number of tokens sampled before a read-back. */
const MAX_LOOKAHEAD = 32;

/** Maximum streaming latency between batches of tokens, in milliseconds. */
const MAX_WAIT_MS = 100;

/** Tokens (or logits) that are read back together, in order: one of each sample, on the device. */
type Batch = Tensor[];

function disposeOf(batch: Batch): void {
  for (const ids of batch) ids.dispose();
}

/** The tokens that are sampled from logits; the logits, if the host has to sample. */
export function sampled(logits: Tensor, step: number, options: SamplingOptions): Tensor {
  return isSampledOnDevice(options) ? sampleTokens(logits, step, options) : logits;
}

export class LookaheadDecoder {
  readonly #model: LanguageModel;
  readonly #cache: KVCache;
  readonly #options: SamplingOptions;
  readonly #limit: number;
  /** The batch returned last. */
  #current: Batch = [];
  /** The batch after it, if already submitted. */
  #next: Batch = [];
  #pace = 1;

  /** @param limit Maximum tokens of each sample. */
  constructor(model: LanguageModel, cache: KVCache, options: SamplingOptions, limit: number) {
    this.#model = model;
    this.#cache = cache;
    this.#options = options;
    this.#limit = limit;
  }

  /** Tokens of the next batch: on a GPU doubled each time, up to the maximum latency. */
  get pace(): number {
    return this.#model.device.kind === "cpu" ? 1 : this.#pace;
  }

  /**
   * Decodes the next batch. While the host waits for it, the device already computes as many tokens
   * more, which are most likely wanted next.
   *
   * @param column The last token of each sample.
   * @param step The index of the first new token.
   * @param wanted Tokens per sample, unless a batch is already submitted; 1 if the host has to sample.
   * @returns For each step, the token of each sample; or their logits, `[samples · vocabulary]`, if
   * these have to be sampled on the host.
   */
  async decode(
    column: readonly number[],
    step: number,
    wanted: number,
  ): Promise<readonly TypedArray[]> {
    const start = performance.now();
    const count = isSampledOnDevice(this.#options) ? wanted : 1;
    disposeOf(this.#current);
    this.#current = this.#next.length > 0 ? this.#next : this.#begin(column, step, count);
    this.#next = [];
    const batch = this.#current;
    const reading = Promise.all(batch.map((ids) => ids.data()));
    const nextStep = step + batch.length;
    const nextCount = Math.min(count, this.#limit - nextStep);
    if (count > 1 && nextCount > 0) {
      // The reads begin at the end of this microtask; later work is submitted after them.
      await Promise.resolve();
      this.#next = this.#record(batch.at(-1)!, nextStep, nextCount);
    }
    const values = await reading;
    const fitting = Math.floor(MAX_WAIT_MS * batch.length / (performance.now() - start));
    this.#pace = Math.max(1, Math.min(MAX_LOOKAHEAD, 2 * batch.length, fitting));
    return values;
  }

  /** Rewinds to the first `count` tokens of the last batch, the last of which is replaced. */
  rewind(count: number): void {
    const dropped = [...this.#current.splice(count), ...this.#next.splice(0)];
    disposeOf(dropped);
    this.#cache.rewind(this.#cache.position - dropped.length);
  }

  /** Frees the batches, but not the cache. */
  dispose(): void {
    disposeOf([...this.#current, ...this.#next]);
  }

  /** Decodes `count` tokens after those from the host. */
  #begin(column: readonly number[], step: number, count: number): Batch {
    const ids = Tensor.from(this.#model.device, [...column], { dtype: "int32" });
    const batch = this.#record(ids, step, count);
    ids.dispose();
    return batch;
  }

  /** Decodes `count` tokens after `previous`, `[samples]`, on the device. */
  #record(previous: Tensor, step: number, count: number): Batch {
    const { device } = this.#model;
    const batch: Batch = [];
    for (let i = 0; i < count; i++) {
      using scope = device.scopes.openSync();
      const before = batch.at(-1) ?? previous;
      batch.push(noGrad(() => {
        const logits = this.#model.decode(before.unsqueeze(1), [this.#cache]);
        return scope.keep(sampled(logits.squeeze(1), step + i, this.#options));
      }));
      // Submit work early, at powers of two: the device computes it while the next steps are recorded.
      if (Number.isInteger(Math.log2(i + 1))) device.flush();
    }
    device.flush();
    return batch;
  }
}
