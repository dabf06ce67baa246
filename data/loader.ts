/** Batches, and the base class of all data loaders. @module */

import { showValue } from "./show.ts";
import type { TokenArray } from "./token_stream.ts";

/** Inputs and targets for one forward pass. */
export interface Batch<State> {
  /** Input ids, `[rows, sequenceLength]`, row-major. */
  inputs: Int32Array<ArrayBuffer>;
  /** Target ids, the inputs shifted by one: `[rows, sequenceLength]`, row-major. */
  targets: Int32Array<ArrayBuffer>;
  /** `[rows, sequenceLength]`. */
  shape: [rows: number, sequenceLength: number];
  /** The loader's state after this batch. */
  state: State;
}

/** The size of a batch. */
export interface BatchOptions {
  /** Rows per batch. */
  batchSize: number;
  /** Tokens per row, in the inputs and in the targets. */
  sequenceLength: number;
}

/**
 * Base class of data loaders: yields batches of rows of `sequenceLength` + 1 tokens, where all but
 * the last are inputs and all but the first are targets. A subclass only fills rows and saves its
 * state.
 *
 * Each batch is a pair of new arrays. Concurrent calls of `next` resolve in order. After an error
 * the loader ends.
 *
 * @example
 * ```ts
 * import { Loader } from "./loader.ts";
 *
 * class Counter extends Loader<number> {
 *   #next = 0;
 *   fillRow(row: Int32Array): Promise<boolean> {
 *     for (let i = 0; i < row.length; i++) row[i] = this.#next + i;
 *     this.#next += row.length;
 *     return Promise.resolve(true);
 *   }
 *   state(): number {
 *     return this.#next;
 *   }
 * }
 * const { inputs, targets } = await new Counter({ batchSize: 1, sequenceLength: 3 }).take();
 * console.log(inputs, targets); // [0, 1, 2] [1, 2, 3]
 * ```
 */
export abstract class Loader<State> implements AsyncIterable<Batch<State>> {
  /** Rows per batch; the last batch of a finite loader may have fewer. */
  readonly batchSize: number;
  /** Tokens per row, in the inputs and in the targets. */
  readonly sequenceLength: number;
  #batches: AsyncGenerator<Batch<State>, undefined>;

  /** Validates the sizes. @throws {RangeError} If one is not a positive integer. */
  constructor({ batchSize, sequenceLength }: BatchOptions) {
    checkSize("batchSize", batchSize);
    checkSize("sequenceLength", sequenceLength);
    this.batchSize = batchSize;
    this.sequenceLength = sequenceLength;
    this.#batches = this.#generate();
  }

  /** Fills a row of `sequenceLength` + 1 tokens; resolves to `false` at the end of the data. */
  abstract fillRow(row: Int32Array): Promise<boolean>;

  /** The state to resume from after the last batch; JSON-serializable. */
  abstract state(): State;

  /** The next batch, as an iterator result. */
  next(): Promise<IteratorResult<Batch<State>, undefined>> {
    return this.#batches.next();
  }

  /** The next batch. @throws {RangeError} At the end of the data. */
  async take(): Promise<Batch<State>> {
    const { value } = await this.next();
    if (value === undefined) {
      throw new RangeError("Cannot take a batch: wanted another row, got the end of the data");
    }
    return value;
  }

  /** Leaving a `for await` loop does not end the loader: the next loop continues. */
  [Symbol.asyncIterator](): AsyncIterator<Batch<State>, undefined> {
    return { next: () => this.next() };
  }

  async *#generate(): AsyncGenerator<Batch<State>, undefined> {
    const { batchSize, sequenceLength } = this;
    const row = new Int32Array(sequenceLength + 1);
    while (true) {
      const inputs = new Int32Array(batchSize * sequenceLength);
      const targets = new Int32Array(batchSize * sequenceLength);
      let rows = 0;
      while (rows < batchSize && await this.fillRow(row)) {
        inputs.set(row.subarray(0, sequenceLength), rows * sequenceLength);
        targets.set(row.subarray(1), rows * sequenceLength);
        rows++;
      }
      if (rows === 0) return undefined;
      const end = rows * sequenceLength;
      yield {
        inputs: rows === batchSize ? inputs : inputs.slice(0, end),
        targets: rows === batchSize ? targets : targets.slice(0, end),
        shape: [rows, sequenceLength],
        state: this.state(),
      };
    }
  }
}

/** Checks the tokens of a stream. @throws {TypeError} If they are no typed array. */
export function checkTokens(tokens: TokenArray): void {
  if (ArrayBuffer.isView(tokens)) return;
  throw new TypeError(
    `Cannot make batches: wanted tokens in an Int32Array or Uint16Array, got ${showValue(tokens)}`,
  );
}

function checkSize(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  const got = typeof value === "number" ? value : showValue(value);
  throw new RangeError(`Cannot make batches: wanted a whole ${name} of 1 or more, got ${got}`);
}

/**
 * Compares a saved state with the options of a loader.
 *
 * @throws {Error} If one differs, because the batches would differ from those of the original run.
 */
export function checkState(state: unknown, settings: Record<string, unknown>): void {
  for (const [name, wanted] of Object.entries(settings)) {
    const got: unknown = typeof state === "object" && state !== null
      ? Reflect.get(state, name)
      : undefined;
    if (got === wanted) continue;
    const reason = name === "corpus" ? "; its files are not those that it was saved with" : "";
    throw new Error(
      `Cannot resume the data loader: wanted a state with ${name} ${showValue(wanted)}, got ${
        showValue(got)
      }${reason}`,
    );
  }
}

/** @throws {TypeError} If a field of a saved state is not a non-negative integer. */
export function checkCount(name: string, value: unknown): void {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return;
  throw new TypeError(
    `Cannot resume the data loader: wanted a whole number for ${name} in the state, got ${
      showValue(value)
    }`,
  );
}

/** @throws {RangeError} If the seed is not a safe integer. */
export function checkSeed(seed: number): void {
  if (Number.isSafeInteger(seed)) return;
  throw new RangeError(`Cannot shuffle: wanted a whole number as seed, got ${seed}`);
}
