/** Checks of where a command is to write, before work that takes its time. */

import { namesIn } from "../gpt/files/files.ts";
import { dirname } from "./deps.ts";
import { toggle, UsageError } from "./flags.ts";

/** The flag of commands that write a folder. */
export const overwriteFlag = {
  overwrite: toggle("Write into a folder that has other files, and replace those of the same name"),
};

/**
 * Checks that a file can be written.
 *
 * @param flag The flag that names it.
 * @throws {UsageError} If it is a folder, or its folder does not exist.
 */
export async function checkOutputFile(flag: string, path: string): Promise<void> {
  const isFolder = (path: string) =>
    Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
  if (await isFolder(path)) {
    throw new UsageError(`Cannot write ${flag} ${path}: wanted a file, got a folder`);
  }
  const folder = dirname(path);
  if (await isFolder(folder)) return;
  throw new UsageError(
    `Cannot write ${flag} ${path}: wanted a file in a folder that exists, got ${folder}`,
  );
}

/**
 * Checks that a folder of files can be written without harm to others.
 *
 * @param output The folder, which need not exist.
 * @param paths What will be written, and what may be there already, relative to it.
 * @throws {UsageError} If it is a file, or has other files.
 */
export async function checkOutputFolder(output: string, paths: Iterable<string>): Promise<void> {
  if (await Deno.stat(output).then(({ isDirectory }) => !isDirectory, () => false)) {
    throw new UsageError(`Cannot write to ${output}: wanted a folder, got a file`);
  }
  const own = new Set(Array.from(paths, (path) => path.split("/")[0]));
  const others = (await namesIn(output)).filter((name) => !own.has(name));
  if (others.length === 0) return;
  const shown = others.length > 3 ? [...others.slice(0, 3), "…"] : others;
  throw new UsageError(
    `Cannot write to ${output}: wanted a folder without other files, got ${shown.join(", ")}. ` +
      "--overwrite writes beside them",
  );
}
