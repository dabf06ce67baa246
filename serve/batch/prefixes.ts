/** The prefix cache: KV caches of finished sequences, for prompts that begin alike. @module */

import type { KVCache } from "../../gpt/mod.ts";

/** A cache, and the tokens in it. */
export interface ReadSequence {
  readonly cache: KVCache;
  /** The tokens; what follows the position of the cache has not been read. */
  readonly tokens: readonly number[];
}

/** The caches of the sequences that ended last, up to a number of bytes. */
export class KeptPrefixes implements Disposable {
  readonly #maxBytes: number;
  /** The least recently used comes first. */
  #kept: ReadSequence[] = [];

  /** @param maxBytes Maximum memory of all caches together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get sequences(): readonly ReadSequence[] {
    return this.#kept;
  }

  /** Takes over a cache, and frees others for which no room is left. */
  add(sequence: ReadSequence): void {
    // The prefix of a longer sequence need not be kept twice.
    const { cache } = sequence;
    const read = sequence.tokens.slice(0, cache.position);
    const longer = this.#kept.find((kept) => sharedLength(kept, read) === cache.position);
    if (longer !== undefined) {
      cache.dispose();
      this.touch(longer);
      return;
    }
    for (const kept of this.#kept) {
      if (sharedLength(kept, read) === kept.cache.position) this.#free(kept);
    }
    this.#kept.push(sequence);
    let bytes = this.#kept.reduce((sum, { cache }) => sum + cache.bytes, 0);
    while (bytes > this.#maxBytes) {
      bytes -= this.#kept[0]!.cache.bytes;
      this.#free(this.#kept[0]!);
    }
  }

  /** Marks a cache as used. */
  touch(sequence: ReadSequence): void {
    if (!this.#kept.includes(sequence)) return;
    this.#kept = [...this.#kept.filter((kept) => kept !== sequence), sequence];
  }

  [Symbol.dispose](): void {
    for (const each of [...this.#kept]) this.#free(each);
  }

  #free(sequence: ReadSequence): void {
    sequence.cache.dispose();
    this.#kept = this.#kept.filter((kept) => kept !== sequence);
  }
}

/** The number of tokens in a cache that a prompt begins with. */
export function sharedLength({ cache, tokens }: ReadSequence, prompt: readonly number[]): number {
  return Math.min(cache.position, commonLength(tokens, prompt));
}

/** The number of tokens with which both begin. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  let common = 0;
  while (common < Math.min(a.length, b.length) && a[common] === b[common]) common++;
  return common;
}
