/**
 * The code inside the process of a Python interpreter.
 *
 * Two threads: the main one reads what to run, keeps the limits and answers; a worker holds the
 * interpreter. A program can at most spoil the worker, whose memory and prototypes are its own: it
 * cannot reach the key that an answer begins with, nor the clock.
 *
 * The functions here are sent as text, so that the process needs no permission to read this file.
 * They may only use their arguments and what is global.
 *
 * @module
 */

/** The settings that the process reads from its standard input, after their length in four bytes. */
export interface InterpreterSettings {
  /** The prefix of each line of the answers. */
  readonly key: string;
  /** The limit on time, from the start of the program. */
  readonly seconds: number;
  /** The limit on memory in MiB, beyond what the interpreter itself takes. */
  readonly memory: number;
}

/** A line of the process's standard output, after its key. */
export type InterpreterAnswer = { readonly kind: "ready" } | ProgramEnd;

/** How a program ended. */
export interface ProgramEnd {
  readonly kind: "ended";
  /** The output of the program. */
  readonly stdout: string;
  /** The last line of what went wrong, or `null` if nothing did. */
  readonly error: string | null;
  /** Whether it ran out of time. */
  readonly timedOut: boolean;
}

/** A message of the worker. Only `ended` with `null` for the error is a success. */
type WorkerMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "snapshot"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "output"; readonly text: string }
  | { readonly kind: "ended"; readonly error: string | null };

/**
 * The main thread. Reads settings, a snapshot and a program, and ends the process when the program
 * has ended, or a limit is reached. With an empty snapshot it writes one, and nothing else.
 *
 * @param interpreter The worker's program.
 */
export function supervise(interpreter: string): void {
  const frame = () => read(new DataView(read(4).buffer).getUint32(0));
  const { key, seconds, memory }: InterpreterSettings = JSON.parse(
    new TextDecoder().decode(frame()),
  );
  const worker = new Worker(URL.createObjectURL(new Blob([interpreter])), { type: "module" });
  worker.onerror = (event) => fail(event.message);
  const snapshot = frame();
  worker.postMessage(snapshot, [snapshot.buffer]);
  worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
    if (data.kind === "ready") {
      answer({ kind: "ready" });
      runProgram(new TextDecoder().decode(frame()));
    } else if (data.kind === "snapshot") {
      write(data.bytes);
      Deno.exit();
    } else if (data.kind === "failed") {
      fail(data.reason);
    }
  };

  /** Runs the program within its limits: it may block its own thread forever, but not this one. */
  function runProgram(program: string): void {
    let stdout = "";
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.kind === "output") stdout += data.text;
      else if (data.kind === "ended") {
        end({ kind: "ended", stdout, error: data.error, timedOut: false });
      }
    };
    const start = performance.now();
    const memoryLimit = Deno.memoryUsage().rss + memory * 2 ** 20;
    setInterval(() => {
      if (performance.now() - start > seconds * 1000) {
        end({ kind: "ended", stdout, error: "Execution timed out", timedOut: true });
      } else if (Deno.memoryUsage().rss > memoryLimit) {
        end({ kind: "ended", stdout, error: "MemoryError", timedOut: false });
      }
    }, 10);
    worker.postMessage(program);
  }

  function end(last: ProgramEnd): void {
    answer(last);
    Deno.exit();
  }

  function fail(reason: string): void {
    console.error(reason);
    Deno.exit(1);
  }

  function answer(line: InterpreterAnswer): void {
    write(new TextEncoder().encode(`${key}${JSON.stringify(line)}\n`));
  }

  function write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  }

  function read(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = Deno.stdin.readSync(bytes.subarray(at));
      // The process that started this one is gone.
      if (count === null) Deno.exit(1);
      at += count;
    }
    return bytes;
  }
}

/** The parts of Pyodide that are used. */
export interface Pyodide {
  runPython(program: string, options?: { readonly globals?: unknown }): unknown;
  toPy(value: object): unknown;
  makeMemorySnapshot(): Uint8Array<ArrayBuffer>;
  setStdin(options: { readonly stdin: () => null }): void;
  setStdout(options: { readonly write: (bytes: Uint8Array) => number }): void;
  setStderr(options: { readonly write: (bytes: Uint8Array) => number }): void;
}

