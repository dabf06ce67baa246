/**
 * Continuous batching: requests join and leave a batch while it runs.
 *
 * Each step computes the next token of every sequence together, so that the weights are read once for
 * all of them. Between two steps a newcomer's prompt is prefilled, in chunks, so that nobody waits for a
 * long one. What a request gets depends on its prompt, its options and its seed, and not on who shares
 * its batch, but for rounding: sums may be added up in another order.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import {
  decodeSequences,
  type EngineTokenizer,
  forkCache,
  generationTokens,
  type KVCache,
  type LanguageModel,
  largestLogits,
  logProbabilities,
  RowState,
  type SamplingOptions,
} from "../../gpt/mod.ts";
import { noGrad, Tensor } from "../../tensor/mod.ts";
import { KeptPrefixes, type ReadSequence, sharedLength } from "./prefixes.ts";

/** What is generated, and how. */
export interface GenerationRequest extends SamplingOptions {
  /** The ids of the prompt: at least one. */
  readonly prompt: readonly number[];
  /** The most tokens of each choice. */
  readonly maxTokens: number;
  /** How many continuations to sample. */
  readonly choices: number;
  /** For each token, how many of the most likely ones to report; `null` for no probabilities. */
  readonly topLogprobs: number | null;
  /** Ends the request: its place is free before the next step. */
  readonly signal?: AbortSignal;
}

/** A token of a choice, as it comes. */
export interface GeneratedToken {
  /** The id. */
  readonly token: number;
  /** Whether the model sampled it; otherwise a tool wrote it. */
  readonly isSampled: boolean;
  /** The logarithm of its probability at temperature 1, if that was asked for. */
  readonly logprob?: number;
  /** The most likely tokens with theirs. */
  readonly top?: readonly { readonly token: number; readonly logprob: number }[];
}

/** How a request has ended. */
export interface GenerationResult {
  /** For each choice `stop` if it came to an end, `length` if it had `maxTokens` tokens. */
  readonly finishReasons: readonly ("stop" | "length")[];
  /** The tokens of all choices, those that ended them included. */
  readonly generatedTokens: number;
  /** Tokens of the prompt that were not computed, as they were in a KV cache. */
  readonly cachedTokens: number;
}

/** Options for {@linkcode Batcher}. */
export interface BatcherOptions {
  /** The most sequences of a batch. @default {32} */
  readonly maxSequences?: number;
  /** The most requests that wait for a place. @default {64} */
  readonly maxQueue?: number;
  /** Tokens of prompts that are prefilled between two steps, at most. @default {256} */
  readonly prefillTokens?: number;
  /** The capacity of the KV caches that are kept for prompts that begin alike. @default {16384} */
  readonly keptTokens?: number;
}

/** Is thrown if the queue is full. */
export class QueueFullError extends Error {
  /** The name of the class. */
  override readonly name = "QueueFullError";
}

/** What a batcher has done so far. */
export interface BatcherStatistics {
  /** Tokens of prompts that were computed. */
  promptTokens: number;
  /** Tokens of prompts that were found in a KV cache. */
  cachedTokens: number;
  /** Tokens that were generated. */
  generatedTokens: number;
  /** Steps of decoding. */
  steps: number;
  /** Requests that were ended by their signal. */
  cancelled: number;
}

/** A request that waits, is prefilled, or generates. */
interface Job {
  readonly request: GenerationRequest;
  readonly onToken: OnToken;
  readonly sequences: Sequence[];
  readonly resolve: (result: GenerationResult) => void;
  readonly reject: (error: unknown) => void;
  cache: KVCache | null;
  cachedTokens: number;
  generatedTokens: number;
  isOver: boolean;
}

/** A choice of a request while it grows. */
interface Sequence {
  readonly job: Job;
  readonly choice: number;
  readonly row: RowState;
  readonly cache: KVCache;
  readonly tokens: number[];
  finish: "stop" | "length" | null;
}

/** Takes a token of a choice; returns whether the choice goes on. */
export type OnToken = (choice: number, token: GeneratedToken) => boolean;

