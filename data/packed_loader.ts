/** Packs whole documents into rows, each beginning at a document or a piece of one. @module */

import { BestFit } from "./best_fit.ts";
import { type BatchOptions, checkCount, checkSeed, checkState, Loader } from "./loader.ts";
import { type Piece, PieceReader, type ReaderPosition } from "./piece_reader.ts";
import type { LongDocuments } from "./pieces.ts";
import { showValue } from "./show.ts";
import { type Split, withoutContent } from "./source.ts";
import type { Encoder } from "./token_stream.ts";

/** Options for {@linkcode PackedLoader.open}. */
export interface PackedLoaderOptions extends BatchOptions {
  /** The split to read. */
  split: Split;
  /** The tokenizer. */
  encoder: Encoder;
  /** Shuffles every epoch differently; without a seed, the order is that of the split. */
  seed?: number;
  /** Number of times to read the split. @default {Infinity} */
  epochs?: number;
  /** Number of candidate pieces for each choice. @default {1000} (as nanochat) */
  bufferSize?: number | undefined;
  /**
   * Whether documents longer than a row are `"cut"` into pieces or `"crop"`ped. @default {"cut"}
   */
  longDocuments?: LongDocuments;
  /** Splits of at most this many bytes of text are tokenized once and cached. @default {64 MiB} */
  cacheBytes?: number;
  /** A {@linkcode PackedLoader.state} to resume from, of a loader with the same options. */
  state?: PackedState;
}

/** Resumable state of a packed loader: the read position and the buffered pieces. */
export interface PackedState extends ReaderPosition {
  /** Identifies the corpus and split. */
  corpus: string;
  /** Tokens per row; must match the options, as must the next three. */
  sequenceLength: number;
  /** The seed; `null` for the order of the split. */
  seed: number | null;
  /** Number of candidate pieces. */
  bufferSize: number;
  /** Treatment of documents longer than a row. */
  longDocuments: LongDocuments;
  /** Chunk and index of every buffered piece, in insertion order. */
  waiting: number[];
  /** Documents read so far. */
  documents: number;
  /** Tokens read so far, including a BOS id for each piece. */
  tokensRead: number;
  /** Tokens cropped so far. */
  tokensCropped: number;
}

/** How many of the tokens read were used, cropped or buffered. */
export interface PackingStatistics {
  /** Current epoch, from 1. */
  epoch: number;
  /** Documents started. */
  documents: number;
  /** Tokens read, including a BOS id for each piece: used + cropped + buffered. */
  tokensRead: number;
  /** Tokens put into rows. */
  tokensUsed: number;
  /** Tokens cropped to fill a row exactly; never seen in that epoch. */
  tokensCropped: number;
  /** Tokens read and still buffered. */
  tokensWaiting: number;
  /** Cropped fraction of the used and cropped tokens, 0 to 1. */
  croppedShare: number;
}

/**
 * nanochat's data loader: BOS-aligned best-fit packing. Every row is full and starts with BOS, or,
 * if the encoder has none, with a document or a piece of one.
 *
 * A row repeatedly takes the longest buffered piece that fits; when none fits, the shortest is
 * cropped to the remaining room. The buffer holds `bufferSize` pieces. The loader ends with the last
 * row that its epochs fill; by default never.
 *
 * Two differences from nanochat's `dataloader.py`: documents longer than a row are cut into pieces
 * instead of cropped (`longDocuments`), because cropping discards nearly all of a corpus of long
 * documents (State of the Union at 256 tokens a row: 97 % instead of at most 0.2 %). And resuming
 * from a state is exact.
 *
 * Of documents that are all shorter than a row, the longest begin rows, and the shortest are cropped and
 * hardly ever seen whole. Where short ones are of another kind than long ones, a `bufferSize` of 1 gives
 * each kind its share: pieces keep their order, and the last of each row is cropped.
 *
 * Full-row pieces are taken first, so the last piece of each long document stays buffered until
 * nothing else is left. For only one or two epochs over long documents, choose a smaller buffer.
 *
 * Source: `dataloader.py` of nanochat; best fit as in Ding et al., "Fewer Truncations Improve
 * Language Modeling" (2024).
 *
 * @example
 * ```ts
 * import { listSource } from "./list_source.ts";
 * import { PackedLoader } from "./packed_loader.ts";
 *
 * const split = await listSource("rhyme", ["one", "two", "three", "four"], 1).open("train");
 * const encoder = { encode: (text: string) => [...new TextEncoder().encode(text)], bos: 256 };
 * const options = { split, encoder, batchSize: 1, sequenceLength: 7, seed: 1 };
 * const loader = await PackedLoader.open(options);
 * const { inputs, state } = await loader.take();
 * console.log(inputs[0], loader.statistics.croppedShare); // 256 0
 *
 * const resumed = await PackedLoader.open({ ...options, state });
 * console.log((await resumed.take()).inputs, (await loader.take()).inputs); // the same twice
 * ```
 */
export class PackedLoader extends Loader<PackedState> {
  readonly #reader: PieceReader;
  readonly #settings: Pick<
    PackedState,
    "corpus" | "sequenceLength" | "seed" | "bufferSize" | "longDocuments"
  >;
  readonly #waiting = new BestFit<Piece>();
  readonly #epochs: number;
  #isRead = false;
  #documents = 0;
  #tokensRead = 0;
  #tokensUsed = 0;
  #tokensCropped = 0;

