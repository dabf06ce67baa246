/** Signals: the first one stops a run gracefully, a later Ctrl-C immediately. */

import { printError } from "./output.ts";

/** Signals, and their exit codes: 128 plus the number. */
const EXIT_CODES = [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const;

/** The exit code of a run whose time is up, as that of the command `timeout`. */
export const TIME_IS_UP = 124;

export interface Interrupt extends Disposable {
  /** Aborted at the first signal; the reason is its exit code. */
  readonly signal: AbortSignal;
  /** Does what the first Ctrl-C does. @param code The exit code. @default {130} */
  stop(code?: number): void;
}

/**
 * Listens for SIGINT (Ctrl-C), SIGTERM and SIGHUP.
 *
 * After the first signal, Ctrl-C ends the process immediately, even in the middle of a computation.
 * Other signals may arrive twice, since `deno task` forwards what its process group gets:
 * repetitions are ignored. Deno cannot see that `nohup` ignores SIGHUP: a run that should outlive
 * its terminal needs a session of its own (`setsid`, `tmux`).
 *
 * @param message Printed at the first signal.
 * @param rank The rank of this process, if a launcher started several: rank 0 prints, and all also
 * listen for SIGUSR2, which Open MPI's launcher forwards but ends ranks at other signals. A second
 * Ctrl-C is then left to the launcher, which may forward the first one twice.
 * @param onFirst Called with the exit code at the first signal, before anything else.
 */
export function onInterrupt(
  message: string,
  rank: number | null = null,
  onFirst: (code: number) => void = () => {},
): Interrupt {
  const controller = new AbortController();
  const codes = rank === null ? EXIT_CODES : [...EXIT_CODES, ["SIGUSR2", 130] as const];
  const stop = (code: number) => {
    if (controller.signal.aborted) return;
    onFirst(code);
    if (rank === null) Deno.removeSignalListener("SIGINT", listeners[0]!.listener);
    controller.abort(code);
    if (rank === null || rank === 0) printError(`\n${message}`);
  };
  const listeners = codes.map(([name, code]) => ({ name, listener: () => stop(code) }));
  for (const { name, listener } of listeners) Deno.addSignalListener(name, listener);
  return {
    signal: controller.signal,
    stop: (code = 130) => stop(code),
    [Symbol.dispose]: () => {
      for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}

/** Waits for the first signal, if it has not come already. */
export async function untilInterrupted({ signal }: Interrupt): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

/** The signals of a training run. */
export interface TrainingInterrupt extends Interrupt {
  /** From now on a signal stops the run gracefully; before, it ended the process. */
  begin(): void;
}

/**
 * Listens for the signals that stop a training run, on each of its ranks. While a run is prepared
 * there is nothing to save, and a signal ends the process immediately.
 *
 * @param hours The time limit, after which the run stops as at a signal, with {@linkcode
 * TIME_IS_UP}; 0 for no limit.
 */
export function interruptTraining(
  ranks: { readonly rank: number } | null,
  hours = 0,
): TrainingInterrupt {
  const rank = ranks?.rank ?? null;
  const end = performance.now() + 3_600_000 * hours;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isPreparing = true;
  const interrupt = onInterrupt(
    "Stopping after this step, and saving. Ctrl-C again stops at once, without saving.",
    rank,
    (code) => {
      if (!isPreparing) return;
      if (rank === null || rank === 0) printError("\nStopped before training began.");
      Deno.exit(code);
    },
  );
  return {
    ...interrupt,
    begin() {
      isPreparing = false;
      if (hours === 0) return;
      const left = Math.max(0, end - performance.now());
      timer = setTimeout(() => interrupt.stop(TIME_IS_UP), left);
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      interrupt[Symbol.dispose]();
    },
  };
}