/**
 * Generates for many requests side by side.
 *
 * @example
 * ```ts
 * import { GPT, openDevice } from "../../gpt/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { Batcher } from "./batcher.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose is a rose"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const { vocabSize } = tokenizer;
 * const shape = { sequenceLen: 16, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
 * const batcher = new Batcher(model, tokenizer);
 * const options = { temperature: 0, topK: 0, topP: 1, seed: 1, choices: 1, topLogprobs: null };
 * const tokens: number[] = [];
 * await Promise.all([[97, 32], [98]].map((prompt) =>
 *   batcher.generate({ prompt, maxTokens: 4, ...options }, (_choice, { token }) => {
 *     tokens.push(token);
 *     return true;
 *   })
 * ));
 * if (tokens.length > 8) throw new Error("expected at most 4 tokens for each");
 * await batcher.close();
 * await device.close();
 * ```
 */
export class Batcher {
  /** What was done so far. */
  readonly statistics: BatcherStatistics = {
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    steps: 0,
    cancelled: 0,
  };
  readonly #model: LanguageModel;
  readonly #tokenizer: EngineTokenizer;
  readonly #maxSequences: number;
  readonly #maxQueue: number;
  readonly #prefillTokens: number;
  readonly #kept: KeptPrefixes;
  #waiting: Job[] = [];
  #prefilling: Job[] = [];
  #running: Sequence[] = [];
  #loop: Promise<void> | null = null;
  #isClosed = false;

