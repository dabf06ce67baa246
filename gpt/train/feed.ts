/** The data of a run, of which there may be none. @module */

import type { TrainOptions } from "./run.ts";

type Options = Pick<TrainOptions, "loader" | "signal" | "parallel">;

/**
 * The batches of a run. A run without data, or that is stopped while it waits for some, saves what
 * came before. Ranks save together, which one alone cannot: it ends, and the launcher ends the
 * others.
 */
export class Feed {
  /** Why there was no batch. */
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
