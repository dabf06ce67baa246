/** Small text files of a folder. @module */

import type { Folder } from "../interchange/mod.ts";
import { unreadable } from "./weights.ts";

/** No config or tokenizer is larger, in bytes. */
const MAX_BYTES = 2 ** 28;

/** The text of a file; `null` if there is none. @throws {SyntaxError} If it is too large. */
export async function readText(folder: Folder, name: string): Promise<string | null> {
  const source = await folder.open(name);
  if (source === null) return null;
  if (source.size > MAX_BYTES) {
    throw unreadable(source.name, `at most ${MAX_BYTES} bytes`, `${source.size}`);
  }
  return new TextDecoder().decode(await source.read(0, source.size));
}

/** The value of a JSON file; `null` if there is none. @throws {SyntaxError} If it is malformed. */
export async function readJson(folder: Folder, name: string): Promise<unknown> {
  const text = await readText(folder, name);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(`${folder.name}/${name}`, "JSON", `${(error as Error).message}`);
  }
}
