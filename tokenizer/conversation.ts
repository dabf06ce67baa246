/** Chat rendering: conversations as token ids, with a loss mask for the assistant. @module */
import { checkOptions } from "./checks.ts";
import { showValue } from "./show.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Part of an assistant message: text, Python code to run, or its output. */
export interface MessagePart {
  /** Kind of content. */
  type: "text" | "python" | "python_output";
  /** The content. */
  text: string;
}

/** One turn of a conversation. */
export interface Message {
  /** The speaker. */
  role: "system" | "user" | "assistant";
  /** The content; only an assistant message may be a list of parts. */
  content: string | readonly MessagePart[];
}

/** A chat: alternating user and assistant turns, after at most one system message. */
export interface Conversation {
  /** The turns, in order. */
  messages: readonly Message[];
}

/** A rendered conversation: two lists of the same length. */
export interface RenderedConversation {
  /** Token ids. */
  ids: number[];
  /** Loss mask: 1 for tokens to train on, otherwise 0. */
  mask: number[];
}

/** Options for {@linkcode renderConversation}. */
export interface RenderOptions {
  /** Maximum length in tokens; longer conversations are truncated. @default {2048} */
  maxTokens?: number;
}

/**
 * Renders a conversation to token ids and a loss mask.
 *
 * The mask is 1 for the assistant's text, for its Python calls with the tokens around them, and for
 * the token that ends its turn. It is 0 for the user's turns, for the token that starts the
 * assistant's turn, and for Python output, which the model does not generate at inference. A system
 * message is prepended to the first user message, with an empty line between them.
 *
 * Source: `render_conversation` in nanochat's `tokenizer.py`.
 *
 * @throws {TypeError} If something in the conversation is missing or of the wrong type, or an option
 * is unknown.
 * @throws {RangeError} If there are no turns or they do not alternate starting with the user, if a
 * part has an unknown type, or if the tokenizer lacks a special token.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "./tokenizer.ts";
 * import { renderConversation } from "./conversation.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const { ids, mask } = renderConversation(tokenizer, {
 *   messages: [{ role: "user", content: "hi" }, { role: "assistant", content: "yo" }],
 * });
 * console.log(tokenizer.decode(ids));
 * // <|bos|><|user_start|>hi<|user_end|><|assistant_start|>yo<|assistant_end|>
 * console.log(mask); // [ 0, 0, 0, 0, 0, 0, 1, 1, 1 ]
 * ```
 */
export function renderConversation(
  tokenizer: Tokenizer,
  conversation: Conversation,
  options: RenderOptions = {},
): RenderedConversation {
  checkOptions("render the conversation", options, { maxTokens: true });
  const { maxTokens = 2048 } = options;
  if (maxTokens !== Infinity && !(Number.isSafeInteger(maxTokens) && maxTokens >= 0)) {
    throw new RangeError(
      `Cannot render the conversation: wanted maxTokens as a whole number or Infinity, ` +
        `got ${showValue(maxTokens)}`,
    );
  }
  const rendered: RenderedConversation = { ids: [], mask: [] };
  const learned = (ids: number[]): void => append(rendered, ids, 1);
  const given = (ids: number[]): void => append(rendered, ids, 0);
  const special = (name: string): number[] => [tokenizer.special(name)];

  given([tokenizer.bos]);
  for (const [index, message] of withoutSystem(messagesOf(conversation)).entries()) {
    const role = index % 2 === 0 ? "user" : "assistant";
    if (message.role !== role) {
      throw new RangeError(
        `Cannot render the conversation: wanted turn ${index} from the ${role}, ` +
          `got one from ${showValue(message.role)}`,
      );
    }
    if (role === "user") {
      given(special("<|user_start|>"));
      given(tokenizer.encode(stringOf(message, "user")));
      given(special("<|user_end|>"));
      continue;
    }
    given(special("<|assistant_start|>"));
    for (const { type, text } of splitContent(message)) {
      const ids = tokenizer.encode(text);
      if (type === "text") learned(ids);
      else if (type === "python") {
        learned([...special("<|python_start|>"), ...ids, ...special("<|python_end|>")]);
      } else given([...special("<|output_start|>"), ...ids, ...special("<|output_end|>")]);
    }
    learned(special("<|assistant_end|>"));
  }
  return { ids: rendered.ids.slice(0, maxTokens), mask: rendered.mask.slice(0, maxTokens) };
}

