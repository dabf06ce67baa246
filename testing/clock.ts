/** Clocks for tests, which must not depend on how fast the machine is, or on what else it does. @module */

import process from "node:process";

/** `performance.now` of this program stands still until it is moved, and runs again when disposed. */
export class StoppedClock implements Disposable {
  readonly #original = performance.now;
  #milliseconds = 0;

  constructor() {
    performance.now = () => this.#milliseconds;
  }

  /** Moves the clock on. */
  pass(milliseconds: number): void {
    this.#milliseconds += milliseconds;
  }

  [Symbol.dispose](): void {
    performance.now = this.#original;
  }
}

/**
 * Milliseconds that processors have worked for this process. What other programs do meanwhile does not
 * count, so that a limit of it holds on a busy machine, too.
 */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
