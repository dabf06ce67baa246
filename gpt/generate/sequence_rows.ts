/** Tokens of several sequences, at positions of their own, as rows of one batch. @module */

import { runFastest } from "../../tensor/fast_paths.ts";
import {
  attention,
  type AttentionOptions,
  concat,
  type Device,
  embedding,
  isGradEnabled,
  Tensor,
} from "../../tensor/mod.ts";
import { resolveOptions } from "../../tensor/ops/attention/attention.ts";
import type { KVCache } from "../model/kv_cache.ts";

/** Operands of `rotary`. */
export interface RotaryAngles {
  /** The cosines. */
  readonly cos: Tensor;
  /** The sines. */
  readonly sin: Tensor;
}

/**
 * The sequences of a forward pass. Everything but attention and positions treats tokens alike, so
 * tokens of several caches are rows of one batch, `[tokens, 1, …]`: those of the first cache, which are
 * several of one sequence, or one of each of its sequences, then those of the second, and so on. Without
 * caches, or with one for all sequences, a batch is `[sequences, tokens, …]` as usual.
 *
 * @example Two sequences in caches of their own: one token and two
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { KVCache } from "../model/kv_cache.ts";
 * import { SequenceRows } from "./sequence_rows.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { layers: 1, keyHeads: 2, headSize: 4 };
 * const caches = [new KVCache(device, shape, 1, 8), new KVCache(device, shape, 1, 8)];
 * const rows = SequenceRows.ofSeveral(caches, [1, 2]);
 * const x = Tensor.ones(device, [3, 1, 2, 4]);
 * const shapes = rows.split(x).map(({ shape }) => shape.join()).join(" and ");
 * if (shapes !== "1,1,2,4 and 1,2,2,4") throw new Error(`got ${shapes}`);
 * if (rows.attend(0, x, x, x).shape.join() !== "3,1,2,4") throw new Error("expected the shape of x");
 * await device.close();
 * ```
 */
export class SequenceRows {
  /** One for each sequence, or for several at one position; or none. */
  readonly caches: readonly KVCache[];
  /** The tokens of each cache, of several sequences one each. */
  readonly #counts: readonly number[];
  /** Where the rows of each cache end; `null` for a batch `[sequences, tokens, …]`. */
  readonly #ends: readonly number[] | null;
  /** Whether each sequence has one new token. */
  readonly #isOneTokenEach: boolean;

  private constructor(caches: readonly KVCache[], counts: readonly number[], isByRows: boolean) {
    this.caches = caches;
    this.#counts = counts;
    this.#isOneTokenEach = counts.every((count) => count === 1);
    let end = 0;
    this.#ends = isByRows ? counts.map((count, i) => end += count * caches[i]!.batchSize) : null;
  }

  /** A batch `[sequences, tokens, …]`, with one cache for all of its sequences or none. */
  static ofBatch(cache: KVCache | undefined, tokens: number): SequenceRows {
    return new SequenceRows(cache === undefined ? [] : [cache], [tokens], false);
  }

  /** Caches, and the number of tokens of each: of several sequences one each. */
  static ofSeveral(caches: readonly KVCache[], counts: readonly number[]): SequenceRows {
    return new SequenceRows(caches, counts, true);
  }

  /**
   * The next tokens of sequences, with a cache for each, for several, or for all.
   *
   * @param tokens The number of all tokens.
   * @param counts The tokens of each cache's sequences, by default one.
   */
  static ofDecoding(
    caches: readonly KVCache[],
    tokens: number,
    counts: readonly number[] = caches.map(() => 1),
  ): SequenceRows {
    return caches.length === 1 && caches[0]!.batchSize === tokens
      ? SequenceRows.ofBatch(caches[0], 1)
      : SequenceRows.ofSeveral(caches, counts);
  }

