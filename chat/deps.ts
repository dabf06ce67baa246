/**
 * The third-party packages of this module, each fetched only when the path that needs it is taken.
 *
 * @module
 */

/** Loads the YAML parser: https://eemeli.org/yaml/ (ISC). */
export function importYaml(): Promise<typeof import("npm:yaml@2.9.1")> {
  return import("npm:yaml@2.9.1");
}

/** Loads the CSV parser: https://csv.js.org/parse/ (MIT). */
export function importCsv(): Promise<typeof import("npm:csv-parse@7.0.3/sync")> {
  return import("npm:csv-parse@7.0.3/sync");
}

/** Loads the zip reader: https://github.com/101arrowz/fflate (MIT). */
export function importZip(): Promise<typeof import("npm:fflate@0.8.3")> {
  return import("npm:fflate@0.8.3");
}

/** Loads a list of countries: https://github.com/annexare/Countries (MIT). */
export function importCountries(): Promise<typeof import("npm:countries-list@3.4.1")> {
  return import("npm:countries-list@3.4.1");
}

/** Loads 2,700 common words without offense: https://github.com/nkzw-tech/safe-word-list (MIT). */
export function importSafeWords(): Promise<{ readonly default: Iterable<string> }> {
  return import("npm:@nkzw/safe-word-list@3.1.2");
}

/** Loads 275,000 English words: https://github.com/words/an-array-of-english-words (MIT). */
export function importWords(): Promise<{ readonly default: readonly string[] }> {
  return import("npm:an-array-of-english-words@2.0.0/index.json", { with: { type: "json" } });
}
