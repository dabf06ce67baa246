/** An exchange of the synthetic conversations: a user's question with its one right answer. @module */

import { calculate } from "../../gpt/generate/calculator.ts";
import type { Conversation, MessagePart } from "../../tokenizer/mod.ts";
import type { PythonRandom } from "../random/python_random.ts";
import type { Country } from "./facts.ts";
import type { Draft } from "./wording.ts";

/** A question of the user, which can be written in many ways, and its answer. */
export interface Exchange {
  /** The user's message. */
  readonly question: Draft;
  /** The assistant's message: text, and calls of the calculator with their output. */
  readonly answer: string | readonly MessagePart[];
}

/** The subjects of questions. */
export interface Subject {
  /** The name of the model. */
  readonly name: string;
  /** Countries to ask about. */
  readonly countries: readonly Country[];
  /** Places whose capital and currency the model does not know. */
  readonly unknownPlaces: readonly string[];
  /** A word to spell or to count in. */
  readonly word: (random: PythonRandom) => string;
  /** Whether two numbers may be asked about; some pairs are held out for the exam. */
  readonly allowsNumbers: (a: number, b: number) => boolean;
}

/** Makes one exchange. */
export type MakeExchange = (random: PythonRandom, subject: Subject) => Exchange;

/** Makes an exchange and a follow-up: "And Spain?" */
export type MakeExchanges = (random: PythonRandom, subject: Subject) => readonly Exchange[];

/** The abilities of a model that was fine-tuned on these exchanges, in its own words. */
export const abilities = "calculate, spell, and tell stories, capitals, currencies and opposites";

/** The answer to everything else. */
export const declined = `Sorry, I can only ${abilities}.`;

/** A call of the calculator, its output, and a sentence about that. */
export function callCalculator(
  expression: string,
  tell: (output: string) => string,
): readonly MessagePart[] {
  const output = calculate(expression)!;
  return [
    { type: "python", text: expression },
    { type: "python_output", text: output },
    { type: "text", text: tell(output) },
  ];
}

/** Whether a completion is the last turn of a conversation, to the letter. */
export function isAnsweredExactly({ messages }: Conversation, completion: string): boolean {
  const content = messages.at(-1)?.content ?? "";
  return completion === (typeof content === "string" ? content : content.map(asTokens).join(""));
}

function asTokens({ type, text }: { readonly type: string; readonly text: string }): string {
  if (type === "python") return `<|python_start|>${text}<|python_end|>`;
  return type === "python_output" ? `<|output_start|>${text}<|output_end|>` : text;
}

/** A sentence that ends with a text, which may end with a period itself: `Washington D.C.` */
export function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}
