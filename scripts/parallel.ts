/** Runs a script on the ranks of a launcher. */

import { type Checkpoint, type Device, openRanks, RanksError, type RunRanks } from "../gpt/mod.ts";
import { waitForFirstError } from "../gpt/internals.ts";
import { architectures } from "../models/architectures.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { firstLine, text, UsageError, type Values } from "./flags.ts";
import { mute, print } from "./output.ts";
import { type DeviceValues, openChosenDevice } from "./device.ts";

export const parallelFlags = {
  mpi: text("auto", "Under mpiexec or mpirun: auto, off, or the path of MPI's library", "PATH"),
};

/**
 * Makes a script run on every rank; only rank 0 prints. An error ends all ranks, with one line that
 * names rank and host.
 *
 * @param run Gets `null` if there are no other ranks.
 */
export function onRanks<Given extends Values<typeof parallelFlags>>(
  run: (ranks: RunRanks | null, values: Given, args: readonly string[]) => Promise<number>,
): (values: Given, args: readonly string[]) => Promise<number> {
  return async (values, args) => {
    const ranks = await openRanks(values.mpi).catch((error) => {
      // Report once per host.
      if (error instanceof RanksError && error.localRank !== 0) Deno.exit(1);
      throw error;
    });
    if (ranks === null) return await run(null, values, args);
    if (ranks.rank !== 0) mute();
    try {
      const code = await run(ranks, values, args);
      ranks.close();
      if (code === 0) print(doneMessage(ranks.ranks));
      return code;
    } catch (error) {
      if (ranks.rank !== 0) await waitForFirstError();
      return ranks.abort(error instanceof UsageError ? 2 : 1, firstLine(error));
    }
  };
}

/** Printed by rank 0 when all ranks are done, since the launcher's exit code is not reliable. */
export function doneMessage(ranks: number): string {
  return `All ${ranks} ranks are done.`;
}

export interface RunStart {
  readonly folder: string;
  readonly checkpoint: Checkpoint | undefined;
  readonly tokenizer: Tokenizer;
}

/**
 * Sends the run that rank 0 found to the other ranks, which pass `null` and need no shared disk.
 */
export async function shareRun(ranks: RunRanks | null, found: RunStart | null): Promise<RunStart> {
  if (ranks === null) return found!;
  const text = found === null ? null : JSON.stringify({
    folder: found.folder,
    from: found.checkpoint?.folder,
    meta: found.checkpoint?.meta,
    tokenizer: JSON.stringify(found.tokenizer),
  });
  const shared = JSON.parse(ranks.broadcastText(text));
  const tokenizer = await Tokenizer.fromJSON(shared.tokenizer);
  const { folder, from, meta } = shared;
  return {
    folder,
    tokenizer,
    checkpoint: meta && { folder: from, meta, tokenizer, architectures },
  };
}

export async function shareCheckpoint(
  ranks: RunRanks | null,
  open: () => Promise<Checkpoint>,
): Promise<Checkpoint> {
  if (ranks === null) return await open();
  const checkpoint = isFirst(ranks) ? await open() : null;
  const start = checkpoint && { ...checkpoint, checkpoint };
  return (await shareRun(ranks, start)).checkpoint!;
}

/** Whether this process is the one that prints and writes. */
export function isFirst(ranks: RunRanks | null): boolean {
  return ranks === null || ranks.rank === 0;
}

/**
 * Opens the device that the flags choose, on every rank. `auto` chooses a precision by timing,
 * which could differ between ranks, so rank 0 chooses for all.
 *
 * @throws {Error} If a rank lacks the precision that rank 0 has.
 */
export async function openDeviceOnRanks(
  ranks: Pick<RunRanks, "rank" | "localRanks" | "broadcastText"> | null,
  flags: DeviceValues,
): Promise<Device & AsyncDisposable> {
  const values = { ...flags, threads: threadsOf(flags.threads, ranks) };
  if (ranks === null || values.matmulPrecision !== "auto") return await openChosenDevice(values);
  const device = ranks.rank === 0 ? await openChosenDevice(values) : null;
  const matmulPrecision = ranks.broadcastText(device?.matmulPrecision ?? null);
  return device ?? await openChosenDevice({ ...values, matmulPrecision } as DeviceValues);
}

/** Threads of a rank by default: its share of the host's cores. */
function threadsOf(threads: number, ranks: Pick<RunRanks, "localRanks"> | null): number {
  if (threads !== 0 || ranks === null) return threads;
  return Math.max(1, Math.floor(navigator.hardwareConcurrency / ranks.localRanks));
}
