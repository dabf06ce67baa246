/**
 * The numbers of a run in a file: one line of JSON for each thing that happened.
 *
 * A line is written as soon as there is one, in one piece, so a run that is killed leaves all lines
 * but perhaps the last one whole. Going on from a checkpoint takes back what happened after it.
 *
 * @module
 */

import { fileError, writeFileAtomically } from "./files.ts";

/** One line: a step of the run, and numbers and texts by name. */
export type MetricsRecord = Readonly<Record<string, string | number | boolean | null>> & {
  /** The step, counted from 0. */
  readonly step: number;
};

/**
 * A file of metrics that is being written.
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
   * Opens a file to go on before the given step: of what is there, earlier lines stay.
   *
   * @param path The file, whose folder must exist.
   * @param step The next step; 0 begins anew.
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

  /**
   * Adds a line.
   *
   * @throws {Error} If it cannot be written.
   */
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
 * Reads a file of metrics.
 *
 * @param path The file; one that does not exist has no lines.
 * @returns The lines; without the last one if the run was killed while writing it.
 * @throws {SyntaxError} If another line is not what {@linkcode MetricsLog} writes.
 */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw fileError("read", path, cause);
  }
  // What follows the last line break is empty, or a line that was never finished.
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line, i) => parseLine(line, `${path}, line ${i + 1}`));
}

function parseLine(line: string, where: string): MetricsRecord {
  let record: unknown = null;
  try {
    record = JSON.parse(line);
  } catch {
    // Reported below, as any other line that is not a record.
  }
  if (typeof record === "object" && record !== null && "step" in record) {
    if (typeof record.step === "number") return record as MetricsRecord;
  }
  throw new SyntaxError(
    `Cannot read ${where}: wanted an object with a step, got ${line.slice(0, 40)}`,
  );
}
