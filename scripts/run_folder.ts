/** The folder of a run, locked for one process. */

import { removeCheckpoint, savedSteps } from "../gpt/mod.ts";
import { lockRun, type RunLock } from "../gpt/internals.ts";
import { toggle, UsageError } from "./flags.ts";
import { print } from "./output.ts";

/** The flag that replaces an existing run. */
export const overwriteFlags = {
  overwrite: toggle("Begin again, and remove the run that is there already"),
};

/**
 * Locks the folder of a run.
 *
 * @param wanted.resume Whether to resume the run in it; absent if that is impossible.
 * @param wanted.overwrite Whether to remove the run in it.
 * @throws {UsageError} If there is a run, and neither or both are given.
 * @throws {Error} If another process trains in the folder.
 */
export async function lockRunFolder(
  folder: string,
  { resume, overwrite }: { readonly resume?: boolean; readonly overwrite: boolean },
): Promise<RunLock> {
  if (resume && overwrite) {
    throw new UsageError("Cannot use --overwrite: wanted it without --resume, got both");
  }
  const lock = await lockRun(folder);
  const step = (await savedSteps(folder)).at(-1);
  if (resume || overwrite || step === undefined) return lock;
  await lock[Symbol.asyncDispose]();
  const ways = [
    ...(resume === undefined ? [] : ["--resume continues it"]),
    "--overwrite removes it and begins again",
    "another --model-tag keeps it",
  ];
  throw new UsageError(
    `Cannot start a run in ${folder}: wanted a folder without one, got a run saved after step ` +
      `${step}. ${ways.join(", ")}`,
  );
}

/** Removes the checkpoints of a run; its metrics are replaced when the next one starts. */
export async function removeRun(folder: string): Promise<void> {
  const steps = await savedSteps(folder);
  if (steps.length === 0) return;
  for (const step of steps) await removeCheckpoint(folder, step);
  print(`Removed the run saved after step ${steps.at(-1)}.`);
}
