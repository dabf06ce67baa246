/**
 * Parses and validates requests to `/v1/chat/completions` and `/v1/completions`.
 *
 * Which other fields they may have, `parameters.ts` tells.
 *
 * @module
 */

import type { ChatFormat } from "../../chat/mod.ts";
import { promptRoom } from "../../chat/internals.ts";
import type { Message, MessagePart, Tokenizer } from "../../tokenizer/mod.ts";
import type { SamplingOptions } from "../../gpt/mod.ts";
import { ApiError } from "./errors.ts";
import {
  booleanField,
  isObject,
  type JsonObject,
  numberField,
  objectField,
  textsField,
  wrongField,
} from "./fields.ts";
import {
  chatParameters,
  checkMessage,
  checkParameters,
  completionParameters,
} from "./parameters.ts";

/** The model that answers. */
export interface ServedModel {
  /** The name under which it is served. */
  readonly name: string;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** How conversations become tokens; `null` if it was made for none. */
  readonly format: ChatFormat | null;
  /** Maximum tokens of a prompt and its answer. */
  readonly context: number;
  /** Maximum choices of a request. */
  readonly maxChoices: number;
  /** Maximum prompts of a request: more would never find a place, however long the client waits. */
  readonly maxPrompts: number;
  /** The bytes of the longest token. */
  readonly longestToken: number;
}

/** A validated completion request. */
export interface CompletionRequest extends Omit<SamplingOptions, "seed"> {
  /** The ids of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  /** The text before that of each choice. */
  readonly echo: readonly string[];
  /** Maximum tokens of a choice. */
  readonly maxTokens: number;
  /** The choices for each prompt. */
  readonly choices: number;
  /** The seed; `null` for a random one. */
  readonly seed: number | null;
  /** Texts that end a choice, and are not part of it. */
  readonly stop: readonly string[];
  /** How many of the most likely tokens to report for each one; `null` for no probabilities. */
  readonly topLogprobs: number | null;
  /** Whether to send the answer as it comes. */
  readonly streams: boolean;
  /** Whether the stream ends with the counts of tokens. */
  readonly includesUsage: boolean;
  /** How many of the oldest messages were left out; `null` if the request allowed none to be. */
  readonly truncatedMessages: number | null;
}

/** Maximum messages of a conversation. */
const MAX_MESSAGES = 500;
/** Maximum prompts of a request. */
const MAX_PROMPTS = 16;
/** The tokens of a completion where the request names no number, as at OpenAI. */
const COMPLETION_TOKENS = 16;

/**
 * Reads a request to `/v1/chat/completions`.
 *
 * @throws {ApiError} If a field has a wrong value: 400, with its name.
 */
export async function readChatRequest(
  body: JsonObject,
  model: ServedModel,
): Promise<CompletionRequest> {
  checkParameters(body, chatParameters);
  const continues = booleanField(body, "continue_final_message");
  const messages = readMessages(body["messages"], continues ? "assistant" : "user");
  const hasNewLimit = (body["max_completion_tokens"] ?? null) !== null;
  const limit = hasNewLimit ? "max_completion_tokens" : "max_tokens";
  const room = readRoom(body, model, limit, model.context);
  const { prompt, truncated } = await renderMessages(messages, model, room);
  const wantsLogprobs = booleanField(body, "logprobs");
  const top = numberField(body, "top_logprobs", { least: 0, most: 20, isWhole: true }, 0);
  if (top > 0 && !wantsLogprobs) throw wrongField("top_logprobs", "it with logprobs: true", top);
  return {
    ...readCommon(body, model, [prompt], "messages", limit, model.context),
    echo: [""],
    topLogprobs: wantsLogprobs ? top : null,
    truncatedMessages: room === null ? null : truncated,
  };
}

/**
 * Reads a request to `/v1/completions`.
 *
 * @throws {ApiError} If a field has a wrong value: 400, with its name.
 */
