/** Shows data before it is used for training: columns, rows, first documents, tokens. */

import {
  addressesOf,
  catalog,
  type DataName,
  documents,
  isDataName,
  openTable,
  records,
} from "../data/mod.ts";
import { findKeptTokenizer, tableAsText } from "../gpt/internals.ts";
import { openCorpus } from "./corpora.ts";
import { bytes, count, short } from "./format.ts";
import { print } from "./output.ts";
import { findStored, isStored } from "./stored.ts";

/** Documents or rows that are shown. */
const SHOWN = 3;

/** Documents whose tokens are counted. */
const SAMPLE = 200;

/** Characters of a document that are shown. */
const WIDTH = 300;

type Rows = [name: string, value: string][];

/** Shows a name, an address or files. Returns the exit code. */
export async function showData(place: string): Promise<number> {
  if (isDataName(place)) print(tableAsText(entryRows(place)) + "\n");
  if (!isStored(place)) {
    await showText(place);
    return 0;
  }
  const isText = isDataName(place) && catalog[place].kind === "text";
  for (const address of addressesOf(place)) {
    const { folder, files, revision } = await findStored(address);
    const { columns, rows } = await openTable(folder).catch(() => ({ columns: null, rows: null }));
    const size = files.reduce((sum, { size }) => sum + (size ?? 0), 0);
    print(tableAsText([
      ["address", address],
      ["revision", revision],
      ["files", `${count(files.length)}, ${bytes(size)}`],
      ...(columns === null ? [] : [["columns", columns.join(", ")]] as Rows),
      ...(rows === null ? [] : [["rows", count(rows)]] as Rows),
    ]));
    if (columns === null || isText || columns.includes("text")) await showText(place);
    else await showRows(folder);
  }
  return 0;
}

function entryRows(place: DataName): Rows {
  const { about, license, bytes: size, sha256 } = catalog[place];
  return [
    ["name", place],
    ["about", about],
    ["license", license],
    ["size", `about ${bytes(size)}`],
    ...(sha256 === undefined ? [] : [["SHA-256", sha256]] as Rows),
  ];
}

async function showRows(folder: string): Promise<void> {
  let shown = 0;
  for await (const { value } of records(folder)) {
    print(`\n${cut(JSON.stringify(value))}`);
    if (++shown === SHOWN) break;
  }
}

/** Shows the first training documents, and their number of tokens. */
async function showText(place: string): Promise<void> {
  const split = await (await openCorpus(place)).open("train");
  const tokenizer = await findKeptTokenizer();
  let [seen, size, tokens] = [0, 0, 0];
  for await (const { text } of documents(split)) {
    if (seen++ < SHOWN) print(`\n${cut(text)}`);
    size += new TextEncoder().encode(text).length;
    tokens += tokenizer?.encode(text).length ?? 0;
    if (seen >= SAMPLE) break;
  }
  const ratio = size / tokens;
  print(
    "\n" + tableAsText([
      ["documents", `${bytes(Math.round(size / seen))} each, of the first ${count(seen)}`],
      [
        "tokens",
        tokenizer === null
          ? "unknown without a tokenizer: deno task tok_train"
          : `${ratio.toFixed(2)} bytes each with yours of ${count(tokenizer.vocabSize)}, about ` +
            `${short(split.bytes / ratio)} in all: ${
              (Math.log2(tokenizer.vocabSize) / ratio).toFixed(2)
            } ` +
            "bits a byte before training",
      ],
    ]),
  );
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line;
}
