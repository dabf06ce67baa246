/**
 * Third-party packages of the commands: `@std/cli`, `@std/path` and `@std/text`, in the package of npm
 * that holds the whole of `@std`. Every command parses flags, so it is imported at once.
 *
 * @module
 */

import { parseArgs as parseUntyped } from "npm:deno-std@1.4.0/cli/parse_args.js";

/** Parses flags: see https://jsr.io/@std/cli/doc/parse-args. */
type ParseArgs = (args: readonly string[], options: {
  /** Flags without a value. */
  readonly boolean: readonly string[];
  /** Flags with a value. */
  readonly string: readonly string[];
  /** Flags whose values are collected in a list. */
  readonly collect: readonly string[];
  /** Called with each argument that is none of these flags. */
  readonly unknown: (argument: string) => void;
}) => Record<string, string | boolean | (string | boolean)[] | undefined>;

export const parseArgs: ParseArgs = parseUntyped;

export { basename } from "npm:deno-std@1.4.0/path/basename.js";
export { dirname } from "npm:deno-std@1.4.0/path/dirname.js";
export { fromFileUrl } from "npm:deno-std@1.4.0/path/from_file_url.js";
export { join } from "npm:deno-std@1.4.0/path/join.js";
export { levenshteinDistance } from "npm:deno-std@1.4.0/text/levenshtein_distance.js";

/** A constant, so that TypeScript is only downloaded when a package is written. */
const TYPESCRIPT = "npm:typescript@5.9.3";

/** Imports TypeScript's compiler (Apache-2.0), which translates single files. */
export async function importTypeScript(): Promise<typeof import("npm:typescript@5.9.3")> {
  const module: { default: typeof import("npm:typescript@5.9.3") } = await import(TYPESCRIPT);
  return module.default;
}