  /** Makes a batcher. The tokenizer tells where sequences end. */
  constructor(model: LanguageModel, tokenizer: EngineTokenizer, options: BatcherOptions = {}) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#maxSequences = options.maxSequences ?? 32;
    this.#maxQueue = options.maxQueue ?? 64;
    this.#prefillTokens = options.prefillTokens ?? 256;
    this.#kept = new KeptPrefixes(options.keptTokens ?? 16_384);
  }

  /** The sequences that are generated now. */
  get running(): number {
    return this.#running.length;
  }

  /** The requests that wait for a place. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The most sequences of a batch. */
  get maxSequences(): number {
    return this.#maxSequences;
  }

  /**
   * Checks whether more requests may wait.
   *
   * @throws {QueueFullError} If there would be too many.
   */
  checkRoom(requests: number): void {
    if (this.#waiting.length + requests <= this.#maxQueue) return;
    throw new QueueFullError(
      `Cannot generate: wanted at most ${this.#maxQueue} requests that wait, got more`,
    );
  }

  /**
   * Generates.
   *
   * @param request What to generate.
   * @param onToken Is called with each token of each choice, in order.
   * @returns How it ended.
   * @throws {QueueFullError} If too many requests wait.
   * @throws {RangeError} If the request does not fit into the model or the batch.
   * @throws {Error} If a token cannot be sampled, or the reason of the signal.
   */
  generate(request: GenerationRequest, onToken: OnToken): Promise<GenerationResult> {
    const { prompt, maxTokens, choices, signal } = request;
    const { maximumLength } = this.#model;
    if (prompt.length < 1 || maxTokens < 0 || prompt.length + maxTokens > maximumLength) {
      throw new RangeError(
        `Cannot generate ${maxTokens} tokens after a prompt of ${prompt.length}: wanted 1 to ` +
          `${maximumLength} in all`,
      );
    }
    if (!(choices >= 1 && choices <= this.#maxSequences)) {
      throw new RangeError(
        `Cannot generate: wanted 1 to ${this.#maxSequences} choices, got ${choices}`,
      );
    }
    if (this.#isClosed) throw new Error("Cannot generate: the batcher was closed");
    if (signal?.aborted) throw signal.reason;
    this.checkRoom(1);
    const { promise, resolve, reject } = Promise.withResolvers<GenerationResult>();
    const job: Job = {
      ...{ request, onToken, resolve, reject },
      ...{ sequences: [], cache: null, cachedTokens: 0, generatedTokens: 0, isOver: false },
    };
    signal?.addEventListener("abort", () => this.#cancel(job), { once: true });
    this.#waiting.push(job);
    this.#loop ??= this.#run();
    return promise;
  }

  /** Ends what is left with an error, and frees the memory. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const jobs = [...this.#waiting, ...this.#prefilling, ...this.#running.map(({ job }) => job)];
    for (const job of jobs) this.#end(job, new Error("Cannot generate: the batcher was closed"));
    await this.#loop;
    this.#kept[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length + this.#prefilling.length + this.#running.length > 0) {
      // New requests and disconnections are noticed between two steps.
      await nextTurn();
      this.#waiting = this.#waiting.filter(({ isOver }) => !isOver);
      this.#admit();
      await this.#prefill();
      await this.#decode();
    }
    // Not when the promise settles: a caller may make a new request before that.
    this.#loop = null;
  }

  /** Moves requests from the queue into the batch, in order, while there is room. */
  #admit(): void {
    let taken = this.#running.length;
    for (const { request } of this.#prefilling) taken += request.choices;
    for (let job = this.#waiting[0]; job !== undefined; job = this.#waiting[0]) {
      taken += job.request.choices;
      if (taken > this.#maxSequences) return;
      this.#waiting.shift();
      this.#prefilling.push(job);
    }
  }

  /** Prefills the prompts of newcomers, up to a number of tokens. */
  async #prefill(): Promise<void> {
    let left = this.#prefillTokens;
    while (left > 0 && this.#prefilling.length > 0) {
      const job = this.#prefilling[0]!;
      if (job.isOver) {
        this.#leave(job);
        continue;
      }
      try {
        left -= await this.#prefillChunk(job, left);
      } catch (error) {
        this.#end(job, error);
        this.#leave(job);
      }
    }
  }

  /** Prefills a chunk of a prompt; after the last one the choices join the batch. */
  async #prefillChunk(job: Job, most: number): Promise<number> {
    const { prompt, maxTokens } = job.request;
    job.cache ??= this.#openCache(job);
    const { cache } = job;
    const start = cache.position;
    const end = Math.min(prompt.length, start + most);
    const isLast = end === prompt.length;
    const logits = noGrad(() => {
      using scope = this.#model.device.scope();
      const ids = Tensor.from(this.#model.device, [prompt.slice(start, end)], { dtype: "int32" });
      const logits = this.#model.forward(ids, undefined, { cache });
      return isLast ? scope.keep(logits.slice(1, end - start - 1).contiguous()) : null;
    });
    this.statistics.promptTokens += end - start;
    if (logits === null) {
      if (this.#model.device.kind === "webgpu") this.#model.device.flush();
      return end - start;
    }
    const values = await read(logits);
    this.#prefilling = this.#prefilling.filter((each) => each !== job);
    if (job.isOver) {
      this.#release(cache, prompt);
      return end - start;
    }
    job.cache = null;
    const special = generationTokens(this.#tokenizer);
    for (let choice = 0; choice < job.request.choices; choice++) {
      const own = choice === 0
        ? cache
        : forkCache(this.#model, cache, prompt, prompt.length + maxTokens);
      const sampling = { ...job.request, index: choice };
      const row = new RowState(special, this.#tokenizer, undefined, sampling);
      const tokens = [...prompt];
      job.sequences.push({ job, choice, row, cache: own, tokens, finish: null });
    }
    for (const sequence of [...job.sequences]) this.#take(sequence, values);
    this.#running.push(...job.sequences.filter(({ finish }) => finish === null));
    return end - start;
  }

  /** A cache for a prompt, which begins with the longest prefix that another cache holds. */
  #openCache(job: Job): KVCache {
    const { prompt, maxTokens } = job.request;
    const capacity = prompt.length + Math.max(0, maxTokens);
    let best: ReadSequence | null = null;
    let shared = 0;
    for (const sequence of [...this.#kept.sequences, ...this.#running]) {
      // The last token is computed in any case: the first sampled one follows from it.
      const length = Math.min(sharedLength(sequence, prompt), prompt.length - 1);
      if (length > shared) [best, shared] = [sequence, length];
    }
    if (best === null) return this.#model.createCache(1, capacity);
    this.#kept.touch(best);
    job.cachedTokens = shared;
    this.statistics.cachedTokens += shared;
    return forkCache(this.#model, best.cache, prompt.slice(0, shared), capacity);
  }

  /** The next token of all sequences. */
  async #decode(): Promise<void> {
    this.#running = this.#running.filter(({ finish }) => finish === null);
    const batch = [...this.#running];
    if (batch.length === 0) return;
    let values: Float32Array;
    try {
      const { device } = this.#model;
      const logits = noGrad(() => {
        using scope = device.scope();
        const column = batch.map(({ tokens }) => [tokens.at(-1)!]);
        const ids = Tensor.from(device, column, { dtype: "int32" });
        return scope.keep(decodeSequences(this.#model, ids, batch.map(({ cache }) => cache)));
      });
      values = await read(logits);
    } catch (error) {
      for (const { job } of batch) this.#end(job, error);
      return;
    }
    this.statistics.steps++;
    const { vocabSize } = this.#model.config;
    batch.forEach((sequence, i) => {
      this.#take(sequence, values.subarray(i * vocabSize, (i + 1) * vocabSize));
    });
    this.#running = this.#running.filter(({ finish }) => finish === null);
  }

  /** Samples the next token of a sequence, and passes it on. */
  #take(sequence: Sequence, logits: Float32Array): void {
    const { job, choice, row, tokens } = sequence;
    const { request } = job;
    if (sequence.finish !== null) return;
    if (request.maxTokens === 0) return this.#finish(sequence, "length");
    let goesOn: boolean;
    try {
      const { token, mask } = row.sample(logits);
      tokens.push(token);
      job.generatedTokens++;
      this.statistics.generatedTokens++;
      const probabilities = request.topLogprobs === null
        ? {}
        : describe(logits, token, request.topLogprobs);
      goesOn = job.onToken(choice, { token, isSampled: mask === 1, ...probabilities });
    } catch (error) {
      return this.#end(job, error);
    }
    if (row.isFinished || !goesOn) this.#finish(sequence, "stop");
    else if (row.length >= request.maxTokens) this.#finish(sequence, "length");
  }

  /** Ends a choice, and with the last one the request. */
  #finish(sequence: Sequence, reason: "stop" | "length"): void {
    const { job, cache, tokens } = sequence;
    if (sequence.finish !== null) return;
    sequence.finish = reason;
    this.#release(cache, tokens);
    const finishReasons = job.sequences.map(({ finish }) => finish);
    if (finishReasons.includes(null) || job.isOver) return;
    job.isOver = true;
    const { cachedTokens, generatedTokens } = job;
    job.resolve({
      finishReasons: finishReasons.map((finish) => finish!),
      ...{ cachedTokens, generatedTokens },
    });
  }

  #cancel(job: Job): void {
    if (job.isOver) return;
    this.statistics.cancelled++;
    this.#end(job, job.request.signal!.reason);
  }

  /** Ends a request before its time. A prompt that is being prefilled is freed by the loop. */
  #end(job: Job, error: unknown): void {
    if (job.isOver) return;
    job.isOver = true;
    job.reject(error);
    for (const sequence of job.sequences) {
      if (sequence.finish !== null) continue;
      sequence.finish = "stop";
      this.#release(sequence.cache, sequence.tokens);
    }
  }

  /** Forgets a request that ended while its prompt was prefilled. */
  #leave(job: Job): void {
    this.#prefilling = this.#prefilling.filter((each) => each !== job);
    if (job.cache !== null) this.#release(job.cache, job.request.prompt);
    job.cache = null;
  }

  #release(cache: KVCache, tokens: readonly number[]): void {
    if (this.#isClosed || cache.position === 0) cache.dispose();
    else this.#kept.add({ cache, tokens });
  }
}

function describe(
  logits: Float32Array,
  token: number,
  count: number,
): Pick<GeneratedToken, "logprob" | "top"> {
  const logprobOf = logProbabilities(logits);
  const top = Array.from(largestLogits(logits, count), (id) => ({
    token: id,
    logprob: logprobOf(id),
  }));
  return { logprob: logprobOf(token), top };
}

async function read(logits: Tensor): Promise<Float32Array> {
  try {
    return await logits.data() as Float32Array;
  } finally {
    logits.dispose();
  }
}

/** Resolves after a turn of the event loop, which handles what has arrived. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
