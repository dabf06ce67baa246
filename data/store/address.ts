/** Addresses of data on the hub, in npm packages, and on the web. @module */

/** Files of a data set on the hub. */
export interface HubAddress {
  /** The kind of address. */
  readonly kind: "hub";
  /** `ORG/NAME`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Which of its files: a glob. */
  readonly files: string;
}

/** Files of an npm package. */
export interface PackageAddress {
  /** The kind of address. */
  readonly kind: "npm";
  /** `NAME` or `@SCOPE/NAME`. */
  readonly package: string;
  /** A version, or a tag such as `latest`. */
  readonly version: string;
  /** Which of its files: a glob. */
  readonly files: string;
}

/** A file on the web. */
export interface WebAddress {
  /** The kind of address. */
  readonly kind: "web";
  /** Where it is. */
  readonly url: string;
}

/** The parts of an address. */
export type Address = HubAddress | PackageAddress | WebAddress;

/** The branch to which the hub exports every data set as parquet files, by subset and split. */
const EXPORT = "refs/convert/parquet";

/** Whether a place is an address, and not a file. */
export function isAddress(place: string): boolean {
  return /^(hf|npm|https?):/.test(place);
}

/**
 * Parses an address:
 *
 * - `hf:ORG/NAME/PATH-OR-GLOB[@REVISION]`: files of a data set on the hub
 * - `hf:ORG/NAME[:SUBSET[:SPLIT]][@REVISION]`: the hub's parquet export, at one of its commits;
 *   subset `default`, split `train`
 * - `npm:PACKAGE@VERSION/PATH-OR-GLOB`: files of a package
 * - `https://…`: a file; `http://…` as well, where the host is this machine
 *
 * @throws {SyntaxError} If it is none of these.
 *
 * @example
 * ```ts
 * import { parseAddress } from "./address.ts";
 *
 * const address = parseAddress("hf:openai/gsm8k:main:test");
 * if (address.kind !== "hub") throw new Error("expected an address of the hub");
 * console.log(address.repository, address.files); // openai/gsm8k main/{,partial-}test/*.parquet
 * ```
 */
export function parseAddress(address: string): Address {
  if (address.startsWith("npm:")) return parsePackage(address);
  return /^https?:/.test(address) ? parseUrl(address) : parseHub(address);
}

function parseHub(address: string): HubAddress {
  const word = "[A-Za-z0-9][\\w.-]*";
  const file = new RegExp(`^hf:(${word}/${word})/([^@]+)(?:@([\\w./-]+))?$`).exec(address);
  if (file !== null) {
    const [, repository = "", files = "", revision = "main"] = file;
    return { kind: "hub", repository, files, revision };
  }
  const whole = new RegExp(
    `^hf:(${word}/${word})(?::(${word}))?(?::(${word}))?(?:@([\\w./-]+))?$`,
  ).exec(address);
  if (whole !== null) {
    const [, repository = "", subset = "default", split = "train", revision = EXPORT] = whole;
    const files = `${subset}/{,partial-}${split}/*.parquet`;
    return { kind: "hub", repository, files, revision };
  }
  throw unreadable(
    address,
    "hf:ORG/NAME[:SUBSET[:SPLIT]][@REVISION], hf:ORG/NAME/PATH-OR-GLOB[@REVISION], " +
      "npm:PACKAGE@VERSION/PATH-OR-GLOB or https://…",
  );
}

function parsePackage(address: string): PackageAddress {
  const name = "(?:@[\\w.-]+/)?[\\w.-]+";
  const match = new RegExp(`^npm:(${name})@([\\w.+-]+)/(.+)$`).exec(address);
  if (match === null) throw unreadable(address, "npm:PACKAGE@VERSION/PATH-OR-GLOB");
  const [, found = "", version = "", files = ""] = match;
  return { kind: "npm", package: found, version, files };
}

function parseUrl(address: string): WebAddress {
  const url = URL.parse(address);
  const isLocal = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url === null || (url.protocol !== "https:" && !isLocal)) {
    throw unreadable(address, "https://HOST/FILE");
  }
  if (nameOf(url) === "") throw unreadable(address, "a file at the end of the path");
  return { kind: "web", url: address };
}

/** Characters of the name of a file, which has to leave room for the endings of parts. */
const MAX_NAME = 200;

/** The name of a file on the web, fit for a folder; empty if the path ends with a slash. */
export function nameOf(url: URL): string {
  const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  return name.replaceAll(/%[0-9a-f]{2}/gi, "_").replaceAll(/[^\w.-]/g, "_").slice(-MAX_NAME)
    .replace(/^\./, "_");
}

function unreadable(address: string, wanted: string): SyntaxError {
  return new SyntaxError(`Cannot read the address "${address}": wanted ${wanted}`);
}
