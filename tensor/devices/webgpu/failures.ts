/** Errors of a device: recorded when detected, thrown at the next use. @module */

import { Error } from "../../errors.ts";
import { oneLine } from "./checks.ts";

/** The failure of a closed device, which takes precedence over earlier ones. */
export const CLOSED = "the device was closed";

export class Failures {
  readonly #checks = new Set<Promise<void>>();
  readonly #waiting = new Set<(error: Error) => void>();
  #reason: string | null = null;

  /** Adds a check, which the next caller that waits will await. */
  check(what: string, error: Promise<string | null>): void {
    const check: Promise<void> = error
      .then((found) => {
        if (found !== null) this.note(`cannot ${what}: ${found}`);
      })
      // Ignore error scopes of a lost device: the loss itself is reported.
      .catch(() => {})
      .finally(() => this.#checks.delete(check));
    this.#checks.add(check);
  }

  note(reason: string): void {
    if (this.#reason === null || reason === CLOSED) this.#reason = reason;
    for (const reject of this.#waiting) {
      reject(new Error(`Cannot wait for the device: ${this.#reason}`));
    }
  }

  /**
   * Throws if the device has failed. `what` is the intended action, such as "read from"; `label`
   * what it is for, such as "add".
   */
  assertNone(what: string, label?: string): void {
    if (this.#reason === null) return;
    const action = label === undefined ? what : `${what} "${label}" on`;
    throw new Error(`Cannot ${action} the device: ${this.#reason}`);
  }

  /** Waits for `work` and all checks; throws on a failure, so that a lost device never hangs. */
  async waitFor(what: string, work: Promise<unknown>): Promise<void> {
    let rejection: unknown = null;
    const done = work.catch((error: unknown) => rejection = error);
    // Requests to a lost device may never settle.
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
