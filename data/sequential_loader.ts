/** Rows read from a flat stream once, in order, for validation. @module */

import { type BatchOptions, checkCount, checkState, checkTokens, Loader } from "./loader.ts";
import type { TokenArray } from "./token_stream.ts";

/** Options for {@linkcode SequentialLoader}. */
export interface SequentialLoaderOptions extends BatchOptions {
  /** The stream, from {@linkcode readTokenStream}. */
  tokens: TokenArray;
  /**
   * Tokens from the beginning of a row to that of the next: one more than `sequenceLength` for rows
   * that are stored one after the other. @default {sequenceLength}
   */
  stride?: number;
  /** A {@linkcode SequentialLoader.state} to resume from, of a loader with the same options. */
  state?: SequentialState;
}

/** Resumable state of a sequential loader. */
export interface SequentialState {
  /** Tokens per row. */
  sequenceLength: number;
  /** Tokens in the stream. */
  streamLength: number;
  /** Tokens from a row to the next. */
  stride: number;
  /** Rows read so far. */
  rows: number;
}

/**
 * Reads a stream once: row n predicts the tokens n·T + 1 to n·T + T, where T is the sequence
 * length, so every token but the first is a target exactly once, up to the last full row. The last
 * batch may have fewer rows.
 *
 * @example
 * ```ts
 * import { SequentialLoader } from "./sequential_loader.ts";
 *
 * const tokens = Int32Array.from({ length: 14 }, (_, i) => i);
 * for await (const batch of new SequentialLoader({ tokens, batchSize: 2, sequenceLength: 4 })) {
 *   console.log(batch.shape, batch.targets); // [2, 4] [1, …, 8], then [1, 4] [9, …, 12]
 * }
 * ```
 */
export class SequentialLoader extends Loader<SequentialState> {
  /** Number of rows in the whole stream. */
  readonly rows: number;
  readonly #tokens: TokenArray;
  readonly #settings: Omit<SequentialState, "rows">;
  #done = 0;

  /**
   * The stream is not copied.
   *
   * @throws {RangeError} If an option is out of range, or the stream is shorter than a row.
   * @throws {TypeError} If the stream is no typed array.
   * @throws {Error} If the state belongs to other options.
   */
  constructor(options: SequentialLoaderOptions) {
    super(options);
    const { sequenceLength } = this;
    const { tokens, state, stride = sequenceLength } = options;
    checkTokens(tokens);
    this.rows = Math.floor((tokens.length - 1 - sequenceLength) / stride) + 1;
    if (this.rows < 1) {
      throw new RangeError(
        `Cannot fill a row from the stream: wanted ${
          sequenceLength + 1
        } or more tokens, got ${tokens.length}`,
      );
    }
    this.#tokens = tokens;
    this.#settings = { sequenceLength, streamLength: tokens.length, stride };
    if (state !== undefined) {
      checkState(state, this.#settings);
      checkCount("rows", state.rows);
      this.#done = state.rows;
    }
  }

  /** Reads the next row; resolves to `false` at the end. */
  override fillRow(row: Int32Array): Promise<boolean> {
    if (this.#done >= this.rows) return Promise.resolve(false);
    const start = this.#done * this.#settings.stride;
    row.set(this.#tokens.subarray(start, start + row.length));
    this.#done++;
    return Promise.resolve(true);
  }

  /** The number of rows read. */
  override state(): SequentialState {
    return { ...this.#settings, rows: this.#done };
  }
}
