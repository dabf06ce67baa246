/** The files of a model for a page that looks inside it. */

import { checkpointFileName, openCheckpoint } from "../gpt/mod.ts";
import { join } from "./deps.ts";

/**
 * Reads the three files of a model of a run.
 *
 * @param step The step of its checkpoint, by default the latest.
 * @returns Their content by name.
 * @throws {Error} If there is none, or a file cannot be read.
 */
export async function readModelFiles(
  folder: string,
  step?: number,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const { meta } = await openCheckpoint(folder, step);
  const names = (["meta", "model", "tokenizer"] as const)
    .map((part) => checkpointFileName(part, meta.state.step));
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await Deno.readFile(join(folder, name))] as const),
    ),
  );
}
