/** A trial of a soak, which is repeated, and the process that runs it. @module */

import { Random } from "./random.ts";

/** Something that is tried with many seeds. */
export interface Trial {
  /** The name: an area, and what is tried in it, as in `files/safetensors`. */
  readonly name: string;
  /**
   * Seconds after which one trial, or what comes before the first, counts as hanging: far more than it takes
   * on a machine that does other work, too.
   */
  readonly limit: number;
  /** The share of the time, relative to others. @default {1} */
  readonly weight?: number;
  /** A requirement that is missing here, such as an MPI; then the trial is skipped. */
  readonly missing?: string;
  /** Prepares what all trials of a process share. */
  open(): Promise<OpenTrial>;
}

export interface OpenTrial extends AsyncDisposable {
  /**
   * Tries once.
   *
   * @returns What happened, in a word or two, for the tally.
   * @throws {Error} If it is not what should happen.
   */
  run(random: Random, seed: number): Promise<string>;
}

/** A trial that needs no preparation. */
export function plainTrial(
  name: string,
  run: (random: Random) => string | Promise<string>,
): Trial {
  const opened: OpenTrial = {
    run: async (random) => await run(random),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { name, limit: 120, open: () => Promise.resolve(opened) };
}

/**
 * Messages of a trial's process to the one that started it, a line each: that it is ready, how each
 * trial went, in the order of their seeds, and that it has ended by itself. Thousands of trials a
 * second must not take longer to report than to try.
 */
export type Message =
  | "ready"
  | { readonly outcome: string; readonly milliseconds: number }
  | { readonly error: string }
  | "over";

/** Milliseconds. */
const MIN_TURN = 1000;

/** Precedes messages: a trial may print lines of its own. */
const MARK = "soak: ";

export function parseMessage(line: string): Message | null {
  return line.startsWith(MARK) ? JSON.parse(line.slice(MARK.length)) : null;
}

/**
 * Runs one trial in this process, with one seed after the other.
 *
 * @param args The trial's name, the first seed, how often at most, and until when, as `Date.now()`
 * says it: at least one is run.
 */
export async function runTrials(
  trials: readonly Trial[],
  [name, seed, times, deadline]: readonly string[],
): Promise<void> {
  const trial = trials.find((trial) => trial.name === name);
  if (trial === undefined) throw new Error(`wanted the name of a trial, got ${name}`);
  const post = (message: Message) => console.log(`${MARK}${JSON.stringify(message)}`);
  await using opened = await trial.open();
  post("ready");
  // Where the preparation took all of its time, it gets some more.
  const end = Math.max(Number(deadline), Date.now() + MIN_TURN);
  for (let i = 0; i < Number(times); i++) {
    if (i > 0 && Date.now() > end) break;
    const own = Number(seed) + i;
    const start = performance.now();
    try {
      const outcome = await opened.run(new Random(own), own);
      post({ outcome, milliseconds: performance.now() - start });
    } catch (error) {
      post({ error: error instanceof Error ? error.stack ?? `${error}` : `${error}` });
    }
  }
  post("over");
}
