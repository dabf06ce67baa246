/**
 * The state of one sample during generation: sampling, tool calls, and its end. Source: `RowState`
 * in nanochat's `engine.py`.
 *
 * @module
 */

import { wrongState } from "../../tensor/errors.ts";
import { deriveSeed, uniformArray } from "../../tensor/mod.ts";
import { calculate } from "./calculator.ts";
import { sampleToken } from "./sample_token.ts";
import { notFinite, type SamplingOptions } from "./sampling.ts";

/** The interface that generation needs of a tokenizer. */
export interface EngineTokenizer {
  /** The id of a special token. May throw for unknown names. */
  special(name: string): number;
  /** Encodes text. */
  encode(text: string): ArrayLike<number>;
  /** Decodes ids. */
  decode(ids: number[]): string;
  /** Ids that end a sample. @default {those of `<|assistant_end|>` and `<|bos|>`} */
  readonly ends?: readonly number[];
}

/** The special tokens of generation; `null` if the tokenizer lacks them. */
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

/** Looks up the special tokens of generation. */
export function generationTokens(tokenizer: EngineTokenizer): GenerationTokens {
  const find = (name: string): number | null => {
    try {
      return tokenizer.special(name) ?? null;
    } catch {
      // A tokenizer without chat tokens throws.
      return null;
    }
  };
  return {
    ends: tokenizer.ends ??
      [find("<|assistant_end|>"), find("<|bos|>")].filter((id) => id !== null),
    pythonStart: find("<|python_start|>"),
    pythonEnd: find("<|python_end|>"),
    outputStart: find("<|output_start|>"),
    outputEnd: find("<|output_end|>"),
  };
}

/** Answers a tool call, immediately or later; `null` for no answer. */
export type Tool = (call: string) => string | null | Promise<string | null>;

/**
 * State of one sample. Maps each sampled token to the next one: itself, or a forced token, since a
 * tool's output is not sampled. Calls that began in the prompt are not answered.
 *
 * @example A call of the calculator, whose answer is forced
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { generationTokens, RowState } from "./row_state.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const row = new RowState(generationTokens(tokenizer), tokenizer);
 * const [start, end] = ["<|python_start|>", "<|python_end|>"].map((name) => tokenizer.special(name));
 * const [zero] = tokenizer.encode("0");
 * const sampled = [start!, ...tokenizer.encode("6*7"), end!, zero!, zero!, zero!, zero!];
 * console.log(tokenizer.decode(sampled.map((id) => row.next(id).token)));
 * // <|python_start|>6*7<|python_end|><|output_start|>42<|output_end|>
 * ```
 */
export class RowState {
  readonly #special: GenerationTokens;
  readonly #tokenizer: EngineTokenizer;
  readonly #tool: Tool;
  readonly #sampling: SamplingOptions & { readonly index?: number };
  /** How often each token was sampled. */
  readonly #counts = new Map<number, number>();
  readonly #forced: number[] = [];
  #expression: number[] | null = null;
  /** Number of tokens so far. */
  length = 0;
  /** Whether the sample has ended. */
  isFinished = false;
  /** A tool that has not answered yet: it has to be awaited before the next token. */
  pending: Promise<void> | null = null;

  /**
   * Creates the state of a new sample, whose calls `tool` answers.
   *
   * @param sampling How {@linkcode RowState.sample} samples; `index` distinguishes samples of one
   * seed.
   */
  constructor(
    special: GenerationTokens,
    tokenizer: EngineTokenizer,
    tool: Tool = calculate,
    sampling: SamplingOptions & { readonly index?: number } = {},
  ) {
    this.#special = special;
    this.#tokenizer = tokenizer;
    this.#tool = tool;
    this.#sampling = sampling;
  }

  /** Whether one of the next tokens may be forced: a call is open, or output is pending. */
  get mayBeForced(): boolean {
    return this.#forced.length > 0 || this.#expression !== null;
  }

  /**
   * Samples the next token from logits on the host; see {@linkcode RowState.next}.
   *
   * @param logits `[vocabulary]`
   * @throws {Error} If they are NaN or infinite, or a tool is still `pending`.
   */
  sample(logits: Float32Array): { readonly token: number; readonly mask: 0 | 1 } {
    return this.next(sampleToken(logits, this.#sampling, this.uniform, this.#counts));
  }

  /** The number from 0 up to 1 that decides the next token. */
  get uniform(): number {
    const { seed = 42, index = 0 } = this.#sampling;
    return uniformArray(deriveSeed(seed, this.length), index + 1)[index]!;
  }

  /**
   * Returns the next token: the sampled one with mask 1, or a forced one with mask 0.
   *
   * @param sampled What was sampled; −1 if the logits are NaN or infinite.
   * @throws {Error} If they are, or a tool is still `pending`.
   */
  next(sampled: number): { readonly token: number; readonly mask: 0 | 1 } {
    if (sampled < 0) throw notFinite();
    if (this.pending !== null) {
      throw wrongState("take a token", "the answer of the tool first", "none yet");
    }
    const forced = this.#forced.shift();
    const token = forced ?? sampled;
    this.length++;
    if (forced === undefined) this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
    const { ends, pythonStart, pythonEnd } = this.#special;
    if (ends.includes(token)) this.isFinished = true;
    if (token === pythonStart) this.#expression = [];
    else if (token === pythonEnd && this.#expression !== null) {
      if (this.#expression.length > 0) this.#answer(this.#tokenizer.decode(this.#expression));
      this.#expression = null;
    } else this.#expression?.push(token);
    return { token, mask: forced === undefined ? 1 : 0 };
  }

  #answer(call: string): void {
    const answer = this.#tool(call);
    if (!(answer instanceof Promise)) return this.#force(answer);
    this.pending = answer.then((text) => this.#force(text)).finally(() => this.pending = null);
    // Pending waiters are rejected; without one, the rejection must not count as unhandled.
    this.pending.catch(() => {});
  }

  #force(answer: string | null): void {
    const { outputStart, outputEnd } = this.#special;
    if (answer === null || outputStart === null || outputEnd === null) return;
    this.#forced.push(outputStart, ...Array.from(this.#tokenizer.encode(answer)), outputEnd);
  }
}