/**
 * The worker. Loads the interpreter, from a snapshot if there is one, and runs one program.
 *
 * @param importPyodide Imports the package; at import, it detects its environment.
 * @param folder The URL of the package's folder.
 * @param imports Python that imports what programs often need, before the snapshot is made.
 * @param driver Python whose value is a function that runs a program: see {@linkcode driver}.
 * @param maxOutput Maximum characters that a program may print; what follows is dropped.
 */
export async function interpret(
  importPyodide: () => Promise<{ loadPyodide(options: object): Promise<Pyodide> }>,
  folder: string,
  imports: string,
  driver: string,
  maxOutput: number,
): Promise<void> {
  const scope: Pick<Worker, "postMessage" | "onmessage"> = Object(globalThis);
  const post = (message: WorkerMessage) => scope.postMessage(message);
  const received = () =>
    new Promise<unknown>((resolve) => scope.onmessage = ({ data }) => resolve(data));
  const snapshot = received() as Promise<Uint8Array>;
  // Without them Pyodide takes this for a browser's worker, and fetches its files.
  Reflect.deleteProperty(globalThis, "Deno");
  Reflect.deleteProperty(globalThis, "process");
  try {
    const { loadPyodide } = await importPyodide();
    const bytes = await snapshot;
    const source = bytes.length === 0 ? { _makeSnapshot: true } : { _loadSnapshot: bytes };
    // An empty object is all that Python's module `js` is to show of JavaScript.
    const jsglobals = Object.create(null);
    const python = await loadPyodide({ indexURL: folder, jsglobals, ...source });
    if (bytes.length === 0) {
      python.runPython(imports);
      post({ kind: "snapshot", bytes: python.makeMemorySnapshot() });
      return;
    }
    await runInWorker(python);
  } catch (error) {
    post({ kind: "failed", reason: error instanceof Error ? error.message : `${error}` });
  }

  async function runInWorker(python: Pyodide): Promise<void> {
    let printed = 0;
    const stdout = decoder((text) => {
      if (printed < maxOutput) post({ kind: "output", text: text.slice(0, maxOutput - printed) });
      printed += text.length;
    });
    let complaints = "";
    const stderr = decoder((text) => complaints = (complaints + text).slice(-maxOutput));
    python.setStdin({ stdin: () => null });
    python.setStdout({ write: stdout });
    python.setStderr({ write: stderr });
    type Run = { callPromising(program: string): Promise<boolean> };
    const execute = python.runPython(driver, { globals: python.toPy({}) }) as Run;
    const program = received() as Promise<string>;
    post({ kind: "ready" });
    let isSuccess = false;
    try {
      isSuccess = await execute.callPromising(await program);
    } catch (error) {
      // The interpreter itself has ended.
      complaints += `\n${error instanceof Error ? error.message : error}`;
    }
    post({ kind: "ended", error: isSuccess === true ? null : lastLine(complaints) });
  }

  function decoder(take: (text: string) => void): (bytes: Uint8Array) => number {
    const decoder = new TextDecoder();
    return (bytes) => {
      take(decoder.decode(bytes, { stream: true }));
      return bytes.length;
    };
  }

  function lastLine(text: string): string {
    return text.trimEnd().split("\n").at(-1)!;
  }
}

/** Modules that programs often need; in the snapshot they cost no time. */
export const imports = `
import abc, array, ast, bisect, builtins, collections, copy, dataclasses, datetime, decimal, enum
import fractions, functools, hashlib, heapq, io, itertools, json, math, operator, os, random, re
import statistics, string, sys, textwrap, time, traceback, types, typing
`;

/**
 * Runs a program as `python3 FILE` does: as the module `__main__`, with a traceback on standard error
 * and whether the exit code is 0 as the result.
 */
export const driver = `
import builtins, random, sys, traceback, types

# Every interpreter starts from one snapshot, in which the generator was seeded.
random.seed()

def run(program):
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    sys.argv = [""]
    code = 1
    try:
        exec(compile(program, "program", "exec"), main.__dict__)
        code = 0
    except SystemExit as exit:
        code = 0 if exit.code is None else exit.code
        if not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException as error:
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    return code == 0

# The machine code of what a program needs first is made now, and not while somebody waits.
try:
    exec(compile("print(f'{1 / 0}')", "program", "exec"), {})
except ZeroDivisionError as error:
    traceback.format_exception(error)

run
`;
