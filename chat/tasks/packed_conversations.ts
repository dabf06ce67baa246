/** Many conversations in little memory. @module */

import type { Conversation } from "../../tokenizer/mod.ts";

/** Bytes of a block. */
const BLOCK = 2 ** 24;

/**
 * A list of conversations as UTF-8 outside of the heap: half a million of them are some 2 GB of text,
 * more than a heap may hold as objects.
 */
export class PackedConversations {
  readonly #blocks: Uint8Array[] = [];
  /** The block of each conversation, and where it begins and ends there. */
  readonly #places: number[] = [];
  #used = BLOCK;

  /** The number of conversations. */
  get length(): number {
    return this.#places.length / 3;
  }

  /** Appends a conversation. */
  push(conversation: Conversation): void {
    const bytes = new TextEncoder().encode(JSON.stringify(conversation));
    if (this.#used + bytes.length > BLOCK) {
      this.#blocks.push(new Uint8Array(Math.max(BLOCK, bytes.length)));
      this.#used = 0;
    }
    this.#blocks.at(-1)!.set(bytes, this.#used);
    this.#places.push(this.#blocks.length - 1, this.#used, this.#used + bytes.length);
    this.#used += bytes.length;
  }

  /** The conversation at an index from 0 to `length` − 1. */
  get(index: number): Conversation {
    const [block = 0, start = 0, end = 0] = this.#places.slice(3 * index, 3 * index + 3);
    return JSON.parse(new TextDecoder().decode(this.#blocks[block]!.subarray(start, end)));
  }
}
