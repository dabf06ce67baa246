/** Shows data before it is used for training: columns, rows, first documents, tokens. */

import { findCoreBundle } from "../chat/internals.ts";
import {
  catalog,
  type DataName,
  type DataRecord,
  documents,
  isDataName,
  openTable,
  records,
} from "../data/mod.ts";
import { findKeptTokenizer, tableAsText } from "../gpt/internals.ts";
import { isCorpusName, openCorpus } from "./corpora.ts";
import { bytes, count, short } from "./format.ts";
import { print } from "./output.ts";
import { findStored, getCommand, isStored, unpackedPath } from "./stored.ts";

/** Documents or rows that are shown. */
const SHOWN = 3;

/** Documents whose tokens are counted. */
const SAMPLE = 200;

/** Characters of a document that are shown. */
const WIDTH = 300;

type Rows = readonly (readonly [name: string, value: string])[];

/** Shows a name, an address or files. Returns the exit code. */
export async function showData(place: string): Promise<number> {
  if (isDataName(place)) print(tableAsText(await entryRows(place)) + "\n");
  if (place === "core") return 0;
  if (!isStored(place)) {
    if (isCorpusName(place)) await showText(place);
    else await showFiles(place, place, []);
    return 0;
  }
  const isNamed = isDataName(place);
  const parts = isNamed ? Object.keys(catalog[place].parts) : [];
  for (const part of parts.length > 1 ? parts : [undefined]) {
    const { address, folder, files, revision } = await findStored(place, part);
    const size = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
    await showFiles(isNamed ? address : place, folder, [
      ["address", address],
      ["revision", revision],
      ["files", `${count(files.length)}, ${bytes(size)}`],
    ]);
  }
  return 0;
}

async function entryRows(place: DataName): Promise<Rows> {
  const { about, license, bytes: size, sha256, columns } = catalog[place];
  const bundle = place === "core"
    ? await findCoreBundle() ?? `nowhere: ${getCommand(place)}`
    : null;
  return [
    ["name", place],
    ["about", about],
    ["license", license],
    ["size", `about ${bytes(size)}`],
    ...columns.length === 0 ? [] : [["columns", columns.join(", ")] as const],
    ...sha256 === undefined ? [] : [["SHA-256", sha256] as const],
    ...bundle === null ? [] : [["here", bundle] as const],
  ];
}

/**
 * Shows columns, rows and first documents of files.
 *
 * @param place The corpus that the files are, if they are text.
 * @param folder Where they are.
 * @param about What else is known of them.
 */
async function showFiles(place: string, folder: string, about: Rows): Promise<void> {
  const unpack = { unpackInto: unpackedPath() };
  // Plain text is no table.
  const table = await openTable(folder, unpack).catch(() => null);
  const rows = [
    ...about,
    ...(table?.columns ?? []).length === 0 ? [] : [["columns", table!.columns.join(", ")] as const],
    ...table === null ? [] : [["rows", count(table.rows)] as const],
  ];
  if (rows.length > 0) print(tableAsText(rows));
  if (table === null || table.columns.includes("text")) await showText(place);
  else await showRows(records(folder, unpack));
}

/** Shows the first rows, and the number of tokens of their text. */
async function showRows(rows: AsyncIterable<DataRecord>): Promise<void> {
  const tokenizer = await findKeptTokenizer();
  let [seen, size, tokens] = [0, 0, 0];
  for await (const { value } of rows) {
    if (seen++ < SHOWN) print(`\n${cut(JSON.stringify(value))}`);
    for (const text of textsIn(value)) {
      size += byteLength(text);
      tokens += tokenizer?.encode(text).length ?? 0;
    }
    if (seen >= SAMPLE) break;
  }
  if (seen === 0) return;
  print(
    "\n" + tableAsText([
      ["text", `${bytes(Math.round(size / seen))} a row, of the first ${count(seen)}`],
      ["tokens", tokenizer === null ? UNKNOWN : describeTokens(size, tokens, tokenizer.vocabSize)],
    ]),
  );
}

/** All text in a row: in its columns, lists and structs. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

const UNKNOWN = "unknown without a tokenizer: deno task tok_train";

function describeTokens(size: number, tokens: number, vocabSize: number): string {
  if (tokens === 0) return "none: there is no text";
  const ratio = size / tokens;
  const bits = (Math.log2(vocabSize) / ratio).toFixed(2);
  return `${ratio.toFixed(2)} bytes each with yours of ${count(vocabSize)}: ${bits} bits a byte ` +
    "before training";
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Shows the first training documents, and their number of tokens. */
async function showText(place: string): Promise<void> {
  const split = await (await openCorpus(place)).open("train");
  const tokenizer = await findKeptTokenizer();
  let [seen, size, tokens] = [0, 0, 0];
  for await (const { text } of documents(split)) {
    if (seen++ < SHOWN) print(`\n${cut(text)}`);
    size += byteLength(text);
    tokens += tokenizer?.encode(text).length ?? 0;
    if (seen >= SAMPLE) break;
  }
  const inAll = short(split.bytes * tokens / size);
  print(
    "\n" + tableAsText([
      ["documents", `${bytes(Math.round(size / seen))} each, of the first ${count(seen)}`],
      [
        "tokens",
        tokenizer === null
          ? UNKNOWN
          : `about ${inAll} in all, ${describeTokens(size, tokens, tokenizer.vocabSize)}`,
      ],
    ]),
  );
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line;
}
