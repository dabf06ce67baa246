/** How a conversation becomes the tokens that a model was trained on. @module */

import type {
  Conversation,
  Message,
  RenderedConversation,
  Tokenizer,
} from "../../tokenizer/mod.ts";
import { renderConversation } from "../../tokenizer/mod.ts";

/** The tokens of conversations. */
export interface ChatFormat {
  /** Tokens that end an answer, the usual one first. */
  readonly ends: readonly number[];
  /**
   * The tokens that an answer follows.
   *
   * @param messages The turns so far, of which the last one is not the assistant's.
   * @throws {TypeError | RangeError} If the format has no place for them; the message says why.
   */
  renderPrompt(messages: readonly Message[]): Promise<number[]>;
  /**
   * A whole conversation, with a mask that is 1 for what the assistant is to learn: its answers, and the
   * tokens that end them.
   *
   * @throws {TypeError | RangeError} If the format has no place for it; the message says why.
   */
  renderConversation(conversation: Conversation): Promise<RenderedConversation>;
}

/**
 * The format of nanochat's models.
 *
 * @param tokenizer Has nanochat's special tokens.
 * @throws {RangeError} If it lacks one.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { nanochatFormat } from "./format.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const ids = await nanochatFormat(tokenizer).renderPrompt([{ role: "user", content: "hi" }]);
 * const text = "<|bos|><|user_start|>hi<|user_end|><|assistant_start|>";
 * if (tokenizer.decode(ids) !== text) throw new Error(tokenizer.decode(ids));
 * ```
 */
export function nanochatFormat(tokenizer: Tokenizer): ChatFormat {
  const start = tokenizer.special("<|assistant_start|>");
  const render = (messages: readonly Message[]) =>
    renderConversation(tokenizer, { messages }, { maxTokens: Infinity });
  return {
    ends: [tokenizer.special("<|assistant_end|>"), tokenizer.bos],
    renderPrompt: (messages) => Promise.try(() => [...render(messages).ids, start]),
    renderConversation: ({ messages }) => Promise.try(() => render(messages)),
  };
}
