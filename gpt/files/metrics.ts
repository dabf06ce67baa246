/**
 * The metrics file of a run, in JSON lines.
 *
 * Each line is written at once, so a killed process leaves all lines but perhaps the last one
 * whole. Resuming from a checkpoint removes the lines after it.
 *
 * @module
 */

import { fileError, writeFileAtomically } from "./files.ts";

/** A line: the step, and values by name. */
export type MetricsRecord = Readonly<Record<string, string | number | boolean | null>> & {
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
    try {
      return new MetricsLog(path, await Deno.open(path, { append: true }));
    } catch (cause) {
      throw fileError("write", path, cause);
    }
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
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw fileError("read", path, cause);
  }
  // The rest is empty or an incomplete line.
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line, i) => parseLine(line, `${path}, line ${i + 1}`));
}

function parseLine(line: string, where: string): MetricsRecord {
  let record: unknown = null;
  try {
    record = JSON.parse(line);
  } catch {
    // Reported below, like any other invalid line.
  }
  if (typeof record === "object" && record !== null && "step" in record) {
    if (typeof record.step === "number") return record as MetricsRecord;
  }
  throw new SyntaxError(
    `Cannot read ${where}: wanted an object with a step, got ${line.slice(0, 40)}`,
  );
}
