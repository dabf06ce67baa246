/** The number of prompt tokens that a step of the batch prefills. @module */

/** Maximum milliseconds by which prefill may lengthen a step. */
const MAX_DELAY_MS = 15;

/**
 * Milliseconds of a step if no sequence is being generated, so that only other new requests wait.
 */
const MAX_IDLE_MS = 30;

/** Minimum tokens to prefill, so that new requests make progress. */
const MIN_TOKENS = 8;

/** Tokens to prefill before anything has been measured. */
const FIRST_TOKENS = 32;

/** The weight of the last measurement in an average. */
const SMOOTHING = 0.5;

/**
 * Finds the number of tokens that a step can prefill without delaying running sequences, from the
 * times of earlier steps. With what the step takes itself, nobody waits more than some 30 ms for a
 * token because of others' prompts, unless eight tokens take as long.
 *
 * @example Prefill that takes a millisecond a token
 * ```ts
 * import { PrefillPace } from "./prefill_pace.ts";
 *
 * const pace = new PrefillPace(256);
 * for (let step = 0; step < 20; step++) {
 *   const tokens = pace.tokens(4);
 *   pace.note(5, 0);
 *   pace.note(5 + tokens, tokens);
 * }
 * // At most 15 beside others, which are 16 rows with these, and 30 if there are none.
 * if (pace.tokens(4) !== 12 || pace.tokens(0) !== 16) throw new Error("expected 12 and 16");
 * ```
 */
export class PrefillPace {
  readonly #most: number;
  /** Milliseconds of a step without a prompt, and of each token of a prompt; `null` if unknown. */
  #stepMs: number | null = null;
  #tokenMs: number | null = null;

  /** @param most Maximum tokens of a step. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Maximum tokens to prefill in the next step. With those of the others they are a power of two, if
   * possible: kernels are made for each number of rows.
   *
   * @param others The sequences that generate a token in it.
   */
  tokens(others: number): number {
    const milliseconds = others > 0 ? MAX_DELAY_MS : MAX_IDLE_MS;
    // Among others a token of a prompt takes at most what one of a step takes.
    const tokenMs = this.#tokenMs ??
      (others > 0 && this.#stepMs !== null ? this.#stepMs / others : null);
    const fitting = tokenMs === null ? FIRST_TOKENS : Math.floor(milliseconds / tokenMs);
    const most = Math.min(this.#most, Math.max(MIN_TOKENS, fitting));
    const even = 2 ** Math.floor(Math.log2(most + others)) - others;
    return even < MIN_TOKENS ? most : even;
  }

  /** Records the duration of a step. */
  note(milliseconds: number, promptTokens: number): void {
    if (promptTokens === 0) {
      this.#stepMs = average(this.#stepMs, milliseconds);
    } else {
      // Too little rather than nothing, where a step was faster than those before it.
      const extra = Math.max(milliseconds - (this.#stepMs ?? 0), milliseconds / 10);
      this.#tokenMs = average(this.#tokenMs, extra / promptTokens);
    }
  }
}

function average(before: number | null, value: number): number {
  return before === null ? value : before + SMOOTHING * (value - before);
}
