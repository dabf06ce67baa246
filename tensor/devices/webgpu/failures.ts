/** What went wrong on a device: noted when it is found out, told to whoever uses it next. @module */

import { oneLine } from "./checks.ts";

/** The reason why nothing works after a device was closed, which counts more than what came before. */
export const CLOSED = "the device was closed";

/** The failures of a device, and what may still turn out to be one. */
export class Failures {
  readonly #checks = new Set<Promise<void>>();
  readonly #waiting = new Set<(error: Error) => void>();
  #reason: string | null = null;

  /** Notes something that may turn out to be an error, for the next one who waits. */
  check(what: string, error: Promise<string | null>): void {
    const check: Promise<void> = error
      .then((found) => {
        if (found !== null) this.note(`cannot ${what}: ${found}`);
      })
      // Error scopes of a lost device are of no interest: the loss itself is reported.
      .catch(() => {})
      .finally(() => this.#checks.delete(check));
    this.#checks.add(check);
  }

  /** From now on everything fails, for the first reason that there was. */
  note(reason: string): void {
    if (this.#reason === null || reason === CLOSED) this.#reason = reason;
    for (const reject of this.#waiting) {
      reject(new Error(`Cannot wait for the device: ${this.#reason}`));
    }
  }

  /**
   * Lets nobody do anything with a device that failed.
   *
   * @param what What is to be done, as in "read".
   * @throws {Error} If there was a failure; the message says which.
   */
  assertNone(what: string): void {
    if (this.#reason !== null) throw new Error(`Cannot ${what} the device: ${this.#reason}`);
  }

  /**
   * Waits for `work` and for all checks, or for a failure, so that a lost device never hangs.
   *
   * @throws {Error} If there was a failure.
   */
  async waitFor(what: string, work: Promise<unknown>): Promise<void> {
    let rejection: unknown = null;
    const done = work.catch((error: unknown) => rejection = error);
    // What was asked of a device that is gone may never end.
    this.assertNone(what);
    const { promise: failed, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    try {
      await Promise.race([done.then(() => Promise.all(this.#checks)), failed]);
    } finally {
      this.#waiting.delete(reject);
    }
    if (rejection !== null && this.#reason === null) this.note(oneLine(String(rejection)));
    this.assertNone(what);
  }
}
