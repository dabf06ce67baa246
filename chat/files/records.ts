/** Reading rows of data sets and conversations: JSON Lines and parquet files. @module */

import { records } from "../../data/mod.ts";
import { basePath, fileError } from "../../gpt/internals.ts";

/**
 * Reads items from rows, see {@linkcode records}.
 *
 * @param place A file, a folder or a glob of `.jsonl` files, also as `.gz` and `.zst`, of `.parquet`
 * files, or of `.zip` files of these.
 * @param wanted What the rows are, for the message when there are none: "conversations".
 * @param parse Makes an item of a row's value; file and line are added to its errors.
 * @throws {Error} If a file cannot be read, or is damaged, has no rows, or one of them is wrong.
 *
 * @example
 * ```ts
 * import { readRecords } from "./records.ts";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, '{"n": 1}\n\n{"n": 2}\n');
 * const values = await readRecords(path, "numbers", (value) => (value as { n: number }).n);
 * if (values.join() !== "1,2") throw new Error("expected one item for each line");
 * ```
 */
export async function readRecords<Item>(
  place: string,
  wanted: string,
  parse: (value: unknown) => Item,
): Promise<Item[]> {
  const items: Item[] = [];
  for await (const { value, where } of records(place, { unpackInto: basePath("unpacked") })) {
    try {
      items.push(parse(value));
    } catch (cause) {
      throw fileError("read", where, cause);
    }
  }
  if (items.length === 0) throw new Error(`Cannot read ${place}: wanted ${wanted}, got none`);
  return items;
}

/** A value of a row for an error message: the beginning of its JSON. */
export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 60);
}
