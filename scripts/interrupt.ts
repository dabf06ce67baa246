/** Signals that ask a process to end: the first to stop in order, Ctrl-C after it to stop at once. @module */

import { printError } from "./output.ts";

/** The signals that are listened for, and the exit code that tells of each: 128 plus its number. */
const EXIT_CODES = [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const;

/** A signal that asks to stop. */
export interface Interrupt extends Disposable {
  /** Aborted by the first one. */
  readonly signal: AbortSignal;
  /** The exit code that tells of it; 0 before there was one. */
  readonly exitCode: number;
}

/**
 * Listens for Ctrl-C, `kill` and the end of the terminal: SIGINT, SIGTERM and SIGHUP.
 *
 * After the first of them Ctrl-C is not listened for any more, so it ends the process at once, even in
 * the middle of a computation. The others may come twice where one was meant, since `deno task` passes
 * on what its process group gets: further ones are ignored. Deno cannot see that `nohup` asked to
 * ignore SIGHUP: a run that shall outlive its terminal is started in a session of its own (`setsid`,
 * `tmux`).
 *
 * @param message What is printed at the first one.
 * @param rank The number of this process where a launcher started several: rank 0 prints, and all also
 * listen for SIGUSR2, which Open MPI's launcher passes on where it ends the ranks at others. A second
 * Ctrl-C is for the launcher then, which may pass on the first one twice.
 */
export function onInterrupt(message: string, rank: number | null = null): Interrupt {
  const controller = new AbortController();
  let exitCode = 0;
  const codes = rank === null ? EXIT_CODES : [...EXIT_CODES, ["SIGUSR2", 130] as const];
  const listeners = codes.map(([name, code]) => {
    const listener = () => {
      if (controller.signal.aborted) return;
      exitCode = code;
      if (rank === null) Deno.removeSignalListener("SIGINT", listeners[0]!.listener);
      controller.abort();
      if (rank === null || rank === 0) printError(`\n${message}`);
    };
    return { name, listener };
  });
  for (const { name, listener } of listeners) Deno.addSignalListener(name, listener);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    [Symbol.dispose]: () => {
      for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}
