/** Progress of a run on the terminal. */

import type { EndEvent, StepEvent, TrainingEvent } from "../gpt/mod.ts";
import type { MatmulPeak } from "../gpt/internals.ts";
import { count, duration, percent } from "./format.ts";
import { columns, print, write, writeError } from "./output.ts";
import { figureTitle } from "./words.ts";

/** Milliseconds between updates of the line on a terminal, and between lines elsewhere. */
const INTERVALS = { terminal: 50, file: 5000 };

/** The width of the bar, so that the line fits into 80 columns. */
const BAR_WIDTH = 16;

/** Shows progress on one line of the terminal, or on new lines elsewhere. */
export class Progress {
  readonly #steps: number;
  readonly #peak: MatmulPeak;
  readonly #isTerminal: boolean;
  #shownAt = -Infinity;
  #isOpen = false;

  /** @param isTerminal Whether lines can be overwritten. */
  constructor(steps: number, peak: MatmulPeak, isTerminal = Deno.stdout.isTerminal()) {
    this.#isTerminal = isTerminal;
    this.#steps = steps;
    this.#peak = peak;
  }

  async show(event: StepEvent): Promise<void> {
    await this.#peak.include(event.flopsPerSecond);
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

  /** Prints text below the line. */
  print(text: string): void {
    this.end();
    print(text);
  }

  end(): void {
    if (this.#isOpen) write("\n");
    this.#isOpen = false;
  }

  /**
   * The message to print if a run was stopped after a step.
   *
   * @param resumeCommand `null` for adapters, which cannot be resumed.
   */
  stopMessage(step: number, resumeCommand: string | null): string {
    if (step === 0) return "Stopped before the first step: there is nothing to save.";
    const hint = resumeCommand === null
      ? "The model with what the adapters learned is saved; a run of adapters cannot be resumed."
      : `To resume: ${resumeCommand}`;
    return `Stopped after step ${step} of ${this.#steps}. ${hint}`;
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
      `${percent(event.flopsPerSecond / this.#peak.flops)} of peak`,
      `${duration(event.secondsLeft)} left`,
    ].join("  ");
  }
}

/** Shows the progress of an evaluation on one line of a terminal, and nothing elsewhere. */
export class Counter {
  readonly #isTerminal: boolean;
  #shownAt = -Infinity;

  constructor(isTerminal = Deno.stderr.isTerminal()) {
    this.#isTerminal = isTerminal;
  }

  /** Shows `what  34 of 120`. */
  show(what: string, done: number, of: number): void {
    if (!this.#isTerminal || performance.now() - this.#shownAt < INTERVALS.terminal) return;
    this.#shownAt = performance.now();
    writeError(`\r\x1b[K${`${what}  ${count(done)} of ${count(of)}`.slice(0, columns() - 1)}`);
  }

  /** Clears the line, before something is printed. */
  clear(): void {
    if (this.#shownAt !== -Infinity) writeError("\r\x1b[K");
    this.#shownAt = -Infinity;
  }
}

export interface ShownRun {
  readonly progress: Progress;
  /** The command that resumes the run; `null` for adapters, which cannot be resumed. */
  readonly resumeCommand: string | null;
  readonly onSaved?: () => void;
  readonly showProfile?: (event: TrainingEvent & { kind: "profile" }) => Promise<void>;
}

/** The overall figures of a measurement, without those of single CORE tasks. */
function describeMeasurement(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .filter(([name]) => !name.includes("/"))
    .map(([name, value]) =>
      name === "questionsRight"
        ? `${percent(value)} of the questions right`
        : `${figureTitle(name)} ${value.toFixed(4)}`
    )
    .join(", ");
}

/**
 * Trains to the end of a run or a signal, and prints events.
 *
 * @returns The state of the run, and the exit code: 0 at the end, or that of the signal.
 */
export async function showRun(
  events: AsyncIterable<TrainingEvent>,
  { progress, resumeCommand, onSaved, showProfile }: ShownRun,
): Promise<Pick<EndEvent, "state" | "exitCode">> {
  for await (const event of events) {
    switch (event.kind) {
      case "step":
        await progress.show(event);
        if (event.skipped) progress.print(skipMessage(event));
        break;
      case "evaluation":
        progress.print(`step ${event.step}: ${event.bitsPerByte.toFixed(4)} bits per byte`);
        break;
      case "samples":
        progress.print(event.texts.map((text) => `  ${JSON.stringify(text)}`).join("\n"));
        break;
      case "measurement":
        progress.print(`step ${event.step}: ${describeMeasurement(event.values)}`);
        break;
      case "checkpoint":
        progress.print(`Saved ${event.path}`);
        onSaved?.();
        break;
      case "profile":
        progress.end();
        await showProfile?.(event);
        break;
      case "end": {
        progress.end();
        if (!event.finished) print(progress.stopMessage(event.state.step, resumeCommand));
        return event;
      }
    }
  }
  throw new Error("Cannot finish the run: no `end` event was received");
}

function skipMessage({ step, lossScale }: StepEvent): string {
  return `step ${step}: left out, since a gradient is too large for f16 with losses times ` +
    `${count(lossScale ?? 1)}`;
}
