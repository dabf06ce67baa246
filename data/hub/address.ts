/** Addresses of data sets on the hub. @module */

/** The parts of an address. */
export interface HubAddress {
  /** `ORG/NAME`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Which of its files: a glob. */
  readonly files: string;
}

/** The branch to which the hub exports every data set as parquet files, by subset and split. */
const EXPORT = "refs/convert/parquet";

/** Whether a place is an address and not a file. */
export function isHubAddress(place: string): boolean {
  return place.startsWith("hf:");
}

/**
 * Parses `hf:ORG/NAME/PATH-OR-GLOB[@REVISION]`, or `hf:ORG/NAME[:SUBSET[:SPLIT]]` for the hub's
 * parquet export, whose subset is `default` and whose split `train` unless it says otherwise.
 *
 * @throws {SyntaxError} If it is no such address.
 *
 * @example
 * ```ts
 * import { parseHubAddress } from "./address.ts";
 *
 * const { repository, files } = parseHubAddress("hf:openai/gsm8k:main:test");
 * console.log(repository, files); // openai/gsm8k main/{,partial-}test/*.parquet
 * ```
 */
export function parseHubAddress(address: string): HubAddress {
  const word = "[A-Za-z0-9][\\w.-]*";
  const file = new RegExp(`^hf:(${word}/${word})/([^@]+)(?:@([\\w./-]+))?$`).exec(address);
  if (file !== null) {
    const [, repository = "", files = "", revision = "main"] = file;
    return { repository, files, revision };
  }
  const whole = new RegExp(`^hf:(${word}/${word})(?::(${word}))?(?::(${word}))?$`).exec(address);
  if (whole !== null) {
    const [, repository = "", subset = "default", split = "train"] = whole;
    const files = `${subset}/{,partial-}${split}/*.parquet`;
    return { repository, files, revision: EXPORT };
  }
  throw new SyntaxError(
    `Cannot read the address "${address}": wanted hf:ORG/NAME[:SUBSET[:SPLIT]] or ` +
      "hf:ORG/NAME/PATH-OR-GLOB[@REVISION]",
  );
}
