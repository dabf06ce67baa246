/** The endless sequence of pieces to pack: epoch after epoch over a split. @module */

import { cutPieces, type LongDocuments, type Pieces } from "./pieces.ts";
import { permutation } from "./shuffle.ts";
import { emptySplit, type Split } from "./source.ts";
import {
  chunkName,
  type Encoder,
  encodeTexts,
  readTokenStream,
  type TokenArray,
} from "./token_stream.ts";

/** A document or a part of one, which fits a row unless long documents are to be cropped. */
export interface Piece {
  /** Number of tokens, including BOS. */
  readonly length: number;
  /** Token ids; the first is BOS, if the encoder has one. */
  readonly tokens: TokenArray;
  readonly chunk: number;
  readonly index: number;
  readonly isFirst: boolean;
}

export interface PieceReaderOptions {
  split: Split;
  encoder: Encoder;
  /** Tokens per row: the maximum piece length. */
  capacity: number;
  longDocuments: LongDocuments;
  /** Shuffles every epoch differently; `null` keeps the order of the split. */
  seed: number | null;
  /** Splits of at most this size are tokenized once and cached. */
  cacheBytes: number;
  /** The minimum number of tokens in an epoch. */
  minimumTokens: number;
}

/** The read position of a piece reader. */
export interface ReaderPosition {
  /** Current epoch, from 1. */
  epoch: number;
  /** Chunks completed in this epoch. */
  chunksDone: number;
  /** Pieces read from the current chunk. */
  piecesDone: number;
  /** Tokens read in this epoch. */
  epochTokens: number;
}

/**
 * Reads the pieces of a split forever.
 *
 * A small split is a single chunk, so that a seed shuffles all its pieces together. A larger one is
 * read and tokenized chunk by chunk every epoch; a seed then shuffles the chunks (file by file if
 * the split asks for it), and the pieces within each.
 */
export class PieceReader {
  readonly #options: PieceReaderOptions;
  readonly #isCached: boolean;
  readonly #chunks: number;
  #cache: Pieces | undefined;
  #open: { chunk: number; pieces: Pieces; order: Int32Array | null } | undefined;
  #position: ReaderPosition = { epoch: 1, chunksDone: 0, piecesDone: 0, epochTokens: 0 };

  /** Reads nothing before {@linkcode next}. */
  constructor(options: PieceReaderOptions) {
    this.#options = options;
    this.#isCached = options.split.bytes <= options.cacheBytes;
    this.#chunks = this.#isCached ? 1 : options.split.chunks;
  }

  /** Identifies everything that determines the numbering of pieces. */
  get corpus(): string {
    return `${this.#options.split.fingerprint}/${this.#chunks}`;
  }

  /** The read position; assign to resume from one. */
  get position(): ReaderPosition {
    return { ...this.#position };
  }

  set position(position: ReaderPosition) {
    this.#position = { ...position };
    this.#open = undefined;
  }

  /** The next piece. @throws {RangeError} If a whole epoch had fewer tokens than the minimum. */
  async next(): Promise<Piece> {
    let open = this.#open ?? await this.#openChunk();
    while (this.#position.piecesDone >= open.pieces.count) {
      this.#position.chunksDone++;
      this.#position.piecesDone = 0;
      if (this.#position.chunksDone >= this.#chunks) this.#endEpoch();
      open = await this.#openChunk();
    }
    const { chunk, pieces, order } = open;
    const place = this.#position.piecesDone++;
    const piece = makePiece(chunk, pieces, order?.[place] ?? place);
    this.#position.epochTokens += piece.length;
    return piece;
  }

  /**
   * Reads given pieces again, each chunk once.
   *
   * @param places Chunk and index of each piece, interleaved.
   * @throws {RangeError} If there is no such piece.
   */
  async fetch(places: readonly number[]): Promise<Piece[]> {
    const chunks = new Map<number, Pieces>();
    const found: Piece[] = [];
    for (let i = 0; i < places.length; i += 2) {
      const chunk = places[i] ?? -1;
      const index = places[i + 1] ?? -1;
      if (!(chunk >= 0 && chunk < this.#chunks)) {
        throw new RangeError(
          `Cannot resume the data loader: wanted a chunk below ${this.#chunks}, got ${chunk}`,
        );
      }
      const pieces = chunks.get(chunk) ?? await this.#readChunk(chunk);
      chunks.set(chunk, pieces);
      found.push(makePiece(chunk, pieces, index));
    }
    return found;
  }

  #endEpoch(): void {
    const { split, minimumTokens } = this.#options;
    const { epoch, epochTokens } = this.#position;
    if (epochTokens === 0) throw emptySplit(split);
    if (epochTokens < minimumTokens) {
      throw new RangeError(
        `Cannot fill a batch from ${split.name}: wanted ${minimumTokens} or more tokens, got ${epochTokens}`,
      );
    }
    this.#position = { epoch: epoch + 1, chunksDone: 0, piecesDone: 0, epochTokens: 0 };
  }

  async #openChunk(): Promise<{ chunk: number; pieces: Pieces; order: Int32Array | null }> {
    const { epoch, chunksDone } = this.#position;
    const { seed } = this.#options;
    const chunk = seed === null ? chunksDone : this.#shuffledChunk(seed, epoch, chunksDone);
    const pieces = await this.#readChunk(chunk);
    const order = seed === null ? null : permutation(pieces.count, seed, epoch, chunk);
    this.#open = { chunk, pieces, order };
    return this.#open;
  }

  /** The chunk that is read after `done` others in an epoch. */
  #shuffledChunk(seed: number, epoch: number, done: number): number {
    const together = Math.min(this.#chunks, this.#options.split.shuffledChunks ?? this.#chunks);
    const run = Math.floor(done / together);
    const first = run * together;
    const count = Math.min(together, this.#chunks - first);
    // Without runs the permutation is that of earlier versions.
    const order = run === 0 && count === this.#chunks
      ? permutation(count, seed, epoch)
      : permutation(count, seed, epoch, run);
    return first + (order[done - first] ?? 0);
  }

  async #readChunk(chunk: number): Promise<Pieces> {
    const { split, encoder, capacity, longDocuments } = this.#options;
    if (!this.#isCached) {
      const stream = encodeTexts(await split.read(chunk), encoder, chunkName(split, chunk));
      return cutPieces(stream, encoder.bos, capacity, longDocuments);
    }
    if (this.#cache === undefined) {
      const stream = await readTokenStream(split, encoder);
      this.#cache = cutPieces(stream, encoder.bos, capacity, longDocuments);
    }
    return this.#cache;
  }
}

function makePiece(chunk: number, pieces: Pieces, index: number): Piece {
  if (!(index >= 0 && index < pieces.count)) {
    throw new RangeError(
      `Cannot resume the data loader: wanted a piece below ${pieces.count} in chunk ${chunk}, got ${index}`,
    );
  }
  return {
    length: pieces.length(index),
    tokens: pieces.copy(index),
    chunk,
    index,
    isFirst: pieces.isFirst(index),
  };
}
