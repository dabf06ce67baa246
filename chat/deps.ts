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
