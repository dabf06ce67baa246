/**
 * Grade-school arithmetic in the format of GSM8K: answers with calculator calls `<<expr=result>>`, and
 * the final answer after `####`.
 *
 * @module
 */

import type { Conversation, MessagePart } from "../../tokenizer/mod.ts";

/** A row of GSM8K's data set. */
export interface Gsm8kRow {
  /** The question. */
  readonly question: string;
  /** The solution. */
  readonly answer: string;
}

/**
 * A row as a conversation: each `<<expr=result>>` becomes a call of the calculator and its output.
 *
 * Source: nanochat, `tasks/gsm8k.py`.
 *
 * @example
 * ```ts
 * import { gsm8kProblem } from "./gsm8k.ts";
 *
 * const { messages } = gsm8kProblem({ question: "2 times 3?", answer: "It is <<2*3=6>>6.\n#### 6" });
 * const parts = messages[1]!.content as readonly { readonly type: string }[];
 * const types = parts.map(({ type }) => type);
 * if (types.join() !== "text,python,python_output,text") throw new Error(`got ${types}`);
 * ```
 */
export function gsm8kProblem({ question, answer }: Gsm8kRow): Conversation {
  const content = answer.split(/(<<[^>]+>>)/).flatMap((piece): MessagePart[] => {
    if (!/^<<[^>]+>>$/.test(piece)) return [{ type: "text", text: piece }];
    const inner = piece.slice(2, -2);
    const equals = inner.lastIndexOf("=");
    return [
      { type: "python", text: equals === -1 ? inner : inner.slice(0, equals) },
      { type: "python_output", text: equals === -1 ? "" : inner.slice(equals + 1) },
    ];
  });
  return { messages: [{ role: "user", content: question }, { role: "assistant", content }] };
}

/**
 * The number after the first `####`, without its commas; `null` if there is none.
 *
 * @example
 * ```ts
 * import { extractAnswer } from "./gsm8k.ts";
 *
 * if (extractAnswer("so #### 1,234 eggs") !== "1234") throw new Error("expected 1234");
 * ```
 */
export function extractAnswer(text: string): string | null {
  return /#### (-?[0-9.,]+)/.exec(text)?.[1]?.replaceAll(",", "") ?? null;
}

/** Whether a response has the final answer of the last part of the problem's last turn. */
export function isAnsweredRight(problem: Conversation, response: string): boolean {
  const content = problem.messages.at(-1)?.content ?? "";
  const reference = typeof content === "string" ? content : content.at(-1)?.text ?? "";
  return extractAnswer(reference) === extractAnswer(response);
}
