/** Reading text files. @module */

import { fileError } from "../../gpt/internals.ts";

/**
 * Reads a text file.
 *
 * @throws {Error} If it cannot be read, or is not UTF-8.
 */
export async function readText(path: string): Promise<string> {
  const bytes = await Deno.readFile(path).catch((cause) => {
    throw fileError("read", path, cause);
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: wanted text in UTF-8, got other bytes`, { cause });
  }
}
