/**
 * Answering `/v1/chat/completions` and `/v1/completions`, in one response or as a stream. @module
 */

import { type Batcher, type GenerationResult, QueueFullError } from "../batch/batcher.ts";
import { Answer, type AnswerDelta, type SampledLogprob, type TokenLogprob } from "./answer.ts";
import { ApiError } from "./errors.ts";
import type { CompletionRequest, ServedModel } from "./requests.ts";

/** The two kinds of requests. */
export type CompletionKind = "chat" | "text";

/** The counts of tokens that a response reports. */
export interface Usage {
  /** Tokens of the prompts. */
  readonly prompt_tokens: number;
  /** Tokens of the choices. */
  readonly completion_tokens: number;
  /** Both. */
  readonly total_tokens: number;
  /** Number of prompt tokens that were in a KV cache. */
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

/** The receiver of the pieces of a stream. */
export interface EventSink {
  /** Sends an event's data. */
  send(data: string): void;
}

/** A choice while it is generated. */
interface Choice {
  readonly index: number;
  readonly answer: Answer;
  finish: "stop" | "length" | null;
}

/** Called at a request's first token, with the milliseconds until then. */
export type OnFirstToken = (milliseconds: number) => void;

/** Answers one request. */
export class Completion {
  readonly #kind: CompletionKind;
  readonly #request: CompletionRequest;
  readonly #model: ServedModel;
  readonly #batcher: Batcher;
  readonly #signal: AbortSignal;
  readonly #choices: readonly Choice[];
  readonly #head: { readonly id: string; readonly created: number; readonly model: string };
  readonly #start = performance.now();
  #onFirstToken: OnFirstToken | null;

