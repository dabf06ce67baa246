/** The losses of steps that a device has not computed yet. @module */

import type { LoopStep } from "./loop.ts";
import { mean, readNumbers } from "./readback.ts";

/** Maximum number of steps whose losses are pending, as these hold memory and GPU work. */
const MAX_PENDING = 64;

/** The first steps compile kernels: they do not tell how long others take. */
export const WARMUP_STEPS = 3;

/** A step whose loss has been read. */
export interface ReadStep extends Omit<LoopStep, "losses" | "loaderState"> {
  /** Loss of this rank, in nats per token. */
  readonly loss: number;
  /** Duration of the step in seconds: the mean of those that were read together. */
  readonly seconds: number;
  /** Estimated duration of a step of the rest of the run, in seconds. */
  readonly typicalSeconds: number;
}

/**
 * Losses that are read back together. Reading is the only time that training waits for the device,
 * and reading many takes as long as reading one.
 */
export class PendingLosses {
  readonly #firstTimedStep: number;
  readonly #interval: number;
  #steps: LoopStep[] = [];
  /** When the first pending step began. */
  #startedAt: number | null = null;
  /** The steps after warmup. */
  readonly #timed = { seconds: 0, steps: 0 };

  /**
   * @param firstStep The first step of this process.
   * @param interval Milliseconds between reads; 0 reads after each step.
   */
  constructor(firstStep: number, interval: number) {
    this.#firstTimedStep = firstStep + WARMUP_STEPS;
    this.#interval = interval;
  }

  /** Whether every loss has been read. */
  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  /** Whether it is time to read. */
  get isFull(): boolean {
    return this.#steps.length >= MAX_PENDING ||
      (this.#startedAt !== null && performance.now() - this.#startedAt >= this.#interval);
  }

  /** Starts the clock of a step, unless it runs since an earlier one. */
  begin(): void {
    this.#startedAt ??= performance.now();
  }

  /** Adds a step that was submitted to the device. */
  add(step: LoopStep): void {
    this.#steps.push(step);
  }

  /** Waits for the device. @returns The pending steps, none of which is pending any more. */
  async read(): Promise<ReadStep[]> {
    const steps = this.#steps;
    this.#steps = [];
    const read = await readNumbers(steps.flatMap(({ losses }) => losses));
    const seconds = (performance.now() - this.#startedAt!) / 1000 / steps.length;
    this.#startedAt = null;
    return steps.map(({ losses, loaderState: _, ...step }) => {
      if (step.step >= this.#firstTimedStep) {
        this.#timed.seconds += seconds;
        this.#timed.steps++;
      }
      const { seconds: sum, steps: count } = this.#timed;
      const typicalSeconds = count === 0 ? seconds : sum / count;
      return { ...step, loss: mean(read.splice(0, losses.length)), seconds, typicalSeconds };
    });
  }
}

/** The error of a loss that is not finite. */
export function lossError(loss: number, step: number): Error {
  return new Error(
    `Cannot continue training: wanted a finite loss, got ${loss} at step ${step}. What was saved before ` +
      `is intact; lower learning rates may help.`,
  );
}
