/**
 * Batches, and the one way in which every loader makes them.
 *
 * @module
 */

/** Rows to learn from. */
export interface Batch<State> {
  /** The ids that the model sees, `[rows, sequenceLength]`, row-major. */
  inputs: Int32Array<ArrayBuffer>;
  /** The ids that it has to predict, one further on: `[rows, sequenceLength]`, row-major. */
  targets: Int32Array<ArrayBuffer>;
  /** `[rows, sequenceLength]`. */
  shape: [rows: number, sequenceLength: number];
  /** The loader's state after this batch. */
  state: State;
}

/** The size of a batch. */
export interface BatchOptions {
  /** Rows in a batch. */
  batchSize: number;
  /** Inputs, and targets, in a row. */
  sequenceLength: number;
}

/**
 * Yields batches of rows of `sequenceLength` + 1 tokens: all but the last are inputs, all but the
 * first are targets. A loader says only how the next row is filled, and what has to be remembered to
 * go on from there.
 *
 * Every batch is a pair of new arrays. More than one batch can be asked for at a time; they come in
 * order. After an error a loader yields nothing more.
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
  /** Rows in a batch; the last batch of a loader that ends may have fewer. */
  readonly batchSize: number;
  /** Inputs, and targets, in a row. */
  readonly sequenceLength: number;
  #batches: AsyncGenerator<Batch<State>, undefined>;

  /**
   * Prepares batches of the given size.
   *
   * @throws {RangeError} If a size is not a whole number of at least 1.
   */
  constructor({ batchSize, sequenceLength }: BatchOptions) {
    checkSize("batchSize", batchSize);
    checkSize("sequenceLength", sequenceLength);
    this.batchSize = batchSize;
    this.sequenceLength = sequenceLength;
    this.#batches = this.#generate();
  }

  /** Fills a row of `sequenceLength` + 1 tokens, or answers `false` if there is no further row. */
  abstract fillRow(row: Int32Array): Promise<boolean>;

  /** What is needed to go on after the last batch that was made; survives `JSON.stringify`. */
  abstract state(): State;

  /** The next batch, in the form of an iterator. */
  next(): Promise<IteratorResult<Batch<State>, undefined>> {
    return this.#batches.next();
  }

  /**
   * The next batch.
   *
   * @throws {RangeError} If there is none left.
   */
  async take(): Promise<Batch<State>> {
    const { value } = await this.next();
    if (value === undefined) {
      throw new RangeError("Cannot take a batch: wanted another row, got the end of the data");
    }
    return value;
  }

  /** Leaving a `for await` loop does not end the loader: the next loop goes on. */
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

function checkSize(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new RangeError(`Cannot make batches: wanted a whole ${name} of 1 or more, got ${value}`);
}

/**
 * Compares a saved state with what a loader was made with.
 *
 * @param state The saved state, perhaps from a file.
 * @param settings The fields that have to be the same.
 * @throws {Error} If one differs: the batches would not be those that would have followed.
 */
export function checkState(state: unknown, settings: Record<string, unknown>): void {
  for (const [name, wanted] of Object.entries(settings)) {
    const got: unknown = typeof state === "object" && state !== null
      ? Reflect.get(state, name)
      : undefined;
    if (got === wanted) continue;
    throw new Error(
      `Cannot resume the data loader: wanted a state with ${name} ${JSON.stringify(wanted)}, got ${
        JSON.stringify(got)
      }`,
    );
  }
}

/**
 * Checks that a field of a saved state is a whole number.
 *
 * @throws {TypeError} If it is anything else, or is below 0.
 */
export function checkCount(name: string, value: unknown): void {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return;
  throw new TypeError(
    `Cannot resume the data loader: wanted a whole number for ${name} in the state, got ${
      JSON.stringify(value)
    }`,
  );
}

/**
 * Checks a seed.
 *
 * @throws {RangeError} If it is not a safe integer.
 */
export function checkSeed(seed: number): void {
  if (Number.isSafeInteger(seed)) return;
  throw new RangeError(`Cannot shuffle: wanted a whole number as seed, got ${seed}`);
}
