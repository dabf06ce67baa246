/** The process of a Python interpreter, and the messages through its pipes. @module */

import { spawnConfined } from "./confined.ts";
import {
  driver,
  imports,
  interpret,
  type InterpreterAnswer,
  type InterpreterSettings,
  type ProgramEnd,
  supervise,
} from "./interpreter.ts";

/** Maximum characters of a program's output that are kept. */
const MAX_OUTPUT = 10_000;

/** Maximum characters of a process's output that are kept: an answer with every character escaped. */
const MAX_ANSWER = 20 * MAX_OUTPUT;

/** Maximum milliseconds until a process is ready. */
const START_TIMEOUT = 60_000;

/** Milliseconds after its time limit until a process that did not end by itself is killed. */
const KILL_DELAY = 5000;

/** Options of an interpreter process. */
export interface InterpreterOptions {
  /** The URL of Pyodide's package. */
  readonly folder: URL;
  /** The memory of an interpreter that has loaded, from {@linkcode makeSnapshot}. */
  readonly snapshot: Uint8Array;
  /** Maximum memory of a program, in MiB. */
  readonly memory: number;
  /** Maximum time of a program, in seconds. */
  readonly seconds: number;
}

/**
 * Loads an interpreter, which takes seconds, and returns a snapshot of its memory, from which
 * others start faster.
 *
 * @throws {Error} If it does not load.
 */
export async function makeSnapshot(folder: URL): Promise<Uint8Array> {
  const child = spawn(folder, 1024);
  send(child.stdin.getWriter(), "{}", "");
  const { success, stdout, stderr } = await child.output();
  if (success) return stdout;
  throw startError(new TextDecoder().decode(stderr));
}

/** A process that can run one program. */
export class InterpreterProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncIterator<InterpreterAnswer>;
  readonly #stderr: Promise<string>;
  readonly #seconds: number;
  #hasEnded = false;

  private constructor(child: Deno.ChildProcess, key: string, seconds: number) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#answers = readAnswers(child.stdout, key);
    this.#stderr = readText(child.stderr);
    this.#seconds = seconds;
    // One that waits for a program does not keep this process alive.
    child.unref();
    child.status.then(() => this.#hasEnded = true);
  }

  /** Whether the process has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Starts a process. It is ready when the promise resolves.
   *
   * @throws {Error} If it may not be started, or does not get ready.
   */
  static async start(options: InterpreterOptions): Promise<InterpreterProcess> {
    const key = crypto.randomUUID();
    const { folder, snapshot, memory, seconds } = options;
    const started = new InterpreterProcess(spawn(folder, memory), key, seconds);
    const settings: InterpreterSettings = { key, seconds, memory };
    send(started.#input, JSON.stringify(settings), snapshot);
    const timer = setTimeout(() => started.#kill(), START_TIMEOUT);
    const answer = await started.#answers.next();
    clearTimeout(timer);
    if (!answer.done) return started;
    await started.end();
    throw startError(await started.#stderr);
  }

  /** Runs the program. Afterwards the process must be ended. */
  async run(program: string): Promise<ProgramEnd> {
    this.#child.ref();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#kill();
    }, this.#seconds * 1000 + KILL_DELAY);
    try {
      send(this.#input, program);
      const answer = await this.#answers.next();
      if (!answer.done && answer.value.kind === "ended") return answer.value;
      // A program may bring its interpreter down.
      const { code } = await this.#child.status;
      const error = `the interpreter ended with code ${code}`;
      return { kind: "ended", stdout: "", error, timedOut };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process; a program that runs in it fails. */
  async end(): Promise<void> {
    this.#child.ref();
    this.#kill();
    await Promise.all([
      this.#child.status,
      this.#stderr,
      this.#answers.return?.(),
      this.#input.abort().catch(() => {}),
    ]);
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

/** Starts the process, which waits for settings and a snapshot at its standard input. */
function spawn(folder: URL, memory: number): Deno.ChildProcess {
  const pyodide = JSON.stringify(new URL("pyodide.mjs", folder));
  const values = [folder, imports, driver, MAX_OUTPUT].map((value) => JSON.stringify(value));
  const interpreter = `(${interpret})(() => import(${pyodide}), ${values.join(", ")})`;
  return spawnConfined(`(${supervise})(${JSON.stringify(interpreter)})`, folder, memory);
}

function send(
  input: WritableStreamDefaultWriter<Uint8Array>,
  ...parts: (string | Uint8Array)[]
): void {
  // A process that has ended reads nothing; its answer is missing then, which is noticed.
  for (const bytes of parts.flatMap(frame)) input.write(bytes).catch(() => {});
}

/** Frames a message: its length in four bytes, and the bytes. */
function frame(content: string | Uint8Array): [length: Uint8Array, bytes: Uint8Array] {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return [length, bytes];
}

/**
 * The lines that begin with the key; other text may be a program's. Ends with the stream, or where it is
 * no longer what the main thread alone would write.
 */
async function* readAnswers(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  key: string,
): AsyncGenerator<InterpreterAnswer> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const start = text.indexOf(key);
    const end = text.indexOf("\n", start);
    if (start !== -1 && end !== -1) {
      const answer = parse(text.slice(start + key.length, end));
      if (answer === null) return;
      yield answer;
      text = text.slice(end + 1);
    }
    if (text.length > MAX_ANSWER) return;
  }
}

function parse(line: string): InterpreterAnswer | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** The last characters of a stream. */
async function readText(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + part).slice(-MAX_OUTPUT);
  }
  return text;
}

function startError(stderr: string): Error {
  const [reason] = stderr.trimStart().split("\n");
  return new Error(`Cannot run Python: wanted Pyodide to load, got ${reason || "no answer"}`);
}
