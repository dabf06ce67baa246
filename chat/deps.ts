/**
 * Third-party packages of this module.
 *
 * Deno downloads what a literal `import("…")` names as soon as it loads the file. The specifiers are
 * constants instead, so each package is downloaded when the path that needs it runs, and only then.
 *
 * @module
 */

const YAML = "npm:yaml@2.9.1";
const CSV = "npm:csv-parse@7.0.3/sync";
const COUNTRIES = "npm:countries-list@3.4.1";
const SAFE_WORDS = "npm:@nkzw/safe-word-list@3.1.2";
const JINJA = "npm:@huggingface/jinja@0.5.11";
const PYODIDE = "npm:pyodide@314.0.7/package.json";
const WORDS = "npm:an-array-of-english-words@2.0.0/index.json";

/** Loads the YAML parser: https://eemeli.org/yaml/ (ISC). */
export function importYaml(): Promise<typeof import("npm:yaml@2.9.1")> {
  return import(YAML);
}

/** Loads the CSV parser: https://csv.js.org/parse/ (MIT). */
export function importCsv(): Promise<typeof import("npm:csv-parse@7.0.3/sync")> {
  return import(CSV);
}

/** Loads a list of countries: https://github.com/annexare/Countries (MIT). */
export function importCountries(): Promise<typeof import("npm:countries-list@3.4.1")> {
  return import(COUNTRIES);
}

/** Loads 2,700 common, inoffensive words: https://github.com/nkzw-tech/safe-word-list (MIT). */
export function importSafeWords(): Promise<{ readonly default: Iterable<string> }> {
  return import(SAFE_WORDS);
}

/** Loads 275,000 English words: https://github.com/words/an-array-of-english-words (MIT). */
export function importWords(): Promise<{ readonly default: readonly string[] }> {
  return import(WORDS, { with: { type: "json" } });
}

/** Loads the renderer of chat templates: https://github.com/huggingface/huggingface.js (MIT). */
export function importJinja(): Promise<typeof import("npm:@huggingface/jinja@0.5.11")> {
  return import(JINJA);
}

/** Downloads Python as WebAssembly: https://pyodide.org (MPL-2.0, 13.5 MB). Runs none of its code. */
export async function importPyodide(): Promise<{
  /** The URL of the folder with its files. */
  readonly folder: URL;
  readonly version: string;
}> {
  const { default: { version } } = await import(PYODIDE, { with: { type: "json" } });
  // Before it is imported, this would be the specifier again.
  return { folder: new URL("./", import.meta.resolve(PYODIDE)), version };
}
