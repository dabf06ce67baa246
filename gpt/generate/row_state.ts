/**
 * One sample while it grows: which tokens are forced because the model called a tool, and whether the
 * sample has ended.
 *
 * Source: `RowState` in nanochat's `engine.py`.
 *
 * @module
 */

import { calculate } from "./calculator.ts";

/** What the engine needs of a tokenizer: where a sample ends, and the texts of tool calls. */
export interface EngineTokenizer {
  /** The id of a special token. It may throw for a name that it does not know. */
  special(name: string): number;
  /** The ids of a text. */
  encode(text: string): ArrayLike<number>;
  /** The text of ids. */
  decode(ids: number[]): string;
}

/** The special tokens that steer generation; `null` for those that the tokenizer lacks. */
export interface GenerationTokens {
  /** Tokens that end a sample. */
  readonly ends: readonly number[];
  /** Begins a tool call. */
  readonly pythonStart: number | null;
  /** Ends a tool call. */
  readonly pythonEnd: number | null;
  /** Begins the output of a tool. */
  readonly outputStart: number | null;
  /** Ends the output of a tool. */
  readonly outputEnd: number | null;
}

/** Looks up the special tokens that steer generation. */
export function generationTokens(tokenizer: EngineTokenizer): GenerationTokens {
  const find = (name: string): number | null => {
    try {
      return tokenizer.special(name) ?? null;
    } catch {
      // A tokenizer without chats has only some of the special tokens.
      return null;
    }
  };
  return {
    ends: [find("<|assistant_end|>"), find("<|bos|>")].filter((id) => id !== null),
    pythonStart: find("<|python_start|>"),
    pythonEnd: find("<|python_end|>"),
    outputStart: find("<|output_start|>"),
    outputEnd: find("<|output_end|>"),
  };
}

/** Answers a tool call; `null` if there is no answer, and the model goes on by itself. */
export type Tool = (call: string) => string | null;

/**
 * The state of one sample. For each sampled token it says which token comes: that one, or one that is
 * forced, since the output of a tool is written by the tool. A call that the prompt began is not
 * answered.
 *
 * @example A call of the calculator, whose answer is forced
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { generationTokens, RowState } from "./row_state.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const row = new RowState(generationTokens(tokenizer), tokenizer);
 * const start = tokenizer.special("<|python_start|>");
 * const end = tokenizer.special("<|python_end|>");
 * const tokens: number[] = [];
 * const zero = 48;
 * for (const sampled of [start, ...tokenizer.encode("6*7"), end, zero, zero, zero, zero]) {
 *   tokens.push(row.next(sampled).token);
 * }
 * if (!tokenizer.decode(tokens).endsWith("<|output_start|>42<|output_end|>")) {
 *   throw new Error(tokenizer.decode(tokens));
 * }
 * ```
 */
export class RowState {
  readonly #special: GenerationTokens;
  readonly #tokenizer: EngineTokenizer;
  readonly #tool: Tool;
  readonly #forced: number[] = [];
  /** The tokens of the open expression, if there is one. */
  #expression: number[] | null = null;
  #isFinished = false;

  /**
   * Starts a sample.
   *
   * @param special The special tokens that steer generation.
   * @param tokenizer Decodes calls and encodes outputs.
   * @param tool Answers calls. @default {calculate}
   */
  constructor(special: GenerationTokens, tokenizer: EngineTokenizer, tool: Tool = calculate) {
    this.#special = special;
    this.#tokenizer = tokenizer;
    this.#tool = tool;
  }

  /** Whether the sample has ended. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** Whether one of the next tokens may be forced: an expression is open, or an output is pending. */
  get mayBeForced(): boolean {
    return this.#forced.length > 0 || this.#expression !== null;
  }

  /**
   * The next token.
   *
   * @param sampled The token that the model sampled.
   * @returns That token with mask 1, or a forced one with mask 0.
   */
  next(sampled: number): { readonly token: number; readonly mask: 0 | 1 } {
    const forced = this.#forced.shift();
    const token = forced ?? sampled;
    const { ends, pythonStart, pythonEnd } = this.#special;
    if (ends.includes(token)) this.#isFinished = true;
    if (token === pythonStart) this.#expression = [];
    else if (token === pythonEnd && this.#expression !== null) {
      if (this.#expression.length > 0) this.#answer(this.#tokenizer.decode(this.#expression));
      this.#expression = null;
    } else this.#expression?.push(token);
    return { token, mask: forced === undefined ? 1 : 0 };
  }

  #answer(call: string): void {
    const { outputStart, outputEnd } = this.#special;
    const answer = this.#tool(call);
    if (answer === null || outputStart === null || outputEnd === null) return;
    this.#forced.push(outputStart, ...Array.from(this.#tokenizer.encode(answer)), outputEnd);
  }
}
