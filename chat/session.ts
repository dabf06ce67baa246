/**
 * A conversation with a model, turn by turn.
 *
 * @module
 */

import {
  Engine,
  type KVCache,
  type LanguageModel,
  type SamplingOptions,
  type Tool,
} from "../gpt/mod.ts";
import { defaultContext } from "../gpt/internals.ts";
import { checkOptions, describeValue, type OptionNames } from "../tensor/checks.ts";
import { wrongType } from "../tensor/errors.ts";
import { type AnswerPiece, PartReader } from "./part_reader.ts";
import { promptRoom } from "./prompt_room.ts";
import type { Message, MessagePart, Tokenizer } from "../tokenizer/mod.ts";
import { type ChatFormat, nanochatFormat } from "./format/format.ts";

/** Options for {@linkcode ChatSession.answer}. */
export interface AnswerOptions extends SamplingOptions {
  /** Maximum tokens of the answer. @default {256} */
  readonly maxTokens?: number;
  /** Stops the answer; the part generated so far stays in the conversation. */
  readonly signal?: AbortSignal | undefined;
}

/** Options for {@linkcode ChatSession}. */
export interface ChatSessionOptions {
  /** The system message, before the first turn. */
  readonly system?: string;
  /** Maximum tokens of the conversation. @default {defaultContext(model)} */
  readonly maxTokens?: number;
  /** Answers tool calls. @default {calculate} */
  readonly tool?: Tool;
  /** How the conversation becomes tokens; stays the caller's. @default {nanochatFormat(tokenizer)} */
  readonly format?: ChatFormat;
}

const OPTIONS: OptionNames<ChatSessionOptions> = {
  system: true,
  maxTokens: true,
  tool: true,
  format: true,
};

/**
 * A conversation that keeps its turns and a KV cache of their tokens, so that each turn prefills
 * only the tokens that the cache lacks. These may include earlier turns, as some formats render a
 * turn differently once others follow it.
 *
 * When the conversation becomes longer than the model's context, its oldest exchanges are dropped; the
 * system turn stays.
 *
 * @example
 * ```ts
 * import { GPT, openDevice } from "../gpt/mod.ts";
 * import { Tokenizer } from "../tokenizer/mod.ts";
 * import { ChatSession } from "./session.ts";
 *
 * const tokenizer = await Tokenizer.train(["hello"], { vocabSize: 265 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 64, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 265, windowPattern: "L" }, device);
 * using session = new ChatSession(model, tokenizer);
 * let answer = "";
 * for await (const { text } of session.answer("Hi!", { maxTokens: 8, seed: 1 })) answer += text;
 * if (session.messages.length !== 2) throw new Error("expected two turns");
 * await device.close();
 * ```
 */
export class ChatSession implements Disposable {
  readonly #model: LanguageModel;
  readonly #tokenizer: Tokenizer;
  readonly #format: ChatFormat;
  readonly #engine: Engine;
  readonly #maxTokens: number;
  #system: string | undefined;
  #exchanges: Exchange[] = [];
  #cache: KVCache | null = null;
  /** The tokens in the cache, and those that were generated after them. */
  #known: readonly number[] = [];
  #dropped = 0;

  /**
   * Starts a conversation.
   *
   * @throws {RangeError} If the tokenizer lacks the special tokens of conversations.
   */
  constructor(model: LanguageModel, tokenizer: Tokenizer, options: ChatSessionOptions = {}) {
    checkOptions("start a conversation", options, OPTIONS);
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#format = options.format ?? nanochatFormat(tokenizer);
    this.#engine = new Engine(model, tokenizer, options.tool);
    this.#maxTokens = Math.min(options.maxTokens ?? defaultContext(model), model.maximumLength);
    this.#system = options.system;
  }

