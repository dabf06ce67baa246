/**
 * Turning the tokens of a choice into text: characters, parts, stops, and probabilities. @module
 */

import type { AnswerPiece } from "../../chat/mod.ts";
import { addPiece, FoldedText, PartReader } from "../../chat/internals.ts";
import type { MessagePart, Tokenizer } from "../../tokenizer/mod.ts";
import type { GeneratedToken } from "../batch/batcher.ts";

/** A token with its probability, as OpenAI reports it. */
export interface TokenLogprob {
  /** The text; an incomplete character is U+FFFD. */
  readonly token: string;
  /** The logarithm of its probability. */
  readonly logprob: number;
  /** The bytes. */
  readonly bytes: readonly number[];
}

/** A sampled token, with the most likely alternatives. */
export interface SampledLogprob extends TokenLogprob {
  /** The most likely tokens. */
  readonly top_logprobs: readonly TokenLogprob[];
}

/** The result of decoding a chunk of tokens. */
export interface AnswerDelta {
  /** Characters. */
  readonly text: string;
  /** The parts, before they are joined to one text. */
  readonly parts: readonly MessagePart[];
  /** The probabilities of the tokens that the text stems from. */
  readonly logprobs: readonly SampledLogprob[];
}

/** A piece of an answer that has not been released, as it may be the beginning of a stop. */
interface HeldPiece extends AnswerPiece {
  /** The text behind the brackets that belong before it. */
  readonly folded: string;
}

/**
 * The answer of a choice during generation.
 *
 * @example A text that a stop ends
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { Answer } from "./answer.ts";
 *
 * const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
 * const answer = new Answer(tokenizer, ["lo"]);
 * let text = "";
 * for (const token of tokenizer.encode("hello")) {
 *   text += answer.add({ token, isSampled: true })?.text ?? "";
 * }
 * if (text !== "hel" || !answer.isStopped) throw new Error(text);
 * ```
 */
export class Answer {
  readonly #tokenizer: Tokenizer;
  readonly #special: ReadonlySet<number>;
  readonly #stop: readonly string[];
  readonly #reader: PartReader;
  readonly #folded = new FoldedText();
  readonly #parts: MessagePart[] = [];
  #held: readonly HeldPiece[] = [];
  #logprobs: SampledLogprob[] = [];
  #isStopped = false;

  /** @param stop Texts that end the answer, and are not part of it. */
  constructor(tokenizer: Tokenizer, stop: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#special = new Set(tokenizer.specialTokens.values());
    this.#stop = stop;
    this.#reader = new PartReader(tokenizer);
  }

  /** Whether one of the stops has occurred. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The answer so far in parts: text, calls of tools, outputs. */
  get parts(): readonly MessagePart[] {
    return this.#parts;
  }

  /** Adds a token; returns the text that is complete, or `null` if there is none yet. */
  add(generated: GeneratedToken): AnswerDelta | null {
    const { token, isSampled, logprob, top = [] } = generated;
    if (isSampled && logprob !== undefined && !this.#special.has(token)) {
      this.#logprobs.push({
        ...this.#describe(token, logprob),
        top_logprobs: top.map(({ token, logprob }) => this.#describe(token, logprob)),
      });
    }
    const piece = this.#reader.take(token);
    if (piece === null) return null;
    return this.#release({ ...piece, folded: this.#folded.add(piece) }, false);
  }

  /** The rest of the text at the end. */
  end(): AnswerDelta | null {
    if (this.#isStopped) return null;
    return this.#release({ type: "text", text: "", folded: this.#folded.end() }, true);
  }

  #release(more: HeldPiece, isLast: boolean): AnswerDelta | null {
    const held = [...this.#held, more];
    const text = held.map(({ folded }) => folded).join("");
    const found = this.#stop.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    this.#isStopped = found.length > 0;
    const end = this.#isStopped
      ? Math.min(...found)
      : isLast
      ? text.length
      : text.length - this.#beginning(text);
    let left = end;
    const split = held.map(({ type, text, folded }) => {
      const taken = Math.min(left, folded.length);
      left -= taken;
      const length = Math.max(0, taken - (folded.length - text.length));
      const rest = { type, text: text.slice(length), folded: folded.slice(taken) };
      return { piece: { type, text: text.slice(0, length) }, rest };
    });
    this.#held = split.map(({ rest }) => rest).filter(({ folded }) => folded !== "");
    if (end === 0 && !isLast && !this.#isStopped) return null;
    const parts = split.map(({ piece }) => piece).filter(({ text }) => text !== "");
    for (const part of parts) addPiece(this.#parts, part);
    const delta = { text: text.slice(0, end), parts, logprobs: this.#logprobs };
    this.#logprobs = [];
    return delta;
  }

  /** The number of characters at the end of a text that may be the beginning of a stop. */
  #beginning(text: string): number {
    let longest = 0;
    for (const stop of this.#stop) {
      const most = Math.min(stop.length - 1, text.length);
      for (let length = most; length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }

  #describe(id: number, logprob: number): TokenLogprob {
    return {
      token: this.#tokenizer.decode([id]),
      logprob,
      bytes: Array.from(this.#tokenizer.decodeBytes([id])),
    };
  }
}