export function readCompletionRequest(body: JsonObject, model: ServedModel): CompletionRequest {
  checkParameters(body, completionParameters);
  const prompts = readPrompts(body["prompt"], model);
  if (prompts.length > model.maxPrompts) {
    throw wrongField("prompt", `at most ${model.maxPrompts} prompts`, prompts.length);
  }
  const topLogprobs = numberField(body, "logprobs", { least: 0, most: 5, isWhole: true }, null);
  const echoes = booleanField(body, "echo");
  if (echoes && topLogprobs !== null) {
    throw wrongField("echo", "it without logprobs: those of prompts are not computed", true);
  }
  const room = readRoom(body, model, "max_tokens", COMPLETION_TOKENS);
  const kept = prompts.map((prompt) => encode(prompt, model, room));
  // Where no token begins every document, an empty prompt has none.
  if (kept.some(({ length }) => length === 0)) {
    const wanted = "at least one token, as no other one begins a text";
    throw wrongField("prompt", wanted, body["prompt"]);
  }
  return {
    ...readCommon(body, model, kept, "prompt", "max_tokens", COMPLETION_TOKENS),
    echo: prompts.map((prompt) => echoes ? textOf(prompt, model) : ""),
    topLogprobs,
    truncatedMessages: null,
  };
}

function readCommon(
  body: JsonObject,
  model: ServedModel,
  prompts: readonly (readonly number[])[],
  promptField: string,
  limitField: string,
  fallback: number,
): Omit<CompletionRequest, "echo" | "topLogprobs" | "truncatedMessages"> {
  const { name, context, maxChoices, tokenizer } = model;
  const wanted = body["model"] ?? name;
  if (typeof wanted !== "string") throw wrongField("model", "a text", wanted);
  if (wanted !== name) {
    const message = `Cannot use model ${wanted.slice(0, 80)}: wanted ${name}, which is served here`;
    throw new ApiError(404, message, { param: "model", code: "model_not_found" });
  }
  const longest = Math.max(...prompts.map(({ length }) => length));
  if (longest >= context) throw tooLong(promptField, model, longest);
  const whole = { isWhole: true };
  const limit = readLimit(body, limitField, fallback);
  const choices = numberField(body, "n", {
    least: 1,
    // Prompts without a place in the batch wait for one.
    most: Math.max(1, Math.floor(maxChoices / prompts.length)),
    ...whole,
  }, 1);
  const streams = booleanField(body, "stream");
  return {
    prompts,
    maxTokens: Math.min(limit, context - longest),
    choices,
    temperature: numberField(body, "temperature", { least: 0, most: 2 }, 1),
    topP: numberField(body, "top_p", { least: 0, most: 1 }, 1),
    frequencyPenalty: numberField(body, "frequency_penalty", { least: -2, most: 2 }, 0),
    presencePenalty: numberField(body, "presence_penalty", { least: -2, most: 2 }, 0),
    topK: numberField(body, "top_k", { least: 0, most: tokenizer.vocabSize, ...whole }, 0),
    seed: readSeed(body),
    stop: textsField(body, "stop", { most: 4, longest: 1000 }),
    streams,
    includesUsage: booleanField(objectField(body, "stream_options"), "include_usage"),
  };
}

/** Maximum tokens of an answer. */
function readLimit(body: JsonObject, field: string, fallback: number): number {
  const range = { least: 0, most: Number.MAX_SAFE_INTEGER, isWhole: true };
  return numberField(body, field, range, fallback);
}

/**
 * Maximum tokens of a prompt whose beginning may be left out; `null` if it may not. The field is that of
 * OpenAI's responses: `"auto"` leaves out the oldest of a conversation that is too long.
 */
function readRoom(
  body: JsonObject,
  { context }: ServedModel,
  limitField: string,
  fallback: number,
): number | null {
  const value = body["truncation"] ?? "disabled";
  if (value === "disabled") return null;
  if (value !== "auto") throw wrongField("truncation", "auto or disabled", value);
  // A prompt has to be shorter than the context even if no token is to follow.
  return promptRoom(context, Math.max(1, readLimit(body, limitField, fallback)));
}

/** Seeds are whole numbers; negative ones, which OpenAI allows, count from the end of 2⁵³. */
function readSeed(body: JsonObject): number | null {
  const most = Number.MAX_SAFE_INTEGER;
  const seed = numberField(body, "seed", { least: -most, most, isWhole: true }, null);
  return seed === null || seed >= 0 ? seed : seed + most;
}

