/**
 * The user's documents before the conversations: continued pretraining, then fine-tuning.
 *
 * @module
 */

import {
  type Batch,
  type BatchOptions,
  RandomCropLoader,
  type RandomCropState,
} from "../../data/mod.ts";
import { fingerprint } from "../../data/source.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { OwnDocument } from "../tasks/documents.ts";
import type { ConversationLoader, ConversationLoaderState } from "./conversation_loader.ts";

/** Resumable state of {@linkcode DocumentsFirst}: JSON-serializable. */
export interface DocumentsFirstState {
  /** State of the loader of documents. */
  readonly documents: RandomCropState;
  /** Batches so far, of documents and conversations. */
  readonly taken: number;
  /** State of the loader of conversations. */
  readonly conversations: ConversationLoaderState;
}

/** Options for {@linkcode DocumentsFirst.open}. */
export interface DocumentsFirstOptions extends BatchOptions {
  /** Documents that come first; every token is a target. */
  readonly documents: readonly OwnDocument[];
  /** Batches of documents. */
  readonly batches: number;
  /** Conversations, which come after them. */
  readonly conversations: ConversationLoader;
  /** The tokenizer of both. */
  readonly tokenizer: Tokenizer;
  /** The seed of the order of the documents. */
  readonly seed: number;
  /** A state to resume from; the conversations have been resumed already. */
  readonly state?: DocumentsFirstState;
}

/** A loader that yields some batches of documents, then conversations. */
export class DocumentsFirst {
  readonly #documents: RandomCropLoader;
  readonly #conversations: ConversationLoader;
  readonly #batches: number;
  #taken: number;

  private constructor(
    documents: RandomCropLoader,
    { conversations, batches, state }: DocumentsFirstOptions,
  ) {
    this.#documents = documents;
    this.#conversations = conversations;
    this.#batches = batches;
    this.#taken = state?.taken ?? 0;
  }

  /**
   * Opens a loader.
   *
   * @throws {Error} If the state belongs to other documents.
   */
  static async open(options: DocumentsFirstOptions): Promise<DocumentsFirst> {
    const { documents, tokenizer, batchSize, sequenceLength, seed, state } = options;
    const texts = documents.map(({ text }) => text);
    const once = tokensOf(texts, tokenizer);
    // A few notes are shorter than a batch, and random crops seldom include the ends of a stream.
    const copies = Math.max(2, Math.ceil(batchSize * (sequenceLength + 1) / once.length));
    const loader = new RandomCropLoader({
      tokens: Int32Array.from({ length: copies * once.length }, (_, i) => once[i % once.length]!),
      corpus: await fingerprint(texts),
      batchSize,
      sequenceLength,
      seed,
      ...(state === undefined ? {} : { state: state.documents }),
    });
    return new DocumentsFirst(loader, options);
  }

  /** The next batch. */
  async take(): Promise<Batch<DocumentsFirstState>> {
    const isDocument = this.#taken < this.#batches;
    this.#taken++;
    const batch = await (isDocument ? this.#documents : this.#conversations).take();
    const state = {
      documents: this.#documents.state(),
      taken: this.#taken,
      conversations: this.#conversations.state(),
    };
    return { ...batch, state };
  }
}

/**
 * The tokens of documents, each beginning with the token that starts documents, if there is one.
 */
export function tokensOf(texts: readonly string[], tokenizer: Tokenizer): number[] {
  const prepend = tokenizer.documentStart;
  return texts.flatMap((text) => tokenizer.encode(text, { prepend }));
}
