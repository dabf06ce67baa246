/**
 * The metrics file of a run, in JSON lines.
 *
 * Each line is written immediately, so after a kill all lines but perhaps the last one are
 * complete. Resuming from a checkpoint removes the lines after it.
 *
 * @module
 */

import { fileError, naming, writeFileAtomically } from "./files.ts";

/** A line: the step, and values by name. */
export type MetricsRecord =
  & Readonly<Record<string, string | number | boolean | null | readonly string[]>>
  & {
    /** The step, counted from 0. */
    readonly step: number;
  };

/**
 * A metrics file open for writing.
 *
 * @example
 * ```ts
 * import { MetricsLog, readMetrics } from "./metrics.ts";
 *
 * const path = await Deno.makeTempDir() + "/metrics.jsonl";
 * {
 *   using log = await MetricsLog.open(path, 0);
 *   log.append({ step: 0, loss: 8.3 });
 *   log.append({ step: 1, loss: 8.1 });
 * }
 * if ((await readMetrics(path))[1]?.loss !== 8.1) throw new Error("expected two lines");
 * ```
 */
export class MetricsLog implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens a file at the given step; earlier lines stay.
   *
   * @param path The file; its folder must exist.
   * @param step The next step; 0 starts over.
   * @throws {Error} If the file cannot be read or written, or an earlier line is damaged.
   */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const earlier = step === 0 ? [] : await readMetrics(path);
    const kept = earlier.filter((record) => record.step < step);
    await writeFileAtomically(path, kept.map((record) => `${JSON.stringify(record)}\n`).join(""));
    return new MetricsLog(
      path,
      await naming("write", path, () => Deno.open(path, { append: true })),
    );
  }

  /** Appends a line. @throws {Error} If it cannot be written. */
  append(record: MetricsRecord): void {
    const line = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
    try {
      for (let written = 0; written < line.length;) {
        written += this.#file.writeSync(line.subarray(written));
      }
    } catch (cause) {
      throw fileError("write", this.#path, cause);
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/**
 * Reads a metrics file.
 *
 * @returns The lines, without an incomplete last one; none if the file is missing.
 * @throws {SyntaxError} If another line is invalid.
 */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const { records, problem } = await new MetricsFollower(path).read();
  if (problem !== null) throw problem;
  return records;
}

/** New records of a metrics file. */
export interface MetricsAddition {
  /** Whether the file began again, as after a resume, so that earlier lines no longer count. */
  readonly isNew: boolean;
  /** The valid lines, without an incomplete last one. */
  readonly records: MetricsRecord[];
  /** The first invalid line, if any. */
  readonly problem: SyntaxError | null;
}

/**
 * Follows a metrics file that another process may be writing.
 *
 * @example
 * ```ts
 * import { MetricsFollower } from "./metrics.ts";
 *
 * const path = await Deno.makeTempDir() + "/metrics.jsonl";
 * const follower = new MetricsFollower(path);
 * await Deno.writeTextFile(path, '{"step":0}\n{"st');
 * const first = await follower.read();
 * await Deno.writeTextFile(path, 'ep":1}\n', { append: true });
 * const second = await follower.read();
 * if (first.records.length !== 1 || second.records[0]?.step !== 1) throw new Error("expected two");
 * ```
 */
export class MetricsFollower {
  readonly #path: string;
  #bytes = 0;
  #lines = 0;
  #file: number | null = null;

  /** Follows the file at a path; it may be missing. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Reads the lines that were added since the last call.
   *
   * @throws {Error} If the file cannot be read.
   */
  async read(): Promise<MetricsAddition> {
    let isNew = false;
    let added: Uint8Array = new Uint8Array();
    try {
      const { size, ino } = await Deno.stat(this.#path);
      isNew = this.#bytes > 0 && (size < this.#bytes || ino !== this.#file);
      if (isNew) this.#bytes = this.#lines = 0;
      this.#file = ino;
      if (size > this.#bytes) added = await this.#readRest();
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw fileError("read", this.#path, cause);
      isNew = this.#bytes > 0;
      this.#bytes = this.#lines = 0;
    }
    // The bytes after the last line break are an incomplete line, which is read again later.
    const whole = added.subarray(0, added.lastIndexOf(0x0a) + 1);
    this.#bytes += whole.length;
    const records: MetricsRecord[] = [];
    let problem: SyntaxError | null = null;
    for (const line of new TextDecoder().decode(whole).split("\n").slice(0, -1)) {
      this.#lines++;
      const record = parseLine(line);
      if (record !== null) records.push(record);
      else {
        problem ??= new SyntaxError(
          `Cannot read ${this.#path}, line ${this.#lines}: wanted an object with a step, got ` +
            line.slice(0, 40),
        );
      }
    }
    return { isNew, records, problem };
  }

  async #readRest(): Promise<Uint8Array> {
    using file = await Deno.open(this.#path);
    await file.seek(this.#bytes, Deno.SeekMode.Start);
    return new Uint8Array(await new Response(file.readable).arrayBuffer());
  }
}

function parseLine(line: string): MetricsRecord | null {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== "object" || record === null || !("step" in record)) return null;
    return typeof record.step === "number" ? record as MetricsRecord : null;
  } catch {
    return null;
  }
}
