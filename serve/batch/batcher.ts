/**
 * Continuous batching: requests join and leave a batch while it runs.
 *
 * Each step computes the next token of every sequence together with the next chunks of new
 * requests' prompts, so that the weights are read once for all of them. Chunks are short enough to
 * delay nobody noticeably: see `prefill_pace.ts`. What a request gets depends on its prompt, its
 * options and its seed, and not on who shares its batch, but for rounding: sums may be added up in
 * another order.
 *
 * @module
 */

import type {
  EngineTokenizer,
  KVCache,
  LanguageModel,
  SamplingOptions,
} from "../../gpt/browser.ts";
import {
  decodeSequences,
  forkCache,
  generationTokens,
  isSampledOnDevice,
  largestLogits,
  logProbabilities,
  RowState,
  type RowToSample,
  sampleRows,
} from "../../gpt/browser_internals.ts";
import { noGrad, Tensor } from "../../tensor/mod.ts";
import { PrefillPace } from "./prefill_pace.ts";
import { commonLength, KeptPrefixes, type ReadSequence, sharedLength } from "./prefixes.ts";

/** A prompt, and the options for generating from it. */
export interface GenerationRequest extends SamplingOptions {
  /** The ids of the prompt: at least one. */
  readonly prompt: readonly number[];
  /** Maximum tokens of each choice. */
  readonly maxTokens: number;
  /** Number of continuations to sample. */
  readonly choices: number;
  /** Number of most likely tokens to report for each token; `null` for no probabilities. */
  readonly topLogprobs: number | null;
  /** Ends the request; its place is free before the next step. */
  readonly signal?: AbortSignal;
}

/** A token of a choice, as it comes. */
export interface GeneratedToken {
  /** The id. */
  readonly token: number;
  /** Whether the model sampled it; otherwise a tool wrote it. */
  readonly isSampled: boolean;
  /** The logarithm of its probability at temperature 1, if requested. */
  readonly logprob?: number;
  /** The most likely tokens with theirs. */
  readonly top?: readonly { readonly token: number; readonly logprob: number }[];
}

/** How a request has ended. */
export interface GenerationResult {
  /** For each choice, `stop` if it ended by itself, `length` if it reached `maxTokens`. */
  readonly finishReasons: readonly ("stop" | "length")[];
  /** Number of tokens of all choices, including those that ended them. */
  readonly generatedTokens: number;
  /** Tokens of the prompt that were not computed, as they were in a KV cache. */
  readonly cachedTokens: number;
}

/** Options for {@linkcode Batcher}. */
export interface BatcherOptions {
  /** Maximum sequences of a batch. @default {32} */
  readonly maxSequences?: number;
  /** Maximum requests that wait for a place. @default {64} */
  readonly maxQueue?: number;
  /** Maximum prompt tokens to prefill in a step. @default {256} */
  readonly prefillTokens?: number;
  /** Bytes of the KV caches that are kept for prompts that begin alike. @default {268435456} */
  readonly keptBytes?: number;
  /** Called after each step of the batch, to watch it. */
  readonly onStep?: (() => void) | undefined;
}

/** A KV cache of a batcher. */
export interface HeldCache {
  /** The request that it was made for, from 0 in the order of their arrival. */
  readonly request: number;
  /** The choice of the request. */
  readonly choice: number;
  /**
   * Whether a prompt is being prefilled, a token is added in each step, or it is kept for prompts
   * that begin alike.
   */
  readonly phase: "prefill" | "decode" | "kept";
  /** Tokens in it. */
  readonly position: number;
  /** Tokens that it has room for. */
  readonly capacity: number;
}

/** Thrown when the request queue is full. */
export class QueueFullError extends Error {
  /** The name of the class. */
  override readonly name = "QueueFullError";
}

/** Counters of a batcher. */
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
  /** From 0 in the order of arrival. */
  readonly number: number;
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

