/** The exit code of a run that a signal stops. @module */

/** The exit code of a process after Ctrl-C. */
const INTERRUPTED = 130;

/**
 * The exit code of a signal: 0 before it, afterwards its reason, or 130 if that is not a number.
 *
 * @example
 * ```ts
 * import { exitCodeOf } from "./exit_code.ts";
 *
 * if (exitCodeOf(AbortSignal.abort(143)) !== 143) throw new Error("expected that of SIGTERM");
 * if (exitCodeOf(AbortSignal.abort()) !== 130) throw new Error("expected that of Ctrl-C");
 * ```
 */
export function exitCodeOf(signal: AbortSignal | undefined): number {
  return signal?.aborted ? Number(signal.reason) || INTERRUPTED : 0;
}

/**
 * Puts a rank's number into a slot of its own, so that a sum over all ranks yields every number.
 *
 * @example
 * ```ts
 * import { inPlaceOfRank } from "./exit_code.ts";
 *
 * const numbers = inPlaceOfRank(143, { rank: 1, ranks: 3 });
 * if (numbers.join() !== "0,143,0") throw new Error(`got ${numbers}`);
 * ```
 */
export function inPlaceOfRank(
  value: number,
  { rank, ranks }: { readonly rank: number; readonly ranks: number },
): number[] {
  return Array.from({ length: ranks }, (_, i) => i === rank ? value : 0);
}
