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
  /** The bytes of each, the least recently used first. */
  readonly #kept = new Map<ReadSequence, number>();
  #bytes = 0;

  /** @param maxBytes Maximum memory of all caches together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get sequences(): Iterable<ReadSequence> {
    return this.#kept.keys();
  }

  /** Takes over a cache, and frees others for which no room is left. */
  add(sequence: ReadSequence): void {
    const { cache, tokens } = sequence;
    const read = tokens.slice(0, cache.position);
    for (const kept of this.#kept.keys()) {
      const shared = sharedLength(kept, read);
      // The prefix of a longer sequence need not be kept twice.
      if (shared === cache.position) {
        cache.dispose();
        this.touch(kept);
        return;
      }
      if (shared === kept.cache.position) this.#free(kept);
    }
    const { bytes } = cache;
    this.#kept.set(sequence, bytes);
    this.#bytes += bytes;
    for (const kept of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#free(kept);
    }
  }

  /** Marks a cache as used. */
  touch(sequence: ReadSequence): void {
    const bytes = this.#kept.get(sequence);
    if (bytes === undefined) return;
    this.#kept.delete(sequence);
    this.#kept.set(sequence, bytes);
  }

  [Symbol.dispose](): void {
    for (const kept of this.#kept.keys()) this.#free(kept);
  }

  #free(sequence: ReadSequence): void {
    sequence.cache.dispose();
    this.#bytes -= this.#kept.get(sequence)!;
    this.#kept.delete(sequence);
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
