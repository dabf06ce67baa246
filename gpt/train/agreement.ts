/** Decisions that ranks take together between the steps of a run. @module */

import { exitCodeOf, inPlaceOfRank } from "./exit_code.ts";

/** The ranks of a run, as needed between steps. */
export interface SummingRanks {
  /** This rank, from 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly ranks: number;
  /** Sums each number over all ranks, in double precision: the same bits on every rank. */
  sum(numbers: readonly number[]): number[];
}

/**
 * Exchanges, after a step, the mean of all ranks' losses, whether to save (by the clock of rank 0),
 * and the largest exit code of the signals that they received; 0 without any.
 */
export function agree(
  parallel: SummingRanks,
  loss: number,
  isOverdue: boolean,
  signal: AbortSignal | undefined,
): { loss: number; isSaving: boolean; exitCode: number } {
  const exitCodes = inPlaceOfRank(exitCodeOf(signal), parallel);
  const isSaving = parallel.rank === 0 && isOverdue;
  const [sum, saving, ...all] = parallel.sum([loss, +isSaving, ...exitCodes]);
  return { loss: sum! / parallel.ranks, isSaving: saving! > 0, exitCode: Math.max(...all) };
}
