/**
 * Drawing several tokens before the first of them is read.
 *
 * A GPU works on while the host waits for it, but reading takes longer than a small model needs for
 * a token. So each token is drawn on the device and read by the model there, and the host gets to know
 * several of them together.
 *
 * @module
 */

import { noGrad, Tensor } from "../tensor/mod.ts";
import type { CacheMark, KVCache } from "./kv_cache.ts";
import type { GPT } from "./model.ts";
import { drawTokens, type SamplingOptions } from "./sampling.ts";

/** The most tokens that are drawn before they are read. */
const MOST_AHEAD = 32;

/** Who reads along should not have to wait longer than this for the next tokens, in milliseconds. */
const LONGEST_WAIT = 100;

/** Draws tokens after what a cache has read. */
export class AheadDrawer {
  readonly #model: GPT;
  readonly #cache: KVCache;
  readonly #options: SamplingOptions;
  /** Where the cache was before each token that was drawn last. */
  #marks: CacheMark[] = [];
  #pace = 1;

  /**
   * @param model The model that the cache belongs to.
   * @param cache What was read so far.
   * @param options How tokens are drawn.
   */
  constructor(model: GPT, cache: KVCache, options: SamplingOptions) {
    this.#model = model;
    this.#cache = cache;
    this.#options = options;
  }

  /**
   * How many tokens to draw next: on a GPU twice as many as before, so that the first ones come soon,
   * as long as nobody waits too long. On the CPU reading does not wait, so it is one.
   */
  get pace(): number {
    return this.#model.device.kind === "cpu" ? 1 : this.#pace;
  }

  /**
   * Lets the model read one token of each sample, and draws what follows.
   *
   * @param column The token of each sample.
   * @param step The number of the first draw.
   * @param count How many tokens to draw for each sample.
   * @returns For each draw the token of each sample.
   */
  async draw(
    column: readonly number[],
    step: number,
    count: number,
  ): Promise<readonly (readonly number[])[]> {
    this.#forgetMarks();
    const { device } = this.#model;
    const start = performance.now();
    const drawn: Tensor[] = [];
    for (let i = 0; i < count; i++) {
      using scope = device.scope();
      const previous = drawn.at(-1);
      const ids = previous?.unsqueeze(1) ??
        Tensor.from(device, column.map((id) => [id]), { dtype: "int32" });
      drawn.push(noGrad(() => {
        const logits = this.#model.forward(ids, undefined, { cache: this.#cache });
        return scope.keep(drawTokens(logits.squeeze(1), step + i, this.#options));
      }));
      this.#marks.push(this.#cache.mark());
    }
    // All that is asked for in one go is read together.
    const values = await Promise.all(drawn.map((ids) => ids.data()));
    for (const ids of drawn) ids.dispose();
    const fitting = Math.floor(LONGEST_WAIT * count / (performance.now() - start));
    this.#pace = Math.max(1, Math.min(MOST_AHEAD, 2 * count, fitting));
    return values.map((ids) => Array.from(ids));
  }

  /**
   * Takes back what the model has read after so many of the tokens that were drawn last: another token
   * than the last of them stands there.
   */
  rewind(count: number): void {
    this.#cache.rewind(this.#marks[count - 1]!);
  }

  /** Frees the memory, but for the cache's. */
  dispose(): void {
    this.#forgetMarks();
  }

  #forgetMarks(): void {
    for (const { previousEmbedding } of this.#marks.splice(0)) previousEmbedding?.dispose();
  }
}
