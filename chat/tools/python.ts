/**
 * Running Python that a model wrote.
 *
 * Python is Pyodide: CPython as WebAssembly, downloaded at first use. Each program runs in a Deno
 * process of its own, whose only permission is to read Pyodide's package: no other files, no
 * network, no processes, no environment. Its files are in its memory. The process is ended with the
 * program, or at its limits of time and memory, and no other program runs in it. This boundary is
 * Deno's; a program would need an error in V8 or in Deno to leave it.
 *
 * A program decides what it prints and whether it fails, and nothing else that is reported here.
 *
 * Source of the limits: nanochat, `nanochat/execution.py`.
 *
 * @module
 */

import { basePath } from "../../gpt/internals.ts";
import { checkOptions, type OptionNames } from "../../tensor/checks.ts";
import { wrongValue } from "../../tensor/errors.ts";
import { importPyodide } from "../deps.ts";
import { InterpreterProcess } from "./interpreter_process.ts";
import { openSnapshot } from "./snapshot.ts";

/** Options for {@linkcode Python.open}. */
export interface PythonOptions {
  /** Maximum seconds of a program. @default {5} */
  readonly seconds?: number;
  /** Maximum memory of a program, in MiB. @default {256} */
  readonly memory?: number;
  /** Number of processes, waiting or running. Each takes 200 MB. @default {2} */
  readonly processes?: number;
  /**
   * A folder for a snapshot of the interpreter's memory (31 MB), with which opening takes half a second
   * instead of four. @default {basePath("python")}
   */
  readonly folder?: string;
}

/** The result of a program. */
export interface PythonResult {
  /** Whether it ended without an error. */
  readonly success: boolean;
  /** The output, at most 10,000 characters. */
  readonly stdout: string;
  /** The last line of what went wrong; empty if nothing did. */
  readonly error: string;
  /** Whether it ran out of time. */
  readonly timedOut: boolean;
}

/** A place for a process: one that starts, waits or runs a program. */
interface Slot {
  process: Promise<InterpreterProcess>;
}

/**
 * Runs programs, each in a new process. Some processes are started ahead, as that takes half a
 * second.
 *
 * @example
 * ```ts
 * import { Python } from "./python.ts";
 *
 * await using python = await Python.open({ folder: await Deno.makeTempDir() });
 * const { success, stdout } = await python.run("print(6 * 7)");
 * if (!success || stdout !== "42\n") throw new Error(`got ${stdout}`);
 * ```
 */
export class Python implements AsyncDisposable {
  readonly #start: () => Promise<InterpreterProcess>;
  readonly #slots: readonly Slot[];
  /** The slots whose process waits for a program, or else programs that wait for a slot. */
  readonly #free: Slot[];
  readonly #callers: PromiseWithResolvers<Slot>[] = [];
  #isClosed = false;

  private constructor(start: () => Promise<InterpreterProcess>, processes: number) {
    this.#start = start;
    this.#slots = Array.from({ length: processes }, () => ({ process: this.#startAfter(null) }));
    this.#free = [...this.#slots];
  }

  /**
   * Downloads Pyodide if it is not cached (13.5 MB), and starts the processes.
   *
   * @throws {RangeError} If a limit is not one.
   * @throws {Error} If Pyodide cannot be downloaded, or this process may not start Deno, for which it
   * needs `--allow-run` with `Deno.execPath()`.
   */
  static async open(options: PythonOptions = {}): Promise<Python> {
    checkOptions("open Python", options, optionNames);
    const { seconds = 5, memory = 256, processes = 2, folder = basePath("python") } = options;
    checkNumbers(seconds, memory, processes);
    const pyodide = await importPyodide();
    const snapshot = await openSnapshot(pyodide, folder);
    const python = new Python(
      () => InterpreterProcess.start({ folder: pyodide.folder, snapshot, memory, seconds }),
      processes,
    );
    try {
      await python.#slots[0]!.process;
    } catch (error) {
      await python.close();
      throw error;
    }
    return python;
  }

  /**
   * Runs a program as `python3 FILE` would in an empty folder, with an empty standard input, the
   * standard library and no threads.
   *
   * @throws {Error} If this is closed, or a process cannot be started; not if the program fails.
   */
  async run(program: string): Promise<PythonResult> {
    if (this.#isClosed) throw closedError();
    const slot = this.#free.shift() ?? await this.#nextFree();
    let process: InterpreterProcess | null = null;
    try {
      process = await this.#processOf(slot);
      const { stdout, error, timedOut } = await process.run(program);
      if (this.#isClosed) throw closedError();
      return { success: error === null, stdout, error: error ?? "", timedOut };
    } finally {
      slot.process = this.#startAfter(process);
      const caller = this.#callers.shift();
      if (caller === undefined) this.#free.push(slot);
      else caller.resolve(slot);
    }
  }

  #nextFree(): Promise<Slot> {
    const caller = Promise.withResolvers<Slot>();
    this.#callers.push(caller);
    return caller.promise;
  }

  async #processOf(slot: Slot): Promise<InterpreterProcess> {
    const process = await slot.process;
    // The system may have ended it while it waited.
    return process.hasEnded ? await (slot.process = this.#startAfter(process)) : process;
  }

  /** Starts a process in the place of another one, which nobody has to wait for. */
  #startAfter(process: InterpreterProcess | null): Promise<InterpreterProcess> {
    const next = (async () => {
      await process?.end();
      if (this.#isClosed) throw closedError();
      return await this.#start();
    })();
    // A failure is reported to the caller that takes it.
    next.catch(() => {});
    return next;
  }

  /** Ends all processes. Programs that run or wait are rejected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const caller of this.#callers.splice(0)) caller.reject(closedError());
    await Promise.allSettled(this.#slots.map(async ({ process }) => (await process).end()));
  }

  /** Ends all processes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const optionNames: OptionNames<PythonOptions> = {
  seconds: true,
  memory: true,
  processes: true,
  folder: true,
};

function checkNumbers(seconds: number, memory: number, processes: number): void {
  const what = "open Python";
  if (!(seconds > 0 && seconds <= 3600)) throw wrongValue(what, "seconds from 0 to 3600", seconds);
  if (!(Number.isInteger(memory) && memory >= 64 && memory <= 4096)) {
    throw wrongValue(what, "memory of 64 to 4096 MiB", memory);
  }
  if (!(Number.isInteger(processes) && processes >= 1)) {
    throw wrongValue(what, "1 or more processes", processes);
  }
}

function closedError(): Error {
  return new Error("Cannot run Python: wanted it open, got it closed");
}