  /** Begins an answer; nothing is generated yet. */
  constructor(
    kind: CompletionKind,
    request: CompletionRequest,
    { model, batcher, signal, onFirstToken = () => {} }: {
      readonly model: ServedModel;
      readonly batcher: Batcher;
      readonly signal: AbortSignal;
      readonly onFirstToken?: OnFirstToken;
    },
  ) {
    this.#kind = kind;
    this.#request = request;
    this.#model = model;
    this.#batcher = batcher;
    this.#signal = signal;
    this.#onFirstToken = onFirstToken;
    const count = request.prompts.length * request.choices;
    this.#choices = Array.from(
      { length: count },
      (_, index) => ({ index, answer: new Answer(model.tokenizer, request.stop), finish: null }),
    );
    const prefix = kind === "chat" ? "chatcmpl-" : "cmpl-";
    this.#head = {
      id: prefix + crypto.randomUUID().replaceAll("-", ""),
      created: Math.floor(Date.now() / 1000),
      model: model.name,
    };
  }

  /**
   * The whole answer.
   *
   * @throws {ApiError} If the queue is full, or generation fails.
   */
  async respond(): Promise<object> {
    const deltas = this.#choices.map((): AnswerDelta[] => []);
    const usage = await this.#generate((choice, delta) => deltas[choice.index]!.push(delta));
    const choices = this.#choices.map(({ index, answer, finish }) => {
      const text = deltas[index]!.map(({ text }) => text).join("");
      const logprobs = deltas[index]!.flatMap(({ logprobs }) => logprobs);
      const common = { index, finish_reason: finish, logprobs: this.#logprobs(logprobs) };
      if (this.#kind === "text") return { ...common, text: this.#echo(index) + text };
      // The parts are not in OpenAI's API: they distinguish tool calls from text.
      const message = { role: "assistant", content: text, refusal: null, parts: answer.parts };
      return { ...common, message };
    });
    const object = this.#kind === "chat" ? "chat.completion" : "text_completion";
    return { ...this.#head, object, choices, usage, ...this.#truncated };
  }

  /**
   * Streams the answer, and `[DONE]` at its end. Errors on the way are sent as well.
   */
  async stream(sink: EventSink): Promise<void> {
    const { includesUsage } = this.#request;
    const object = this.#kind === "chat" ? "chat.completion.chunk" : "text_completion";
    const send = (choices: readonly object[], more: object = {}) =>
      sink.send(JSON.stringify({ ...this.#head, object, choices, ...more }));
    const noUsage = includesUsage ? { usage: null } : {};
    const sendChoice = (index: number, delta: AnswerDelta | null, finish: string | null) => {
      const logprobs = this.#logprobs(delta?.logprobs ?? []);
      const common = { index, logprobs, finish_reason: finish };
      if (this.#kind === "text") return send([{ ...common, text: delta?.text ?? "" }], noUsage);
      const content = delta === null ? {} : { content: delta.text, parts: delta.parts };
      send([{ ...common, delta: content }], noUsage);
    };
    for (const { index } of this.#choices) {
      if (this.#kind === "chat") {
        const delta = { role: "assistant", content: "" };
        const more = { ...noUsage, ...this.#truncated };
        send([{ index, delta, logprobs: null, finish_reason: null }], more);
      } else if (this.#echo(index) !== "") {
        sendChoice(index, { text: this.#echo(index), parts: [], logprobs: [] }, null);
      }
    }
    try {
      const usage = await this.#generate(
        ({ index }, delta) => sendChoice(index, delta, null),
        ({ index, finish }) => sendChoice(index, null, finish),
      );
      if (includesUsage) send([], { usage });
    } catch (error) {
      sink.send(JSON.stringify(asApiError(error)));
    }
    sink.send("[DONE]");
  }

  /** Generates all choices of all prompts. */
  async #generate(
    onDelta: (choice: Choice, delta: AnswerDelta) => void,
    onFinish: (choice: Choice) => void = () => {},
  ): Promise<Usage> {
    const { prompts, choices: each } = this.#request;
    const seed = this.#request.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
    // One that fails ends the others.
    const controller = new AbortController();
    const signal = AbortSignal.any([this.#signal, controller.signal]);
    const finish = (choice: Choice, reason: "stop" | "length") => {
      if (choice.finish !== null) return;
      choice.finish = reason;
      const rest = choice.answer.end();
      if (rest !== null && (rest.text !== "" || rest.logprobs.length > 0)) onDelta(choice, rest);
      onFinish(choice);
    };
    const generateOne = async (prompt: readonly number[], i: number): Promise<GenerationResult> => {
      const own = this.#choices.slice(i * each, (i + 1) * each);
      const result = await this.#batcher.generate(
        { ...this.#request, prompt, seed, signal },
        (index, token) => {
          this.#onFirstToken?.(performance.now() - this.#start);
          this.#onFirstToken = null;
          const choice = own[index]!;
          const delta = choice.answer.add(token);
          if (delta !== null) onDelta(choice, delta);
          if (choice.answer.isStopped) finish(choice, "stop");
          return !choice.answer.isStopped;
        },
      );
      result.finishReasons.forEach((reason, index) => finish(own[index]!, reason));
      return result;
    };
    try {
      const results = await Promise.all(prompts.map(generateOne));
      return usageOf(prompts, results);
    } catch (error) {
      controller.abort(error);
      throw asApiError(error);
    }
  }

  /** How many messages were left out, if the request allowed that; no part of OpenAI's API. */
  get #truncated(): { readonly truncated_messages?: number } {
    const { truncatedMessages } = this.#request;
    return truncatedMessages === null ? {} : { truncated_messages: truncatedMessages };
  }

  #echo(index: number): string {
    return this.#request.echo[Math.floor(index / this.#request.choices)] ?? "";
  }

  #logprobs(all: readonly SampledLogprob[]): object | null {
    if (this.#request.topLogprobs === null) return null;
    if (this.#kind === "chat") return { content: all, refusal: null };
    return {
      tokens: all.map(({ token }) => token),
      token_logprobs: all.map(({ logprob }) => logprob),
      top_logprobs: all.map(({ top_logprobs }) =>
        Object.fromEntries(top_logprobs.map((token) => [keyOf(token), token.logprob]))
      ),
    };
  }
}

/** The name of a token among others: an incomplete character is named by its bytes. */
function keyOf({ token, bytes }: TokenLogprob): string {
  if (!token.includes("\ufffd")) return token;
  return `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
}

function usageOf(
  prompts: readonly (readonly number[])[],
  results: readonly GenerationResult[],
): Usage {
  const prompt = prompts.reduce((sum, { length }) => sum + length, 0);
  const completion = results.reduce((sum, { generatedTokens }) => sum + generatedTokens, 0);
  const cached = results.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

/** Converts an error into the one that the client receives. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = (error instanceof Error ? error.message : `${error}`).split("\n")[0]!;
  if (error instanceof QueueFullError) {
    const headers = { "retry-after": "1" };
    return new ApiError(429, message, { code: "rate_limit_exceeded", headers });
  }
  return new ApiError(500, message, { code: "internal_error" });
}
