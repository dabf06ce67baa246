/** Parsing JSON Lines that are in memory. @module */

import { parseJson } from "../../data/show.ts";
import { fileError } from "../../gpt/internals.ts";

/**
 * Parses JSON Lines; empty lines are skipped.
 *
 * @param path The name of the file, for messages.
 * @param wanted What the lines are, for the message when there are none: "rows".
 * @param parse Makes an item of a line's value; file and line are added to its errors.
 * @throws {Error} If there are no lines, or one of them is wrong.
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
      return [parse(parseJson(line))];
    } catch (cause) {
      throw fileError("read", `${path}, line ${i + 1}`, cause);
    }
  });
  if (items.length === 0) throw new Error(`Cannot read ${path}: wanted ${wanted}, got none`);
  return items;
}
