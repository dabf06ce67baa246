/**
 * Conversations as token ids, with a mask of what the assistant learns from.
 *
 * @module
 */
import type { Tokenizer } from "./tokenizer.ts";

/** A part of what the assistant says: text, Python that it runs, or what that printed. */
export interface MessagePart {
  /** What the part is. */
  type: "text" | "python" | "python_output";
  /** Its content. */
  text: string;
}

/** One turn. */
export interface Message {
  /** Who speaks. */
  role: "system" | "user" | "assistant";
  /** What is said; only the assistant's may come in parts. */
  content: string | readonly MessagePart[];
}

/** A chat: turns of the user and the assistant, after at most one system message. */
export interface Conversation {
  /** The turns in order. */
  messages: readonly Message[];
}

/** A conversation as {@linkcode renderConversation} gives it: two lists of the same length. */
export interface RenderedConversation {
  /** Token ids. */
  ids: number[];
  /** 1 where the assistant is to learn to say the token, otherwise 0. */
  mask: number[];
}

/** How long a rendered conversation may be. */
export interface RenderOptions {
  /** What goes beyond this many tokens is cut off; 2048 by default. */
  maxTokens?: number;
}

/**
 * Turns a conversation into token ids and the mask of what is learned from.
 *
 * Learned are the assistant's words, its Python with the tokens around it, and the token that ends
 * its turn. Not learned are the user's turns, the token that begins the assistant's, and what
 * Python printed, which at the time of use does not come from the model. A system message is put
 * before the first user message, with an empty line between them.
 *
 * Source: `render_conversation` in nanochat's `tokenizer.py`.
 *
 * @throws {TypeError} If something in the conversation is missing or of the wrong type.
 * @throws {RangeError} If the turns do not alternate, beginning with the user's, or there are none;
 * if a part is of an unknown type, or the tokenizer lacks a special token.
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
  { maxTokens = 2048 }: RenderOptions = {},
): RenderedConversation {
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
          `got one from ${JSON.stringify(message.role)}`,
      );
    }
    if (role === "user") {
      given(special("<|user_start|>"));
      given(tokenizer.encode(stringOf(message, "user")));
      given(special("<|user_end|>"));
      continue;
    }
    given(special("<|assistant_start|>"));
    for (const { type, text } of partsOf(message)) {
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
 * Turns a conversation into the token ids after which the assistant is to speak: its last turn is
 * left out, and the token that begins it stands at the end.
 *
 * Source: `render_for_completion` in nanochat's `tokenizer.py`.
 *
 * @throws {RangeError} If the last turn is not the assistant's; and all of
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
        `got ${last === undefined ? "no turns" : `one from ${JSON.stringify(last.role)}`}`,
    );
  }
  const { ids } = renderConversation(tokenizer, { messages: messages.slice(0, -1) }, options);
  return [...ids, tokenizer.special("<|assistant_start|>")];
}

/**
 * Shows a rendered conversation in a terminal: tokens that are learned from in green, others in
 * red, bars between them.
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

/** The messages, each of which is an object. Conversations come from files, so types are checked. */
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
        `got ${second === undefined ? "none" : `one from ${JSON.stringify(second.role)}`}`,
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

function partsOf({ content }: Message): readonly MessagePart[] {
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
        `Cannot render the conversation: wanted a text in part ${index}, got ${typeof part?.text}`,
      );
    }
    if (!["text", "python", "python_output"].includes(part.type)) {
      throw new RangeError(
        `Cannot render the conversation: wanted a part of type text, python or python_output, ` +
          `got ${JSON.stringify(part.type)}`,
      );
    }
  }
  return parts;
}
