/**
 * Which fields a request may have: those that are read, those that may be ignored since the answer is
 * the same without them, and those that ask for something that is not built.
 *
 * As at OpenAI, nothing that would change the answer is passed over in silence.
 *
 * @module
 */

import { ApiError } from "./errors.ts";
import { isObject, type JsonObject, showValue } from "./fields.ts";

/** A value that asks for nothing beyond what is done anyway, and how a message describes it. */
interface Neutral {
  readonly wanted: string;
  readonly isNeutral: (value: unknown, body: JsonObject) => boolean;
}

/** The fields of one kind of requests. */
export interface Parameters {
  /** Those that are read. */
  readonly read: readonly string[];
  /** Those that change nothing about the answer. */
  readonly ignored: readonly string[];
  /** Those that ask for something that is not built, unless their value is neutral. */
  readonly unsupported: Readonly<Record<string, Neutral>>;
}

const noValue: Neutral = { wanted: "no such field", isNeutral: () => false };

const noEntries: Neutral = {
  wanted: "no such field, or an empty one",
  isNeutral: (value) =>
    Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0,
};

const only = (text: string): Neutral => ({
  wanted: `"${text}"`,
  isNeutral: (value) => value === text,
});

const shared: Parameters = {
  read: [
    "model",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "n",
    "stop",
    "stream",
    "stream_options",
    "logprobs",
    "max_tokens",
    // Those of most servers of open models, and of OpenAI's responses.
    "top_k",
    "truncation",
  ],
  ignored: ["user"],
  unsupported: { logit_bias: noEntries },
};

/** The fields of `/v1/chat/completions`. */
export const chatParameters: Parameters = {
  read: [
    ...shared.read,
    "messages",
    "max_completion_tokens",
    "top_logprobs",
    "continue_final_message",
  ],
  ignored: [
    ...shared.ignored,
    "store",
    "metadata",
    "service_tier",
    "safety_identifier",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    // Without tools there is nothing to call in parallel.
    "parallel_tool_calls",
  ],
  unsupported: {
    ...shared.unsupported,
    tools: noEntries,
    tool_choice: only("none"),
    functions: noEntries,
    function_call: only("none"),
    response_format: {
      wanted: '{ "type": "text" }',
      isNeutral: (value) => isObject(value) && value["type"] === "text",
    },
    modalities: {
      wanted: '["text"]',
      isNeutral: (value) => Array.isArray(value) && value.every((each) => each === "text"),
    },
    audio: noValue,
    moderation: noValue,
    web_search_options: noValue,
    reasoning_effort: only("none"),
    verbosity: only("medium"),
  },
};

/** The fields of `/v1/completions`. */
export const completionParameters: Parameters = {
  read: [...shared.read, "prompt", "echo"],
  ignored: shared.ignored,
  unsupported: {
    ...shared.unsupported,
    suffix: only(""),
    best_of: { wanted: "the same number as n", isNeutral: (value, { n }) => value === (n ?? 1) },
  },
};

/** The fields of a message; those but role and content are what clients send back of an answer. */
const messageFields: Parameters = {
  read: ["role", "content"],
  ignored: ["name", "refusal", "annotations", "parts"],
  unsupported: { tool_calls: noEntries, function_call: noValue, audio: noValue },
};

/**
 * Checks that a request has no field that would be passed over although it changes the answer.
 *
 * @throws {ApiError} If it has one: 400, with its name.
 *
 * @example
 * ```ts
 * import { chatParameters, checkParameters } from "./parameters.ts";
 *
 * checkParameters({ messages: [], user: "ada", response_format: { type: "text" } }, chatParameters);
 * try {
 *   checkParameters({ messages: [], response_format: { type: "json_object" } }, chatParameters);
 * } catch (error) {
 *   if (!`${error}`.includes('wanted { "type": "text" }')) throw error;
 * }
 * ```
 */
export function checkParameters(body: JsonObject, parameters: Parameters): void {
  checkFields(body, parameters, "");
  const streamOptions = body["stream_options"];
  if (isObject(streamOptions)) {
    const read = ["include_usage"], ignored = ["include_obfuscation"];
    checkFields(streamOptions, { read, ignored, unsupported: {} }, "stream_options.");
  }
}

/**
 * Checks the fields of a message.
 *
 * @param message The message.
 * @param param Its name in errors: `messages[0]`.
 * @throws {ApiError} If it has one that would be passed over although it changes the answer.
 */
export function checkMessage(message: JsonObject, param: string): void {
  checkFields(message, messageFields, `${param}.`);
}

function checkFields(
  body: JsonObject,
  { read, ignored, unsupported }: Parameters,
  prefix: string,
): void {
  for (const [name, value] of Object.entries(body)) {
    if (read.includes(name) || ignored.includes(name)) continue;
    const param = `${prefix}${name.slice(0, 80)}`;
    const neutral = Object.hasOwn(unsupported, name) ? unsupported[name] : undefined;
    if (neutral === undefined) {
      // OpenAI's own words, which people search for.
      const message = `Unknown parameter: '${param}'.`;
      throw new ApiError(400, message, { param, code: "unknown_parameter" });
    }
    if (value === null || neutral.isNeutral(value, body)) continue;
    throw new ApiError(
      400,
      `Cannot use ${param}, which is not supported: wanted ${neutral.wanted}, got ${
        showValue(value)
      }`,
      { param, code: "unsupported_parameter" },
    );
  }
}
