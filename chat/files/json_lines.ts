/**
 * Reading JSON Lines: conversations, rows of data sets, examples of a bundle.
 *
 * @module
 */

import { fileError } from "../../gpt/mod.ts";
import { readText } from "./read_text.ts";

/**
 * Reads a file of JSON Lines. Empty lines are skipped.
 *
 * @param path The file, in UTF-8.
 * @param wanted What the lines are, for the message when there are none: "rows".
 * @param parse Makes an item of a line's value; file and line are added to its errors.
 * @throws {Error} If the file cannot be read, is not UTF-8, has no lines, or one of them is wrong.
 *
 * @example
 * ```ts
 * import { readJsonLines } from "./json_lines.ts";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, '{"n": 1}\n\n{"n": 2}\n');
 * const values = await readJsonLines(path, "numbers", (value) => (value as { n: number }).n);
 * if (values.join() !== "1,2") throw new Error("expected one item for each line");
 * ```
 */
export async function readJsonLines<Item>(
  path: string,
  wanted: string,
  parse: (value: unknown) => Item,
): Promise<Item[]> {
  return parseJsonLines(await readText(path), path, wanted, parse);
}

/**
 * Parses JSON Lines as {@linkcode readJsonLines} does.
 *
 * @param path The name of the file, for messages.
 */
export function parseJsonLines<Item>(
  text: string,
  path: string,
  wanted: string,
  parse: (value: unknown) => Item,
): Item[] {
  const items = text.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    try {
      return [parse(JSON.parse(line))];
    } catch (cause) {
      throw fileError("read", `${path}, line ${i + 1}`, cause);
    }
  });
  if (items.length === 0) throw new Error(`Cannot read ${path}: wanted ${wanted}, got none`);
  return items;
}