  /** The turns so far, without dropped ones. */
  get messages(): Message[] {
    return turnsOf(this.#exchanges);
  }

  /** The system message, before the first turn. */
  get system(): string | undefined {
    return this.#system;
  }

  /** Exchanges dropped so far because the conversation had become too long. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Tokens in the KV cache, which need no prefill. */
  get cachedTokens(): number {
    return this.#cache?.position ?? 0;
  }

  /** Starts over, with another system turn if one is given. */
  reset(system: string | undefined = this.#system): void {
    this.#system = system;
    this.#exchanges = [];
    this.#dropped = 0;
    this.#forget();
  }

  /**
   * Takes back the last question and its answer.
   *
   * @returns The question; `null` if there is none.
   */
  undo(): string | null {
    return this.#exchanges.pop()?.question ?? null;
  }

  /**
   * Sends a message and streams the answer.
   *
   * @param question The user's message.
   * @returns The answer, in pieces. Leaving early, like the signal, keeps what was said so far.
   * @throws {TypeError} If the question is no text.
   * @throws {RangeError} If the question is empty or longer than the model's context, or the format
   * cannot render the conversation.
   */
  async *answer(
    question: string,
    { maxTokens = 256, signal, ...sampling }: AnswerOptions = {},
  ): AsyncGenerator<AnswerPiece, void, void> {
    if (typeof question !== "string") {
      throw wrongType("answer", "a question as a text", describeValue(question));
    }
    if (question.trim() === "") throw new RangeError("Cannot answer: wanted a question, got none");
    const prompt = await this.#prompt(question, maxTokens);
    const cache = this.#cacheFor(prompt);
    const steps = this.#engine.generate(prompt.slice(cache.position), {
      ...sampling,
      cache,
      maxTokens: Math.min(maxTokens, this.#maxTokens - prompt.length),
    });
    const answer: number[] = [];
    const reader = new PartReader(this.#tokenizer);
    let hasFailed = true;
    try {
      for await (const { tokens } of steps) {
        const token = tokens[0]!;
        if (this.#format.ends.includes(token)) break;
        answer.push(token);
        const piece = reader.take(token);
        if (piece !== null) yield piece;
        if (signal?.aborted) break;
      }
      hasFailed = false;
    } catch (error) {
      this.#forget();
      throw error;
    } finally {
      // A caller that leaves early ends up here, too.
      if (!hasFailed || answer.length > 0) {
        this.#exchanges.push({ question, answer: reader.parts });
      }
      if (this.#cache !== null) this.#known = [...prompt, ...answer];
    }
  }

  /** Frees the cache. */
  [Symbol.dispose](): void {
    this.#forget();
  }

  /**
   * The prompt of the answer; drops the oldest exchanges if it would be too long, but none for a question
   * that does not fit even alone.
   */
  async #prompt(question: string, maxTokens: number): Promise<number[]> {
    const most = promptRoom(this.#maxTokens, maxTokens);
    for (let dropped = 0;; dropped++) {
      const exchanges = this.#exchanges.slice(dropped);
      const ids = await this.#render(exchanges, question);
      if (ids.length <= most) {
        this.#exchanges = exchanges;
        this.#dropped += dropped;
        return ids;
      }
      if (exchanges.length > 0) continue;
      throw new RangeError(
        `Cannot answer: wanted a question of at most ${most} tokens with the system turn, got ` +
          `${ids.length}`,
      );
    }
  }

  #render(exchanges: readonly Exchange[], question: string): Promise<number[]> {
    const system = this.#system ?? "";
    return this.#format.renderPrompt([
      ...(system === "" ? [] : [{ role: "system", content: system } as const]),
      ...turnsOf(exchanges),
      { role: "user", content: question },
    ]);
  }

  /** A KV cache of the beginning of a prompt, shorter than the prompt. */
  #cacheFor(prompt: readonly number[]): KVCache {
    const cache = this.#cache ??= this.#model.createCache(1, this.#maxTokens);
    const most = Math.min(cache.position, prompt.length - 1);
    let shared = 0;
    while (shared < most && this.#known[shared] === prompt[shared]) shared++;
    cache.rewind(shared);
    return cache;
  }

  #forget(): void {
    this.#cache?.dispose();
    this.#cache = null;
    this.#known = [];
  }
}

/** A question, and the parts of its answer. */
interface Exchange {
  readonly question: string;
  readonly answer: readonly MessagePart[];
}

function turnsOf(exchanges: readonly Exchange[]): Message[] {
  return exchanges.flatMap(({ question, answer }): Message[] => [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ]);
}
