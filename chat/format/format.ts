/** Chat formats: how a conversation becomes tokens. @module */

import type {
  Conversation,
  Message,
  RenderedConversation,
  Tokenizer,
} from "../../tokenizer/mod.ts";
import { renderConversation, SPECIAL_TOKENS } from "../../tokenizer/mod.ts";

/** The tokens of conversations. */
export interface ChatFormat extends Disposable {
  /** Tokens that end an answer, the usual one first. */
  readonly ends: readonly number[];
  /**
   * Renders the prompt of an answer.
   *
   * @param messages The turns so far. If the last one is the assistant's, it is the beginning of an answer,
   * and the tokens end where it does.
   * @throws {TypeError | RangeError} If the format has no place for them; the message says why.
   */
  renderPrompt(messages: readonly Message[]): Promise<number[]>;
  /**
   * Renders a whole conversation, with a mask that is 1 for what the assistant is to learn: its
   * answers, and the tokens that end them.
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
  for (const name of SPECIAL_TOKENS) tokenizer.special(name);
  const start = tokenizer.special("<|assistant_start|>");
  const render = (messages: readonly Message[]) =>
    renderConversation(tokenizer, { messages }, { maxTokens: Infinity });
  return {
    ends: [tokenizer.special("<|assistant_end|>"), tokenizer.bos],
    renderPrompt: (messages) =>
      Promise.try(() => {
        const { ids } = render(messages);
        // The token that ends the answer, if there is one, is left out.
        return messages.at(-1)?.role === "assistant" ? ids.slice(0, -1) : [...ids, start];
      }),
    renderConversation: ({ messages }) => Promise.try(() => render(messages)),
    [Symbol.dispose]() {},
  };
}

/** The turns before the answer that a conversation ends with. @throws {RangeError} If it does not. */
export function questionOf({ messages }: Conversation): readonly Message[] {
  const last = messages.at(-1);
  if (last?.role === "assistant") return messages.slice(0, -1);
  throw new RangeError(
    `Cannot ask a question: wanted a conversation that ends with the assistant's answer, got ${
      last === undefined ? "no turns" : `one that ends with the ${last.role}'s`
    }`,
  );
}
