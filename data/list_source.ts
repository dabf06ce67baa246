/** An in-memory corpus. @module */

import { showValue } from "./show.ts";
import { checkSplit, fingerprint, type Source } from "./source.ts";

/**
 * Creates a corpus from documents in memory, one chunk per document. Empty documents are dropped.
 *
 * @param validationDocuments How many of the last documents are held out, at least 1.
 * @throws {RangeError} From `open`, if either split would be empty.
 *
 * @example
 * ```ts
 * import { listSource } from "./list_source.ts";
 *
 * const source = listSource("rhyme", ["one", "two", "three"], 1);
 * const validation = await source.open("validation");
 * console.log(await validation.read(0)); // [ "three" ]
 * ```
 */
export function listSource(
  name: string,
  texts: readonly string[],
  validationDocuments: number,
): Source {
  if (!Array.isArray(texts)) {
    throw new TypeError(`Cannot open "${name}": wanted a list of texts, got ${showValue(texts)}`);
  }
  const all = texts.filter((text) => text !== "");
  return {
    name,
    async open(split) {
      checkSplit(name, split);
      if (!(Number.isInteger(validationDocuments) && validationDocuments >= 1)) {
        throw new RangeError(
          `Cannot split "${name}": wanted a whole number of documents for validation from 1 up, ` +
            `got ${validationDocuments}`,
        );
      }
      if (all.length <= validationDocuments) {
        throw new RangeError(
          `Cannot split "${name}": wanted ${validationDocuments + 1} or more documents with text ` +
            `(${validationDocuments} for validation), got ${all.length}`,
        );
      }
      const cut = all.length - validationDocuments;
      const part = split === "train" ? all.slice(0, cut) : all.slice(cut);
      return {
        name: `the ${split} split of "${name}"`,
        fingerprint: await fingerprint([split, part]),
        bytes: part.reduce((sum, text) => sum + text.length, 0),
        chunks: part.length,
        read: (chunk) => Promise.resolve(part.slice(chunk, chunk + 1)),
      };
    },
  };
}
