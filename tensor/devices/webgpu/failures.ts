/** Errors of a device: recorded when detected, thrown at the next use. @module */

import { Error } from "../../errors.ts";

/** The failure of a closed device, which takes precedence over earlier ones. */
export const CLOSED = "the device was closed";

export class Failures {
  readonly #checks = new Set<Promise<void>>();
  readonly #waiting = new Set<() => void>();
  #reason: string | null = null;

  /** Adds a check, which the next caller that waits will await. */
  check(what: string, error: Promise<GPUError | null>): void {
    const check: Promise<void> = error
      .then((found) => {
        if (found !== null) this.note(`cannot ${what}: ${found.message}`);
      })
      // Ignore error scopes of a lost device: the loss itself is reported.
      .catch(() => {})
      .finally(() => this.#checks.delete(check));
    this.#checks.add(check);
  }

  note(reason: string): void {
    if (this.#reason === null || reason === CLOSED) {
      this.#reason = reason.replace(/\s+/g, " ").trim();
    }
    for (const stop of this.#waiting) stop();
  }

  /** Throws if the device has failed. `what` is the intended action, such as "read from". */
  assertNone(what: string): void {
    if (this.#reason !== null) throw new Error(`Cannot ${what} the device: ${this.#reason}`);
  }

  /** Waits for `work` and all checks; throws on a failure, so that a lost device never hangs. */
  async waitFor<T>(what: string, work: Promise<T>): Promise<T> {
    const done = work.catch(async (error: unknown) => {
      // A device loss, which caused it, is reported slightly later, and says more.
      await new Promise((resolve) => setTimeout(resolve));
      this.note(String(error));
    });
    // Requests to a lost device may never settle.
    this.assertNone(what);
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    this.#waiting.add(stop);
    await Promise.race([done.then(() => Promise.all(this.#checks)), stopped]);
    this.#waiting.delete(stop);
    this.assertNone(what);
    return await work;
  }
}
