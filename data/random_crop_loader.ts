/** Rows cropped from a flat stream at random positions. @module */

import {
  type BatchOptions,
  checkCount,
  checkSeed,
  checkState,
  checkTokens,
  Loader,
} from "./loader.ts";
import { randomBits } from "./shuffle.ts";
import type { TokenArray } from "./token_stream.ts";

/** Options for {@linkcode RandomCropLoader}. */
export interface RandomCropLoaderOptions extends BatchOptions {
  /** The stream, from {@linkcode readTokenStream}. */
  tokens: TokenArray;
  /** Determines the positions. */
  seed: number;
  /** The fingerprint of the stream's split, so that resuming notices another corpus. */
  corpus?: string;
  /** The name of the stream, for errors. @default {"the stream"} */
  name?: string;
  /** A {@linkcode RandomCropLoader.state} to resume from, of a loader with the same options. */
  state?: RandomCropState;
}

/** Resumable state of a random-crop loader. */
export interface RandomCropState {
  /** The seed. */
  seed: number;
  /** Tokens per row. */
  sequenceLength: number;
  /** Tokens in the stream. */
  streamLength: number;
  /** The fingerprint of the split; absent if it was not given. */
  corpus?: string;
  /** Rows cropped so far. */
  rows: number;
}

/**
 * Crops rows of `sequenceLength` + 1 tokens from a stream at uniformly random positions. A row may
 * start within a document and continue into the next. The loader never ends.
 *
 * Row n depends only on the seed and n: with one seed, 2 batches of 4 rows equal 1 batch of 8.
 *
 * @example
 * ```ts
 * import { RandomCropLoader } from "./random_crop_loader.ts";
 *
 * const tokens = Uint16Array.from({ length: 100 }, (_, i) => i);
 * const loader = new RandomCropLoader({ tokens, seed: 1, batchSize: 2, sequenceLength: 8 });
 * for await (const { inputs, shape, state } of loader) {
 *   console.log(inputs.length, shape, state.rows); // 16 [2, 8] 2
 *   break;
 * }
 * ```
 */
export class RandomCropLoader extends Loader<RandomCropState> {
  readonly #tokens: TokenArray;
  readonly #settings: Omit<RandomCropState, "rows">;
  #rows = 0;

  /**
   * The stream is not copied.
   *
   * @throws {RangeError} If an option is out of range, or the stream is shorter than a batch.
   * @throws {TypeError} If the stream is no typed array.
   * @throws {Error} If the state belongs to other options.
   */
  constructor(options: RandomCropLoaderOptions) {
    super(options);
    const { tokens, name = "the stream", seed, corpus, state } = options;
    const { batchSize, sequenceLength } = this;
    checkTokens(tokens);
    checkSeed(seed);
    const minimum = batchSize * (sequenceLength + 1);
    if (tokens.length < minimum) {
      throw new RangeError(
        `Cannot fill a batch from ${name}: wanted ${minimum} or more tokens, got ${tokens.length}`,
      );
    }
    this.#tokens = tokens;
    this.#settings = {
      seed,
      sequenceLength,
      streamLength: tokens.length,
      ...(corpus === undefined ? {} : { corpus }),
    };
    if (state !== undefined) {
      // States that were saved before it was in them have no fingerprint.
      const isKnown = corpus !== undefined && state.corpus !== undefined;
      checkState(state, { ...this.#settings, corpus: isKnown ? corpus : state.corpus });
      checkCount("rows", state.rows);
      this.#rows = state.rows;
    }
  }

  /** Crops one row; always resolves to `true`. */
  override fillRow(row: Int32Array): Promise<boolean> {
    const places = this.#tokens.length - row.length + 1;
    const { seed } = this.#settings;
    // 32 random bits would favor some positions in a stream of billions, so use 53.
    const high = randomBits(seed, this.#rows, 0) >>> 5;
    const low = randomBits(seed, this.#rows, 1) >>> 6;
    const start = Math.floor((high * 2 ** 26 + low) / 2 ** 53 * places);
    row.set(this.#tokens.subarray(start, start + row.length));
    this.#rows++;
    return Promise.resolve(true);
  }

  /** The number of rows cropped. */
  override state(): RandomCropState {
    return { ...this.#settings, rows: this.#rows };
  }
}
