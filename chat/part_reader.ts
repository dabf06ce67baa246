/** The parts of an answer: text, tool calls, and their outputs. @module */

import type { MessagePart, Tokenizer } from "../tokenizer/mod.ts";

/** A piece of a streamed answer. */
export interface AnswerPiece {
  /** Whether it is text, a tool call, or the tool's output. */
  readonly type: MessagePart["type"];
  /** Whole characters. */
  readonly text: string;
}

/**
 * Sorts the tokens of an answer into parts, and returns whole characters.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../tokenizer/mod.ts";
 * import { PartReader } from "./part_reader.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const reader = new PartReader(tokenizer);
 * const start = tokenizer.special("<|python_start|>");
 * for (const token of [...tokenizer.encode("It is"), start, 50]) reader.take(token);
 * if (reader.parts.map(({ type }) => type).join() !== "text,python") throw new Error("two parts");
 * ```
 */
export class PartReader {
  /** The part read so far. */
  readonly parts: MessagePart[] = [];
  readonly #tokenizer: Tokenizer;
  readonly #types: ReadonlyMap<number, MessagePart["type"]>;
  #type: MessagePart["type"] = "text";
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** Begins with text. */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    const types = { "<|python_start|>": "python", "<|output_start|>": "python_output" } as const;
    this.#types = new Map(
      [...tokenizer.specialTokens].map(([name, id]) =>
        [id, name in types ? types[name as keyof typeof types] : "text"] as const
      ),
    );
  }

  /** The characters that a token completes; `null` if there are none. */
  take(token: number): AnswerPiece | null {
    const type = this.#types.get(token);
    if (type !== undefined) {
      // The rest of a character at the end of a part is dropped.
      this.#decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      this.#type = type;
      return null;
    }
    const bytes = this.#tokenizer.decodeBytes([token]);
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return null;
    const piece = { type: this.#type, text };
    addPiece(this.parts, piece);
    return piece;
  }
}

/**
 * Adds a piece to parts: to the last one, if that is of the same type.
 *
 * @example
 * ```ts
 * import { addPiece } from "./part_reader.ts";
 *
 * const parts = [{ type: "text" as const, text: "It" }];
 * addPiece(parts, { type: "text", text: " is" });
 * if (parts.length !== 1 || parts[0]!.text !== "It is") throw new Error("expected one part");
 * ```
 */
export function addPiece(parts: MessagePart[], { type, text }: AnswerPiece): void {
  const last = parts.at(-1);
  if (last?.type === type) last.text += text;
  else parts.push({ type, text });
}

/**
 * The parts of an answer as one string, a call in brackets with its output: `[17*23 = 391]`.
 *
 * @example
 * ```ts
 * import { FoldedText } from "./part_reader.ts";
 *
 * const folded = new FoldedText();
 * let text = folded.add({ type: "python", text: "6*7" });
 * text += folded.add({ type: "python_output", text: "42" }) + folded.add({ type: "text", text: "It is." });
 * if (text + folded.end() !== "[6*7 = 42] It is.") throw new Error(text);
 * ```
 */
export class FoldedText {
  #last: MessagePart["type"] = "text";

  /** Returns the text of a piece, with the brackets that belong before it. */
  add({ type, text }: AnswerPiece): string {
    const last = this.#last;
    this.#last = type;
    if (type === last) return text;
    if (type === "text") return `] ${text}`;
    if (last === "text") return `[${text}`;
    return type === "python_output" ? ` = ${text}` : `] [${text}`;
  }

  /** The bracket that is still open at the end, if there is one. */
  end(): string {
    const isOpen = this.#last !== "text";
    this.#last = "text";
    return isOpen ? "]" : "";
  }
}