  /** The length of the longest sequence, its new tokens included. */
  get longest(): number {
    return Math.max(...this.#counts.map((count, i) => count + this.#positionOf(i)));
  }

  /** For each cache its tokens, `[sequences, tokens, …]`. */
  split(x: Tensor): Tensor[] {
    return this.#ends?.map((end, i, ends) => {
      const part = x.slice(0, ends[i - 1] ?? 0, end);
      return this.#counts[i] === 1 ? part : part.transpose(0, 1);
    }) ?? [x];
  }

  /** Undoes {@linkcode SequenceRows.split}. */
  join(parts: readonly Tensor[]): Tensor {
    if (this.#ends === null) return parts[0]!;
    const rows = parts.map((part, i) => this.#counts[i] === 1 ? part : part.transpose(0, 1));
    return rows.length === 1 ? rows[0]! : concat(rows);
  }

  /** The last token of each sequence, `[sequences, 1, …]`. */
  last(x: Tensor): Tensor {
    if (this.#ends === null) return x.slice(1, -1);
    if (this.#isOneTokenEach) return x;
    const last = this.split(x).map((part) => part.slice(1, -1));
    return last.length === 1 ? last[0]! : concat(last);
  }

  /** The position of each token, `int32 [tokens]`, or `[tokens, 1]` as rows of one batch. */
  positionIds(device: Device): Tensor {
    // Of several sequences of a cache, all have the same position.
    const ids = this.#counts.flatMap((count, i) =>
      Array.from({ length: this.#rowsOf(i) }, (_, at) => this.#positionOf(i) + at % count)
    );
    const all = Tensor.from(device, ids, { dtype: "int32" });
    return this.#ends === null ? all : all.unsqueeze(1);
  }

  /**
   * Rotary angles of the tokens, to be broadcast to the batch.
   *
   * @param at Gives those of `count` positions from `start`, `[count, 1, head size / 2]` each: rows of
   * tables.
   */
  angles(at: (start: number, count: number) => RotaryAngles): RotaryAngles {
    const [count] = this.#counts;
    if (this.#counts.length === 1) {
      const { cos, sin } = at(this.#positionOf(0), count!);
      return this.#ends === null ? { cos, sin } : { cos: cos.unsqueeze(1), sin: sin.unsqueeze(1) };
    }
    const { cos, sin } = at(0, this.longest);
    const ids = this.positionIds(cos.device);
    const rowsOf = (table: Tensor) => {
      const [length, ...shape] = table.shape;
      return embedding(table.reshape([length!, -1]), ids).reshape([-1, 1, ...shape]);
    };
    return { cos: rowsOf(cos), sin: rowsOf(sin) };
  }

  /**
   * Causal attention of each token to itself and those before it in its sequence, in the cache as well,
   * to which keys and values are appended.
   *
   * @param queries `[batch, tokens, heads, head size]`
   * @param keys `[batch, tokens, key heads, head size]`, and so are the values.
   * @returns The weighted values, of the shape of the queries.
   */
  attend(
    layer: number,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    options: Pick<AttentionOptions, "window" | "scale"> = {},
  ): Tensor {
    if (this.caches.length === 0) return attention(queries, keys, values, options);
    const { device } = queries;
    const attendEach = () => this.#attendEach(layer, queries, keys, values, options);
    if (!this.#isOneTokenEach || isGradEnabled()) return attendEach();
    const caches = this.caches.map((cache) => {
      cache.checkRoom(1);
      const { keys, values } = cache.buffers(layer);
      return { keys, values, position: cache.position };
    });
    const { scale, left } = resolveOptions(queries, options);
    const problem = { q: queries, k: keys, v: values, caches, scale, left };
    return runFastest("cached attention", problem, device, attendEach);
  }

  /** Attention of one sequence after the other. */
  #attendEach(
    layer: number,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    options: AttentionOptions,
  ): Tensor {
    const [ownKeys, ownValues] = [this.split(keys), this.split(values)];
    return this.join(
      this.split(queries).map((own, i) => {
        const all = this.caches[i]!.extend(layer, ownKeys[i]!, ownValues[i]!);
        return attention(own, all.keys, all.values, options);
      }),
    );
  }

  /** Advances the caches by the tokens that all layers have appended. */
  advance(): void {
    for (const [i, cache] of this.caches.entries()) cache.advance(this.#counts[i]!);
  }

  /** The rows of a cache; without one for each, the tokens of a sequence. */
  #rowsOf(i: number): number {
    return this.#ends === null ? this.#counts[i]! : this.#ends[i]! - (this.#ends[i - 1] ?? 0);
  }

  #positionOf(i: number): number {
    return this.caches[i]?.position ?? 0;
  }
}
