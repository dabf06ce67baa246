/** Stored benchmark results, and tables of them. */

export interface Measured {
  /** The library, or another name of the side. */
  readonly library: string;
  /** The median; `null` if it could not be measured. */
  readonly value: number | null;
  readonly reason?: string;
}

export interface Row {
  readonly name: string;
  readonly device: "cpu" | "webgpu";
  readonly unit: string;
  readonly ours: Measured;
  readonly others: readonly Measured[];
  /** Ours against the best of the others; above 1 ours is better. */
  readonly ratio: number | null;
  /** The smallest and the largest ratio of a single round. */
  readonly spread: readonly [number, number] | null;
  readonly wanted: number | null;
}

/** The rows of one day, one machine and one set of versions. */
export interface Session {
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

/** Everything that is kept: each row once, in the session that measured it last. */
export interface Results {
  readonly sessions: readonly Session[];
}

export const RESULTS_URL: URL = new URL("results.json", import.meta.url);

/** Reads results. @throws {Error} If there are none, or the file is not one of results. */
export async function readResults(place: URL | string): Promise<Results> {
  let results: unknown;
  let cause: unknown;
  try {
    results = JSON.parse(await Deno.readTextFile(place));
  } catch (error) {
    cause = error;
  }
  if (!isResults(results)) {
    throw new Error(`Cannot read the results: wanted a file that bench:peers wrote, at ${place}`, {
      cause,
    });
  }
  return results;
}

/** Results are this program's own files: their frame is checked, their rows are trusted. */
function isResults(value: unknown): value is Results {
  return typeof value === "object" && value !== null &&
    Array.isArray(Reflect.get(value, "sessions"));
}

/**
 * Adds a session to the results. Rows that it did not measure stay as they are, with the day and the
 * machine that they come from.
 *
 * @throws {Error} If there is a file that holds no results: it is left alone.
 */
export async function writeResults(place: URL | string, session: Session): Promise<void> {
  const before = await exists(place) ? await readResults(place) : { sessions: [] };
  const results: Results = { sessions: addSession(before.sessions, session) };
  const path = place instanceof URL ? decodeURIComponent(place.pathname) : place;
  await Deno.writeTextFile(`${path}.part`, `${JSON.stringify(results, null, 2)}\n`);
  await Deno.rename(`${path}.part`, path);
}

async function exists(place: URL | string): Promise<boolean> {
  try {
    await Deno.stat(place);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function addSession(before: readonly Session[], session: Session): Session[] {
  const measured = new Set(session.rows.map(keyOf));
  const kept = before.map(({ rows, ...facts }) => ({
    ...facts,
    rows: rows.filter((row) => !measured.has(keyOf(row))),
  }));
  const origin = ({ date, machine, versions }: Session) =>
    JSON.stringify([date.slice(0, 10), machine, versions]);
  const same = kept.find((other) => origin(other) === origin(session));
  const rows = [...same?.rows ?? [], ...session.rows]
    .toSorted((a, b) => a.device.localeCompare(b.device));
  return [...kept.filter((other) => other !== same), { ...session, rows }]
    .filter(({ rows }) => rows.length > 0);
}

export function keyOf({ name, device }: Pick<Row, "name" | "device">): string {
  return `${device}: ${name}`;
}

/** A Markdown table of rows, followed by what could not be measured and why. */
export function asMarkdown(rows: readonly Row[]): string {
  const lines = rows.map(({ name, unit, ours, others, ratio, wanted }) => [
    name,
    `${format(ours.value)} ${unit}`,
    others.filter(({ value }) => value !== null)
      .map(({ library, value }) => `${library}: ${format(value)}`).join("; "),
    ratio === null ? "" : `${format(ratio)} ×`,
    wanted === null
      ? ""
      : `${format(wanted)} ×${ratio === null || ratio >= wanted ? "" : ", missed"}`,
  ]);
  const table = markdownTable(["What", "nanodino", "compared with", "ratio", "target"], lines);
  const missing = new Set(
    rows.flatMap(({ ours, others }) => [ours, ...others])
      .filter(({ value }) => value === null)
      .map(({ library, reason }) =>
        `Not measured: ${library}; ${reason ?? "no reason was given"}.`
      ),
  );
  return [table, ...missing].join("\n\n");
}

export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Formats a number with three significant digits. */
export function format(value: number | null): string {
  if (value === null) return "";
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return text.replace(/\B(?=(\d{3})+(?!\d|\.))/g, text.includes(".") ? "" : ",");
}
