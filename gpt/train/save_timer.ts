/** When a run saves by the clock. @module */

import type { TrainingState, TrainOptions } from "./run.ts";

/** Largest share of a run's time that saving by the clock takes. */
const SAVING_SHARE = 0.01;

/** Saves, and tells when it is time to save again. */
export class SaveTimer {
  readonly #save: TrainOptions["save"];
  #seconds: number;
  #savedAt = performance.now();

  /** @param save How to save, if at all. */
  constructor(save: TrainOptions["save"]) {
    this.#save = save;
    this.#seconds = save?.seconds ?? Infinity;
  }

  /** Whether a checkpoint is wanted, or the last one is old. */
  get isOverdue(): boolean {
    const isWanted = this.#save?.isWanted?.() ?? false;
    return isWanted || performance.now() - this.#savedAt >= 1000 * this.#seconds;
  }

  /** Saves, and adjusts the interval to the duration. */
  async run(state: TrainingState): Promise<string> {
    const start = performance.now();
    const path = await this.#save!.run(state);
    this.#savedAt = performance.now();
    const seconds = (this.#savedAt - start) / 1000;
    this.#seconds = Math.max(this.#save!.seconds ?? Infinity, seconds / SAVING_SHARE);
    return path;
  }
}