/**
 * Renders a conversation as a prompt for the assistant's next message: drops the last turn and ends
 * with the token that starts an assistant turn.
 *
 * Source: `render_for_completion` in nanochat's `tokenizer.py`.
 *
 * @throws {RangeError} If the last turn is not the assistant's, and as
 * {@linkcode renderConversation}.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "./tokenizer.ts";
 * import { renderForCompletion } from "./conversation.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const ids = renderForCompletion(tokenizer, {
 *   messages: [{ role: "user", content: "hi" }, { role: "assistant", content: "yo" }],
 * });
 * console.log(tokenizer.decode(ids)); // <|bos|><|user_start|>hi<|user_end|><|assistant_start|>
 * ```
 */
export function renderForCompletion(
  tokenizer: Tokenizer,
  conversation: Conversation,
  options: RenderOptions = {},
): number[] {
  const messages = messagesOf(conversation);
  const last = messages.at(-1);
  if (last?.role !== "assistant") {
    throw new RangeError(
      `Cannot render for completion: wanted a last turn from the assistant, ` +
        `got ${last === undefined ? "no turns" : `one from ${showValue(last.role)}`}`,
    );
  }
  const { ids } = renderConversation(tokenizer, { messages: messages.slice(0, -1) }, options);
  return [...ids, tokenizer.special("<|assistant_start|>")];
}

/**
 * Formats a rendered conversation for a terminal: tokens to train on in green, others in red,
 * separated by bars.
 *
 * @throws {RangeError} If an id is not in the vocabulary.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "./tokenizer.ts";
 * import { visualizeTokenization } from "./conversation.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * console.log(visualizeTokenization(tokenizer, { ids: [104, 105], mask: [0, 1] }));
 * ```
 */
export function visualizeTokenization(
  tokenizer: Tokenizer,
  { ids, mask }: RenderedConversation,
): string {
  return ids
    .map((id, i) => `\x1b[${mask[i] === 1 ? 92 : 91}m${tokenizer.decode([id])}\x1b[0m`)
    .join("|");
}

function append({ ids, mask }: RenderedConversation, more: number[], learned: 0 | 1): void {
  for (const id of more) {
    ids.push(id);
    mask.push(learned);
  }
}

/** Validates the messages: conversations come from files, so types are checked at run time. */
function messagesOf(conversation: Conversation): readonly Message[] {
  const messages: unknown = conversation?.messages;
  if (!Array.isArray(messages)) {
    throw new TypeError(
      `Cannot render the conversation: wanted a list of messages, got ${typeof messages}`,
    );
  }
  for (const [index, message] of messages.entries()) {
    if (typeof message !== "object" || message === null) {
      throw new TypeError(
        `Cannot render the conversation: wanted an object as message ${index}, ` +
          `got ${message === null ? "null" : typeof message}`,
      );
    }
  }
  return messages;
}

function withoutSystem(messages: readonly Message[]): readonly Message[] {
  const [first, second, ...rest] = messages;
  if (first === undefined) {
    throw new RangeError("Cannot render the conversation: wanted at least one message, got none");
  }
  if (first.role !== "system") return messages;
  if (second?.role !== "user") {
    throw new RangeError(
      `Cannot render the conversation: wanted a user message after the system message, ` +
        `got ${second === undefined ? "none" : `one from ${showValue(second.role)}`}`,
    );
  }
  const content = `${stringOf(first, "system")}\n\n${stringOf(second, "user")}`;
  return [{ role: "user", content }, ...rest];
}

function stringOf({ content }: Message, role: string): string {
  if (typeof content === "string") return content;
  throw new TypeError(
    `Cannot render the conversation: wanted a string as content of the ${role} message, ` +
      `got ${Array.isArray(content) ? "a list" : typeof content}`,
  );
}

function splitContent({ content }: Message): readonly MessagePart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  const parts: unknown = content;
  if (!Array.isArray(parts)) {
    throw new TypeError(
      `Cannot render the conversation: wanted a string or a list of parts from the assistant, ` +
        `got ${typeof parts}`,
    );
  }
  for (const [index, part] of parts.entries()) {
    if (typeof part?.text !== "string") {
      throw new TypeError(
        `Cannot render the conversation: wanted a string in part ${index}, ` +
          `got ${typeof part?.text}`,
      );
    }
    if (!["text", "python", "python_output"].includes(part.type)) {
      throw new RangeError(
        `Cannot render the conversation: wanted a part of type text, python or python_output, ` +
          `got ${showValue(part.type)}`,
      );
    }
  }
  return parts;
}
