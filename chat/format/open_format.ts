/** Finds the chat format of a model. @module */

import { SPECIAL_TOKENS, type Tokenizer } from "../../tokenizer/mod.ts";
import { type ChatFormat, nanochatFormat } from "./format.ts";
import { TemplateFormat } from "./template_format.ts";

/**
 * The format of a model's conversations: that of its template if it has one, and otherwise nanochat's.
 *
 * @param model Its tokenizer, and the template of its conversations.
 * @returns The format; `null` if the tokenizer lacks the tokens of nanochat's conversations.
 * @throws {RangeError} If there is a template, and no token that ends an answer.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { openChatFormat } from "./open_format.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * using format = openChatFormat({ tokenizer, chatTemplate: null });
 * if (format?.ends[0] !== tokenizer.special("<|assistant_end|>")) throw new Error("nanochat's");
 * ```
 */
export function openChatFormat(
  { tokenizer, chatTemplate }: {
    readonly tokenizer: Tokenizer;
    readonly chatTemplate: string | null;
  },
): ChatFormat | null {
  if (chatTemplate !== null) return new TemplateFormat({ template: chatTemplate, tokenizer });
  const isNanochat = SPECIAL_TOKENS.every((name) => tokenizer.specialTokens.has(name));
  return isNanochat ? nanochatFormat(tokenizer) : null;
}
