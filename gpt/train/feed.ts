/** The data of a run, or none for runs without data. @module */

import type { TrainOptions } from "./run.ts";

type Options = Pick<TrainOptions, "loader" | "signal" | "parallel">;

/**
 * The batches of a run. A run that gets no more data, or is stopped while it waits for some, saves
 * its progress. Several ranks can only save together, so a rank without data ends, and the launcher
 * ends the others.
 */
export class Feed {
  /** The reason why there was no batch. */
  failure: { readonly error: unknown } | undefined;
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The next batch. @throws {unknown} The error of the loader, or the reason of the signal. */
  async take(): ReturnType<TrainOptions["loader"]["take"]> {
    const { loader, signal, parallel } = this.#options;
    if (parallel !== undefined) return await loader.take();
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const stop = () => reject(signal?.reason);
    signal?.addEventListener("abort", stop);
    // The signal may have come between two batches of a step.
    if (signal?.aborted) stop();
    try {
      return await Promise.race([loader.take(), stopped]);
    } catch (error) {
      this.failure = { error };
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Resolves to the result of a step, or to `undefined` if there was no batch for it. */
  async attempt<Step extends Promise<unknown>>(step: Step): Promise<Awaited<Step> | undefined> {
    try {
      return await step;
    } catch (error) {
      if (this.failure === undefined) throw error;
    }
  }
}
