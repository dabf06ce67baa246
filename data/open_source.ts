/** Opens the corpus that a user names. @module */

import { PARQUET_EXTENSION, parquetFiles } from "./parquet/source.ts";
import { sotuSource } from "./sotu.ts";
import type { Source } from "./source.ts";
import { TEXT_EXTENSIONS, textFiles } from "./text_files.ts";
import { findUnpacked } from "./unpack/unpack.ts";
import { wordNetSource } from "./wordnet.ts";

/** Options for {@linkcode openSource}. */
export interface OpenSourceOptions {
  /** The parquet column, or the field of a `.jsonl` line, that holds the text. @default {"text"} */
  column?: string;
  /** Held-out fraction of the bytes of text files. @default {0.05} */
  validationFraction?: number;
  /** A folder to unpack compressed files into, see {@linkcode textFiles}. */
  unpackInto?: string | undefined;
}

/**
 * Opens a corpus: `sotu` for the State of the Union addresses, `wordnet` for definitions, or a
 * file, folder or glob of `.txt`, `.md` and `.jsonl` files, also as `.gz`, `.zst` and `.zip`, or of
 * `.parquet` files.
 *
 * @throws {Error} If there are no such files, or both text and parquet files.
 *
 * @example
 * ```ts
 * import { openSource } from "./open_source.ts";
 *
 * const source = await openSource("sotu");
 * console.log(source.name); // sotu
 * ```
 */
export async function openSource(place: string, options: OpenSourceOptions = {}): Promise<Source> {
  if (place === "sotu") return sotuSource();
  if (place === "wordnet") return wordNetSource();
  const { column = "text", validationFraction = 0.05, unpackInto } = options;
  const extensions = [...TEXT_EXTENSIONS, PARQUET_EXTENSION];
  const files = await findUnpacked(place, extensions, unpackInto);
  const tables = files.filter(({ name }) => name.endsWith(PARQUET_EXTENSION));
  if (tables.length === 0) {
    return textFiles(place, { field: column, validationFraction, unpackInto });
  }
  if (tables.length === files.length) return parquetFiles(place, { column, unpackInto });
  throw new Error(
    `Cannot read the corpus "${place}": wanted either parquet files or text files, ` +
      `got ${tables.length} and ${files.length - tables.length}`,
  );
}
