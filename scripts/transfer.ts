/** Progress of downloads on the terminal. */

import { bytes, duration } from "./format.ts";
import { writeError } from "./output.ts";

/** Milliseconds between updates of the line. */
const INTERVAL = 200;

/** The width of the line, of which an earlier one may have been longer. */
const WIDTH = 60;

/**
 * Shows how much of a download has arrived, its rate and the time left, on a terminal only.
 *
 * @returns To be called with the bytes that have arrived, and the total if it is known.
 */
export function showTransfer(): (done: number, total: number | null) => void {
  const isTerminal = Deno.stderr.isTerminal();
  const start = performance.now();
  let first: number | null = null;
  let shown = -Infinity;
  return (done, total) => {
    // Bytes that were here before did not arrive now.
    first ??= done;
    const now = performance.now();
    if (!isTerminal || (now - shown < INTERVAL && done !== total)) return;
    shown = now;
    const rate = (done - first) / (now - start) * 1000;
    writeError(`\r${transferLine(done, total, rate).padEnd(WIDTH)}${done === total ? "\n" : ""}`);
  };
}

/** The line of {@linkcode showTransfer}. @param rate Bytes per second. */
export function transferLine(done: number, total: number | null, rate: number): string {
  const all = total === null ? "" : ` of ${bytes(total)}`;
  const left = rate > 0 && total !== null && done < total
    ? `, ${duration((total - done) / rate)} left`
    : "";
  return `${bytes(done)}${all}, ${bytes(Math.round(rate))}/s${left}`;
}
