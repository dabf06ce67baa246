/** Locks between processes: a file that one of them holds. @module */

import { pause } from "../hub/request.ts";

/** Milliseconds between checks of a lock that another process holds. */
const LOOK = 200;

/**
 * Opens a file and waits for the lock on it. If the previous holder renamed or removed the file,
 * the new one is opened.
 *
 * @param onWait Called once if another process holds the lock.
 * @returns The open file, whose lock ends when it is closed or the process ends.
 */
export async function lockFile(
  path: string,
  signal?: AbortSignal,
  onWait: () => void = () => {},
): Promise<Deno.FsFile> {
  let hasWaited = false;
  while (true) {
    const file = await Deno.open(path, { create: true, read: true, write: true });
    try {
      while (!await file.tryLock(true)) {
        if (!hasWaited) onWait();
        hasWaited = true;
        await pause(LOOK / 1000, signal);
      }
      if ((await file.stat()).ino === await inode(path)) return file;
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
  }
}

/** Whether a process holds the lock on a file. */
export async function isLocked(path: string): Promise<boolean> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  using _file = file;
  return !await file.tryLock(true);
}

/** A number that differs between a file and another that took its name; `null` if there is none. */
export async function inode(path: string): Promise<number | null> {
  return await Deno.stat(path).then(({ ino }) => ino, () => null);
}
