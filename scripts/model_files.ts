/** The files of a model for a page that looks inside it. */

import { openCheckpoint } from "../gpt/mod.ts";
import { join } from "./deps.ts";

/**
 * Reads the three files of a run's latest model.
 *
 * @returns Their content by name.
 * @throws {Error} If there is none, or a file cannot be read.
 */
export async function readModelFiles(
  folder: string,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const { meta } = await openCheckpoint(folder);
  const step = `${meta.state.step}`.padStart(6, "0");
  const names = [`meta_${step}.json`, `model_${step}.safetensors`, `tokenizer_${step}.json`];
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await Deno.readFile(join(folder, name))] as const),
    ),
  );
}
