/** The launcher's view of this process: its rank, and the number of ranks. @module */

/** The programs that start ranks, as recognized by their environment variables. */
export type Launcher = "MPICH" | "Open MPI" | "Slurm";

/** The place of this process among those that a launcher started. */
export interface Ranks {
  /** The program that started this process. `MPICH` stands for every launcher that speaks PMI. */
  readonly launcher: Launcher;
  /** The number of this process, from 0. */
  readonly rank: number;
  /** The number of processes. */
  readonly ranks: number;
  /** The number of this process among those on the same host, from 0. */
  readonly localRank: number;
  /** The number of processes on this host, or `null` if the launcher does not tell it. */
  readonly localRanks: number | null;
}

/** Where each launcher puts the numbers: rank, ranks, local rank, local ranks. */
const variables: readonly (readonly [Launcher, string, string, string, string])[] = [
  [
    "Open MPI",
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "OMPI_COMM_WORLD_LOCAL_SIZE",
  ],
  ["MPICH", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"],
  // A batch script that `srun` did not start has SLURM_PROCID, too, but is no step.
  ["Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"],
];

/**
 * Reads the environment variables of a launcher. Loads nothing.
 *
 * @returns The ranks, or `null` without a launcher.
 * @throws {RangeError} If a launcher's numbers contradict each other.
 *
 * @example
 * ```ts
 * import { detectRanks } from "./launcher.ts";
 *
 * const env = new Map([["PMI_RANK", "1"], ["PMI_SIZE", "2"], ["MPI_LOCALRANKID", "1"]]);
 * const ranks = detectRanks(env);
 * if (ranks?.launcher !== "MPICH" || ranks.rank !== 1) throw new Error(JSON.stringify(ranks));
 * if (detectRanks(new Map()) !== null) throw new Error("expected no launcher");
 * ```
 */
export function detectRanks(env: { get(name: string): string | undefined }): Ranks | null {
  for (const [launcher, rankName, ranksName, localRankName, localRanksName] of variables) {
    const rank = whole(env.get(rankName));
    const ranks = whole(env.get(ranksName));
    if (rank === null || ranks === null) continue;
    if (rank >= ranks) {
      throw new RangeError(
        `Cannot tell the ranks: wanted ${rankName} below ${ranksName}, got ${rank} and ${ranks}`,
      );
    }
    const localRank = whole(env.get(localRankName)) ?? 0;
    return { launcher, rank, ranks, localRank, localRanks: whole(env.get(localRanksName)) };
  }
  return null;
}

/** A whole number, or `null` for any other text. */
function whole(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}
