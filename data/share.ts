/** A rank's share of the batches of a run. @module */

import type { Batch, Loader } from "./loader.ts";

/** Which share a {@linkcode SharedLoader} takes. */
export interface ShareOptions {
  /** The number of this rank, from 0. */
  readonly rank: number;
  /** The number of ranks. */
  readonly ranks: number;
}

/**
 * Takes every `ranks`-th batch of a loader, from batch `rank` on. All ranks read the whole stream, so
 * together they take the batches of one process in the same order, and the loader's state is the same
 * on every rank: any number of ranks can resume from it.
 *
 * @example
 * ```ts
 * import { RandomCropLoader } from "./random_crop_loader.ts";
 * import { SharedLoader } from "./share.ts";
 *
 * const tokens = Uint16Array.from({ length: 100 }, (_, i) => i);
 * const open = () => new RandomCropLoader({ tokens, seed: 1, batchSize: 2, sequenceLength: 8 });
 * const all = open();
 * const [, second] = [await all.take(), await all.take()];
 * const mine = await new SharedLoader(open(), { rank: 1, ranks: 2 }).take();
 * if (`${mine.inputs}` !== `${second.inputs}`) throw new Error("expected the second batch");
 * ```
 */
export class SharedLoader<State> {
  readonly #loader: Pick<Loader<State>, "take">;
  readonly #share: ShareOptions;

  /**
   * Takes over a loader that nothing else reads from.
   *
   * @throws {RangeError} If `rank` is not below `ranks`, or one of them is not an integer.
   */
  constructor(loader: Pick<Loader<State>, "take">, { rank, ranks }: ShareOptions) {
    const isShare = Number.isSafeInteger(rank) && Number.isSafeInteger(ranks) && rank >= 0 &&
      rank < ranks;
    if (!isShare) {
      throw new RangeError(
        `Cannot share a loader: wanted a rank from 0 to below the number of ranks, got ${rank} of ` +
          `${ranks}`,
      );
    }
    this.#loader = loader;
    this.#share = { rank, ranks };
  }

  /**
   * The next batch of this rank, with the state after the batches of all ranks.
   *
   * @throws {RangeError} At the end of the data.
   */
  async take(): Promise<Batch<State>> {
    const { rank, ranks } = this.#share;
    const batches: Batch<State>[] = [];
    for (let i = 0; i < ranks; i++) batches.push(await this.#loader.take());
    return { ...batches[rank]!, state: batches[ranks - 1]!.state };
  }
}