/** A prompt: a text, or ids without the one that begins every document. */
type Prompt = string | readonly number[];

/** The prompts: a text, texts, ids, or lists of ids. */
function readPrompts(value: unknown, { tokenizer }: ServedModel): readonly Prompt[] {
  const start = tokenizer.documentStart;
  const wanted = `1 to ${MAX_PROMPTS} texts or lists of ids of the vocabulary`;
  if ((value === undefined || value === null) && start !== null) return [[]];
  const isId = (id: unknown) =>
    typeof id === "number" && Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize;
  const wrong = (list: readonly unknown[], param: string) => {
    const at = list.findIndex((id) => !isId(id));
    return wrongField(`${param}[${at}]`, `an id from 0 to ${tokenizer.vocabSize - 1}`, list[at]);
  };
  const isSingle = typeof value === "string" || Array.isArray(value) && value.every(isId);
  const list: unknown = isSingle ? [value] : value;
  if (!Array.isArray(list) || list.length < 1 || list.length > MAX_PROMPTS) {
    throw wrongField("prompt", wanted, value);
  }
  if (typeof list[0] === "number") throw wrong(list, "prompt");
  return list.map((prompt: unknown, i): Prompt => {
    if (typeof prompt === "string") return prompt;
    if (!Array.isArray(prompt)) throw wrongField("prompt", wanted, value);
    if (!prompt.every(isId)) throw wrong(prompt, `prompt[${i}]`);
    return start !== null && prompt[0] === start ? prompt.slice(1) : prompt;
  });
}

/** @param lastRole Whose turn is the last: the assistant's is one to continue. */
function readMessages(
  value: unknown,
  lastRole: "user" | "assistant",
): readonly Message[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_MESSAGES) {
    throw wrongField("messages", `a list of 1 to ${MAX_MESSAGES} messages`, value);
  }
  const messages: Message[] = [];
  for (const [i, message] of value.entries()) {
    const param = `messages[${i}]`;
    if (!isObject(message)) throw wrongField(param, "an object", message);
    const role = message["role"] === "developer" ? "system" : message["role"];
    if (role !== "system" && role !== "user" && role !== "assistant") {
      const wanted = "system, developer, user or assistant";
      throw wrongField(`${param}.role`, wanted, message["role"]);
    }
    checkMessage(message, param);
    const content = readContent(message["content"], `${param}.content`, role);
    const last = messages.at(-1);
    if (role === "system" && last !== undefined && last.role !== "system") {
      throw wrongField(`${param}.role`, "the system's turn first", role);
    }
    if (role === "assistant" && last?.role !== "user") {
      throw wrongField(`${param}.role`, "a turn of the user before the assistant's", role);
    }
    if (last?.role === role) last.content = `${last.content}\n\n${content}`;
    else messages.push({ role, content });
  }
  if (messages.at(-1)?.role !== lastRole) {
    throw wrongField(
      `messages[${value.length - 1}].role`,
      `the ${lastRole}'s turn last`,
      messages.at(-1)?.role,
    );
  }
  return messages;
}

/** The content of a message: a text, or parts; an answer's calls of tools may be parts, too. */
function readContent(value: unknown, param: string, role: string): string | readonly MessagePart[] {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) throw wrongField(param, "a text or a list of parts", value);
  const types = role === "assistant" ? ["text", "python", "python_output"] : ["text"];
  const parts = value.map((part: unknown, i): MessagePart => {
    if (!isObject(part)) throw wrongField(`${param}[${i}]`, "an object", part);
    const { type, text } = part;
    if (!types.includes(type as string)) {
      throw wrongField(`${param}[${i}].type`, types.join(", "), type);
    }
    if (typeof text !== "string") throw wrongField(`${param}[${i}].text`, "a text", text);
    return { type: type as MessagePart["type"], text };
  });
  return role === "assistant" ? parts : parts.map(({ text }) => text).join("");
}

/** Maximum characters that can fit into the context. */
function maxCharacters({ context, longestToken }: ServedModel): number {
  return context * longestToken;
}