/** A choice of a request that is being generated. */
interface Sequence {
  readonly job: Job;
  readonly choice: number;
  readonly row: RowState;
  readonly cache: KVCache;
  readonly tokens: number[];
  finish: "stop" | "length" | null;
}

/** The result of a step for a sequence: a token sampled on the device, or logits to sample from. */
type StepResult = number | Float32Array;

/** A part of a prompt that is prefilled. */
interface Chunk {
  readonly job: Job;
  readonly cache: KVCache;
  readonly ids: readonly number[];
  readonly isLast: boolean;
}

/**
 * Milliseconds between two turns of the event loop, in which new requests and disconnections are noticed
 * and what is written goes out. A small model takes several steps in that time, and a turn after each of
 * them would take a twentieth of it.
 */
const TURN_INTERVAL = 2;

/** Takes a token of a choice; returns whether the choice continues. */
export type OnToken = (choice: number, token: GeneratedToken) => boolean;

/**
 * Generates for many requests in one batch.
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
  /** The counters so far. */
  readonly statistics: BatcherStatistics = {
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    steps: 0,
    cancelled: 0,
  };
  readonly #model: LanguageModel;
  readonly #tokenizer: EngineTokenizer;
  readonly #special: ReturnType<typeof generationTokens>;
  readonly #maxSequences: number;
  readonly #maxQueue: number;
  readonly #pace: PrefillPace;
  readonly #kept: KeptPrefixes;
  readonly #onStep: () => void;
  /** The request and the choice that each cache was made for. */
  readonly #owners = new WeakMap<KVCache, Pick<HeldCache, "request" | "choice">>();
  #requests = 0;
  #waiting: Job[] = [];
  #prefilling: Job[] = [];
  #running: Sequence[] = [];
  #loop: Promise<void> | null = null;
  #isClosed = false;

  /** Creates a batcher. The tokenizer determines where sequences end. */
  constructor(model: LanguageModel, tokenizer: EngineTokenizer, options: BatcherOptions = {}) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#special = generationTokens(tokenizer);
    this.#maxSequences = options.maxSequences ?? 32;
    this.#maxQueue = options.maxQueue ?? 64;
    this.#pace = new PrefillPace(options.prefillTokens ?? 256);
    this.#kept = new KeptPrefixes(options.keptBytes ?? 2 ** 28);
    this.#onStep = options.onStep ?? (() => {});
  }

  /** The KV caches that are held now: of prompts, of running sequences, and those that are kept. */
  get caches(): HeldCache[] {
    const held = (phase: HeldCache["phase"], cache: KVCache | null): HeldCache[] =>
      cache === null ? [] : [{
        ...this.#owners.get(cache)!,
        phase,
        position: cache.position,
        capacity: cache.capacity,
      }];
    return [
      ...this.#prefilling.flatMap(({ cache }) => held("prefill", cache)),
      ...this.#running.flatMap(({ cache }) => held("decode", cache)),
      ...Array.from(this.#kept.sequences).flatMap(({ cache }) => held("kept", cache)),
    ];
  }

  /** The sequences that are being generated. */
  get running(): number {
    return this.#running.length;
  }

  /** The requests that wait for a place. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Maximum sequences of a batch. */
  get maxSequences(): number {
    return this.#maxSequences;
  }

  /** Maximum requests of one choice each that find a place at once, in the batch or in the queue. */
  get maxRequests(): number {
    return this.#maxSequences + this.#maxQueue;
  }

  /**
   * Checks that more requests find a place, in the batch or in the queue.
   *
   * @param requests How many.
   * @param choices The choices of each.
   * @throws {QueueFullError} If too many would wait.
   */
  checkRoom(requests: number, choices: number): void {
    let taken = this.#taken;
    const waiting = this.#waiting.filter(({ isOver }) => !isOver)
      .map(({ request }) => request.choices);
    // The next step admits the others.
    const late = [...waiting, ...Array<number>(requests).fill(choices)]
      .filter((choices) => (taken += choices) > this.#maxSequences);
    if (late.length <= this.#maxQueue) return;
    throw new QueueFullError(
      `Cannot generate: wanted at most ${this.#maxQueue} requests that wait, got more`,
    );
  }

  /**
   * Generates.
   *
   * @param request What to generate.
   * @param onToken Called with each token of each choice, in order.
   * @returns How it ended.
   * @throws {QueueFullError} If too many requests wait.
   * @throws {RangeError} If the request does not fit into the model or the batch, or an id is not in
   * the vocabulary.
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
    const { vocabSize } = this.#model.config;
    const wrong = prompt.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
    if (wrong !== undefined) {
      throw new RangeError(`Cannot generate: wanted ids below ${vocabSize}, got ${wrong}`);
    }
    if (!(choices >= 1 && choices <= this.#maxSequences)) {
      throw new RangeError(
        `Cannot generate: wanted 1 to ${this.#maxSequences} choices, got ${choices}`,
      );
    }
    if (this.#isClosed) throw new Error("Cannot generate: the batcher was closed");
    if (signal?.aborted) throw signal.reason;
    this.checkRoom(1, choices);
    const { promise, resolve, reject } = Promise.withResolvers<GenerationResult>();
    const job: Job = {
      number: this.#requests++,
      request,
      onToken,
      resolve,
      reject,
      sequences: [],
      cache: null,
      cachedTokens: 0,
      generatedTokens: 0,
      isOver: false,
    };
    if (signal !== undefined) {
      // A signal may be that of many requests, and outlive them.
      const cancel = () => this.#cancel(job);
      const forget = () => signal.removeEventListener("abort", cancel);
      signal.addEventListener("abort", cancel);
      promise.then(forget, forget);
    }
    this.#waiting.push(job);
    this.#loop ??= this.#run();
    return promise;
  }

  /** Ends the remaining requests with an error, and frees the memory. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const jobs = [...this.#waiting, ...this.#prefilling, ...this.#running.map(({ job }) => job)];
    for (const job of jobs) this.#end(job, new Error("Cannot generate: the batcher was closed"));
    await this.#loop;
    this.#kept[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    let lastTurn = -Infinity;
    while (this.#waiting.length + this.#prefilling.length + this.#running.length > 0) {
      if (performance.now() - lastTurn >= TURN_INTERVAL) {
        await nextTurn();
        lastTurn = performance.now();
      }
      this.#waiting = this.#waiting.filter(({ isOver }) => !isOver);
      this.#admit();
      await this.#step();
    }
    // Not when the promise settles: a caller may make a new request before that.
    this.#loop = null;
  }

  /** Places in the batch that are not free at the next step. */
  get #taken(): number {
    const running = this.#running.filter(({ finish }) => finish === null);
    return this.#prefilling.filter(({ isOver }) => !isOver)
      .reduce((sum, { request }) => sum + request.choices, running.length);
  }

  /** Moves requests from the queue into the batch, in order, while there is room. */
  #admit(): void {
    let taken = this.#taken;
    for (let job = this.#waiting[0]; job !== undefined; job = this.#waiting[0]) {
      taken += job.request.choices;
      if (taken > this.#maxSequences) return;
      this.#waiting.shift();
      this.#prefilling.push(job);
    }
  }

  /** The next token of all sequences, and the next chunks of the prompts of new requests. */
  async #step(): Promise<void> {
    this.#running = this.#running.filter(({ finish }) => finish === null);
    const running = [...this.#running];
    const chunks = this.#nextChunks();
    if (running.length + chunks.length === 0) return;
    const start = performance.now();
    let results: readonly StepResult[];
    try {
      results = await this.#compute(running, chunks);
    } catch (error) {
      // If a new request does not fit into memory, the others must continue without it.
      for (const { job } of chunks.length > 0 ? chunks : running) this.#end(job, error);
      for (const { job } of chunks) this.#leave(job);
      return;
    }
    const promptTokens = chunks.reduce((sum, { ids }) => sum + ids.length, 0);
    this.#pace.note(performance.now() - start, promptTokens);
    this.statistics.promptTokens += promptTokens;
    if (running.length > 0) this.statistics.steps++;
    running.forEach((sequence, row) => this.#take(sequence, results[row]!));
    chunks.forEach(({ job, isLast }, i) => {
      if (job.isOver) this.#leave(job);
      else if (isLast) this.#begin(job, results[running.length + i]!);
    });
    this.#running = this.#running.filter(({ finish }) => finish === null);
    this.#onStep();
  }

  /**
   * The chunks of prompts that the next step prefills: equal shares, so that a short prompt need not
   * wait for the end of a long one.
   */
  #nextChunks(): Chunk[] {
    if (this.#prefilling.length === 0) return [];
    let left = this.#pace.tokens(this.#running.length);
    const opened: {
      readonly job: Job;
      readonly cache: KVCache;
      readonly rest: readonly number[];
    }[] = [];
    for (const job of [...this.#prefilling]) {
      if (job.isOver) {
        this.#leave(job);
        continue;
      }
      if (opened.length === left || this.#waitsForPrefix(job)) continue;
      try {
        const cache = job.cache ??= this.#openCache(job);
        this.#owners.set(cache, { request: job.number, choice: 0 });
        opened.push({ job, cache, rest: job.request.prompt.slice(cache.position) });
      } catch (error) {
        this.#end(job, error);
        this.#leave(job);
      }
    }
    // The shortest come first, and leave the unused part of their shares to the others.
    return opened.toSorted((a, b) => a.rest.length - b.rest.length)
      .map(({ job, cache, rest }, i) => {
        const ids = rest.slice(0, Math.ceil(left / (opened.length - i)));
        left -= ids.length;
        return { job, cache, ids, isLast: ids.length === rest.length };
      });
  }

  /**
   * Whether most of what is left of a prompt is being prefilled for an earlier request, as if several
   * begin with the same instructions: it takes that over when it has been read.
   */
  #waitsForPrefix({ number, cache, request: { prompt } }: Job): boolean {
    if (cache !== null) return false;
    return this.#prefilling.some((other) => {
      if (other.number >= number || other.cache === null) return false;
      const shared = commonLength(other.request.prompt, prompt);
      const read = Math.min(shared, other.cache.position);
      return 2 * (shared - read) > prompt.length - read;
    });
  }

  /** Runs a step: the result of each sequence, and of each chunk. */
  async #compute(running: readonly Sequence[], chunks: readonly Chunk[]): Promise<StepResult[]> {
    const model = this.#model;
    const { device, config: { vocabSize } } = model;
    const all = [...running.map(({ tokens }) => [tokens.at(-1)!]), ...chunks.map(({ ids }) => ids)];
    const caches = [...running, ...chunks].map(({ cache }) => cache);
    const logits = noGrad(() => {
      using scope = device.scope();
      const tokens = Int32Array.from(all.flat());
      const ids = Tensor.from(device, tokens, { shape: [tokens.length, 1] });
      const counts = all.map(({ length }) => length);
      return scope.keep(decodeSequences(model, ids, caches, counts).squeeze(1));
    });
    try {
      const onDevice = running.flatMap(({ job: { request }, row }, i): RowToSample[] => {
        if (request.topLogprobs !== null || !isSampledOnDevice(request)) return [];
        // Only made if it is asked for: the most likely token needs none.
        return [{
          row: i,
          options: request,
          get uniform() {
            return row.uniform;
          },
        }];
      });
      const tokens = await sampleRows(logits, onDevice);
      const results = new Array<StepResult>(all.length);
      onDevice.forEach(({ row }, i) => results[row] = tokens[i]!);
      if (onDevice.length === running.length && !chunks.some(({ isLast }) => isLast)) {
        return results;
      }
      const values = await logits.data() as Float32Array;
      for (let row = 0; row < results.length; row++) {
        results[row] ??= values.subarray(row * vocabSize, (row + 1) * vocabSize);
      }
      return results;
    } finally {
      logits.dispose();
    }
  }

  /** Lets the choices of a request, whose prompt has been prefilled, join the batch. */
  #begin(job: Job, result: StepResult): void {
    const { prompt, maxTokens, choices } = job.request;
    const cache = job.cache!;
    this.#prefilling = this.#prefilling.filter((each) => each !== job);
    try {
      for (let choice = 0; choice < choices; choice++) {
        const own = choice === 0
          ? cache
          : this.#makeRoom(() => forkCache(this.#model, cache, prompt, prompt.length + maxTokens));
        const sampling = { ...job.request, index: choice };
        this.#owners.set(own, { request: job.number, choice });
        const row = new RowState(this.#special, this.#tokenizer, undefined, sampling);
        job.sequences.push({ job, choice, row, cache: own, tokens: [...prompt], finish: null });
        // From now on it is freed with its sequence.
        job.cache = null;
      }
    } catch (error) {
      return this.#end(job, error);
    }
    for (const sequence of [...job.sequences]) this.#take(sequence, result);
    this.#running.push(...job.sequences.filter(({ finish }) => finish === null));
  }

  /** A cache for a prompt, which begins with the longest prefix that another cache holds. */
  #openCache(job: Job): KVCache {
    const { prompt, maxTokens } = job.request;
    const capacity = prompt.length + Math.max(0, maxTokens);
    let best: ReadSequence | null = null;
    let shared = 0;
    const prefilling = this.#prefilling.flatMap(({ cache, request }) =>
      cache === null ? [] : [{ cache, tokens: request.prompt }]
    );
    for (const sequence of [...this.#kept.sequences, ...this.#running, ...prefilling]) {
      // The last token is computed in any case: the first sampled one follows from it.
      const length = Math.min(sharedLength(sequence, prompt), prompt.length - 1);
      if (length > shared) [best, shared] = [sequence, length];
    }
    if (best !== null) {
      this.#kept.touch(best);
      try {
        const cache = forkCache(this.#model, best.cache, prompt.slice(0, shared), capacity);
        job.cachedTokens = shared;
        this.statistics.cachedTokens += shared;
        return cache;
      } catch {
        // Memory is short, and the prefix may be in a cache that is freed now: it is read again.
      }
    }
    return this.#makeRoom(() => this.#model.createCache(1, capacity));
  }

  /** Opens a cache. If memory is short, caches kept for later requests are freed first. */
  #makeRoom(open: () => KVCache): KVCache {
    try {
      return open();
    } catch {
      this.#kept[Symbol.dispose]();
      return open();
    }
  }

  /** Samples the next token of a sequence, and passes it on. */
  #take(sequence: Sequence, result: StepResult): void {
    const { job, choice, row, tokens } = sequence;
    const { request } = job;
    if (sequence.finish !== null) return;
    if (request.maxTokens === 0) return this.#finish(sequence, "length");
    let goesOn: boolean;
    try {
      const { token, mask } = typeof result === "number" ? row.next(result) : row.sample(result);
      tokens.push(token);
      job.generatedTokens++;
      this.statistics.generatedTokens++;
      const probabilities = request.topLogprobs === null || typeof result === "number"
        ? {}
        : probabilitiesAt(result, token, request.topLogprobs);
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
      cachedTokens,
      generatedTokens,
    });
  }

  #cancel(job: Job): void {
    if (job.isOver) return;
    this.statistics.cancelled++;
    this.#end(job, job.request.signal!.reason);
  }

  /** Ends a request early. A prompt that is being prefilled is freed by the loop. */
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

function probabilitiesAt(
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

/** Resolves after a turn of the event loop, which handles what has arrived. */
function nextTurn(): Promise<void> {
  // Pages have none; their timers are slower.
  const inTurn: (callback: () => void) => unknown = globalThis.setImmediate ?? setTimeout;
  return new Promise((resolve) => void inTurn(resolve));
}
