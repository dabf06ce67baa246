/** A line that shows how far a run is. @module */

import type { StepEvent } from "../gpt/mod.ts";
import { count, duration, percent } from "./format.ts";
import { columns, print, write } from "./output.ts";

/** How often the line is written over, or where nobody watches a new one comes, in milliseconds. */
const INTERVALS = { terminal: 50, file: 5000 };

/** So wide that the line fits into 80 columns. */
const BAR_WIDTH = 16;

/** Shows steps on one line of the terminal that is written over, or now and then on a new line. */
export class Progress {
  readonly #steps: number;
  readonly #peakFlops: number;
  readonly #isTerminal: boolean;
  #shownAt = -Infinity;
  #isOpen = false;

  /**
   * @param steps The steps of the run.
   * @param peakFlops What the device reaches in a matrix product, in operations per second.
   * @param isTerminal Whether lines can be written over.
   */
  constructor(steps: number, peakFlops: number, isTerminal = Deno.stdout.isTerminal()) {
    this.#isTerminal = isTerminal;
    this.#steps = steps;
    this.#peakFlops = peakFlops;
  }

  /** Shows a step. */
  show(event: StepEvent): void {
    const interval = this.#isTerminal ? INTERVALS.terminal : INTERVALS.file;
    const isLast = event.step === this.#steps - 1;
    if (!isLast && performance.now() - this.#shownAt < interval) return;
    this.#shownAt = performance.now();
    const line = this.#line(event);
    if (this.#isTerminal) {
      write(`\r\x1b[K${line.slice(0, columns() - 1)}`);
      this.#isOpen = true;
    } else print(line);
  }

  /** Prints a text below the line. */
  print(text: string): void {
    this.end();
    print(text);
  }

  /** Leaves the line as it is. */
  end(): void {
    if (this.#isOpen) write("\n");
    this.#isOpen = false;
  }

  #line(event: StepEvent): string {
    const done = (event.step + 1) / this.#steps;
    const filled = Math.round(done * BAR_WIDTH);
    const bar = this.#isTerminal
      ? `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${percent(done)}`
      : `step ${event.step + 1} of ${this.#steps}`;
    return [
      bar,
      `loss ${event.smoothLoss.toFixed(3)}`,
      `${count(event.tokensPerSecond)} tokens/s`,
      `${percent(event.flopsPerSecond / this.#peakFlops)} of peak`,
      `${duration(event.secondsLeft)} left`,
    ].join("  ");
  }
}