function charactersOf(messages: readonly Message[]): number {
  const texts = messages.flatMap(({ content }) =>
    typeof content === "string" ? [content] : content.map(({ text }) => text)
  );
  return texts.reduce((sum, { length }) => sum + length, 0);
}

/** Refuses what cannot fit before it is encoded, which takes time. */
function checkLength(characters: number, param: string, model: ServedModel): void {
  if (characters <= maxCharacters(model)) return;
  throw tooLong(param, model, `${characters} characters`);
}

function tooLong(param: string, { context }: ServedModel, got: number | string): ApiError {
  const wanted = `fewer than ${context} tokens, the context of this model`;
  const message = `Cannot use ${param}: wanted ${wanted}, got ${got}`;
  return new ApiError(400, message, { param, code: "context_length_exceeded" });
}

/**
 * The ids of a prompt: the token that begins every document, if there is one, and the newest others.
 *
 * @param room Maximum tokens, for which the oldest ones are left out; `null` for all of them.
 */
function encode(prompt: Prompt, model: ServedModel, room: number | null): readonly number[] {
  const { tokenizer } = model;
  let ids = prompt;
  if (typeof ids === "string") {
    const text = room === null ? ids : ids.slice(-maxCharacters(model));
    checkLength(text.length, "prompt", model);
    try {
      ids = tokenizer.encode(text);
    } catch (error) {
      // The split pattern of the model takes too many steps with this text.
      if (!(error instanceof RangeError)) throw error;
      throw new ApiError(400, error.message, { param: "prompt", code: "invalid_value" });
    }
  }
  const start = tokenizer.documentStart === null ? [] : [tokenizer.documentStart];
  const surplus = room === null ? 0 : start.length + ids.length - room;
  return [...start, ...ids.slice(Math.max(0, surplus))];
}

function textOf(prompt: Prompt, { tokenizer }: ServedModel): string {
  return typeof prompt === "string" ? prompt : tokenizer.decode(prompt);
}

/**
 * Renders a conversation as a prompt for an answer, or for the rest of its last one.
 *
 * @param room Maximum tokens, for which the oldest exchanges are left out; `null` for all of them.
 */
async function renderMessages(
  messages: readonly Message[],
  model: ServedModel,
  room: number | null,
): Promise<{ readonly prompt: readonly number[]; readonly truncated: number }> {
  const { format, name } = model;
  if (format === null) {
    const message =
      `Cannot chat with ${name}: wanted a model with a format of conversations, got one ` +
      "for texts";
    throw new ApiError(400, message, { param: "messages", code: "invalid_value" });
  }
  const system = messages.filter(({ role }) => role === "system");
  const turns = messages.slice(system.length);
  const last = Math.floor((turns.length - 1) / 2);
  let first = 0;
  let characters = charactersOf(messages);
  // Exchanges that cannot fit are left out before the others are rendered, which takes time.
  for (; room !== null && first < last && characters > maxCharacters(model); first++) {
    characters -= charactersOf(turns.slice(2 * first, 2 * first + 2));
  }
  checkLength(characters, "messages", model);
  const render = (exchange: number) =>
    format.renderPrompt([...system, ...turns.slice(2 * exchange)]);
  try {
    const whole = await render(first);
    if (room === null || whole.length <= room) return { prompt: whole, truncated: 2 * first };
    // The first exchange of those that fit: what is left out makes the prompt no longer.
    let [tooLong, fitting] = [first, last];
    let prompt = await render(fitting);
    while (fitting - tooLong > 1) {
      const middle = Math.floor((tooLong + fitting) / 2);
      const ids = await render(middle);
      if (ids.length > room) tooLong = middle;
      else [fitting, prompt] = [middle, ids];
    }
    if (prompt.length <= room) return { prompt, truncated: 2 * fitting };
    throw new ApiError(
      400,
      `Cannot use messages: wanted at most ${room} tokens in the last exchange, which leaves room for ` +
        `an answer, got ${prompt.length}`,
      { param: "messages", code: "context_length_exceeded" },
    );
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    throw new ApiError(400, error.message, { param: "messages", code: "invalid_value" });
  }
}