  private constructor(options: PackedLoaderOptions) {
    super(options);
    const { split, encoder, seed = null, epochs = Infinity, bufferSize = 1000 } = options;
    const { longDocuments = "cut", cacheBytes = 2 ** 26 } = options;
    if (typeof split?.read !== "function") {
      throw new TypeError(
        `Cannot pack rows: wanted a split, as in await source.open("train"), got ${
          showValue(split)
        }`,
      );
    }
    if (typeof encoder?.encode !== "function") {
      throw new TypeError(
        `Cannot pack rows: wanted an encoder with the method encode, got ${showValue(encoder)}`,
      );
    }
    if (seed !== null) checkSeed(seed);
    if (!["cut", "crop"].includes(longDocuments)) {
      throw new RangeError(
        `Cannot pack rows: wanted longDocuments "cut" or "crop", got ${showValue(longDocuments)}`,
      );
    }
    if (!(epochs >= 1)) {
      throw new RangeError(`Cannot pack rows: wanted 1 or more epochs, got ${epochs}`);
    }
    if (!(Number.isSafeInteger(bufferSize) && bufferSize >= 1)) {
      throw new RangeError(`Cannot pack rows: wanted a bufferSize of 1 or more, got ${bufferSize}`);
    }
    const capacity = this.sequenceLength + 1;
    const minimumTokens = epochs === Infinity ? this.batchSize * capacity : capacity;
    this.#reader = new PieceReader(
      { split, encoder, capacity, longDocuments, seed, cacheBytes, minimumTokens },
    );
    this.#epochs = epochs;
    const { sequenceLength } = this;
    this.#settings = {
      corpus: this.#reader.corpus,
      sequenceLength,
      seed,
      bufferSize,
      longDocuments,
    };
  }

  /**
   * Creates a loader and fills its buffer, so that a faulty corpus fails immediately.
   *
   * @throws {RangeError} If an option is out of range, the split has no documents or fewer tokens
   * than a batch, or than a row if epochs are counted, or an id is outside the vocabulary.
   * @throws {TypeError} If `split` or `encoder` is none.
   * @throws {Error} If the state belongs to other options or to another corpus.
   */
  static async open(options: PackedLoaderOptions): Promise<PackedLoader> {
    const loader = new PackedLoader(options);
    if (options.state !== undefined) await loader.#restore(options.state);
    await loader.#refill();
    return loader;
  }

  /** Statistics of the tokens read so far. */
  get statistics(): PackingStatistics {
    const tokensRead = this.#tokensRead;
    const tokensUsed = this.#tokensUsed;
    const tokensCropped = this.#tokensCropped;
    const done = tokensUsed + tokensCropped;
    return {
      epoch: this.#reader.position.epoch,
      documents: this.#documents,
      tokensRead,
      tokensUsed,
      tokensCropped,
      tokensWaiting: tokensRead - done,
      croppedShare: done === 0 ? 0 : tokensCropped / done,
    };
  }

  /** Packs one row; resolves to `false` if the epochs do not fill another one. */
  override async fillRow(row: Int32Array): Promise<boolean> {
    let filled = 0;
    while (filled < row.length) {
      if (this.#waiting.size < this.#settings.bufferSize) await this.#refill();
      const room = row.length - filled;
      const piece = this.#waiting.takeLongest(room) ?? this.#waiting.takeShortest();
      if (piece === undefined) return false;
      const used = Math.min(piece.length, room);
      row.set(used === piece.length ? piece.tokens : piece.tokens.subarray(0, used), filled);
      filled += used;
      this.#tokensUsed += used;
      this.#tokensCropped += piece.length - used;
    }
    return true;
  }

  /** The read position, and the chunk and index of each buffered piece: a few kilobytes of JSON. */
  override state(): PackedState {
    const waiting: number[] = [];
    for (const { chunk, index } of this.#waiting.items()) waiting.push(chunk, index);
    return {
      ...this.#settings,
      ...this.#reader.position,
      waiting,
      documents: this.#documents,
      tokensRead: this.#tokensRead,
      tokensCropped: this.#tokensCropped,
    };
  }

  async #refill(): Promise<void> {
    while (this.#waiting.size < this.#settings.bufferSize && !this.#isRead) {
      const piece = await this.#reader.next();
      if (this.#reader.position.epoch > this.#epochs) {
        this.#isRead = true;
        return;
      }
      if (piece.isFirst) this.#documents++;
      this.#tokensRead += piece.length;
      this.#waiting.add(piece);
    }
  }

  async #restore(state: PackedState): Promise<void> {
    const { corpus } = this.#settings;
    const isOlder = withoutContent(`${state.corpus}`) === state.corpus;
    checkState(state, { ...this.#settings, corpus: isOlder ? withoutContent(corpus) : corpus });
    const { epoch, chunksDone, piecesDone, epochTokens, waiting } = state;
    const { documents, tokensRead, tokensCropped } = state;
    const counts = {
      epoch,
      chunksDone,
      piecesDone,
      epochTokens,
      documents,
      tokensRead,
      tokensCropped,
    };
    for (const [name, value] of Object.entries(counts)) checkCount(name, value);
    if (!Array.isArray(waiting)) {
      throw new TypeError(
        `Cannot resume the data loader: wanted a list of waiting pieces in the state, got ${typeof waiting}`,
      );
    }
    let tokensWaiting = 0;
    for (const piece of await this.#reader.fetch(waiting)) {
      this.#waiting.add(piece);
      tokensWaiting += piece.length;
    }
    this.#reader.position = { epoch, chunksDone, piecesDone, epochTokens };
    this.#documents = documents;
    this.#tokensRead = tokensRead;
    this.#tokensCropped = tokensCropped;
    this.#tokensUsed = tokensRead - tokensCropped - tokensWaiting;
  }
}
