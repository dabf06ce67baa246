/**
 * Reads parquet files that were changed at random: each must be read or be an error, soon and in
 * little memory.
 *
 *     deno run -A data/testing/parquet_mutations.ts --count 100000 --seed 1
 *
 * @module
 */

import { zstdCompressSync } from "node:zlib";
import { parseArgs } from "node:util";
import { parquetMetadata } from "npm:hyparquet@1.31.5";
import { parquetHeader } from "npm:hyparquet@1.31.5/src/column.js";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { openParquet, readParquet } from "../parquet/reader.ts";

/** How the mutated files of a run ended. */
export interface Tally {
  /** Files that were read to the end. */
  read: number;
  /** Errors in the file, by class. */
  readonly errors: Record<string, number>;
  /** Files that reached the limit of time or of memory: errors, too, but the last resort. */
  readonly limits: { file: string; mutation: number; message: string }[];
  /** The longest time for a file, in seconds. */
  slowest: number;
  /** The largest growth of the process's memory while a file was read, in MiB. */
  growth: number;
}

type Random = (below: number) => number;

/** Five files of 60 rows in three row groups, by name: bytes, and the column to read. */
export function baseFiles(): Map<string, { bytes: Uint8Array<ArrayBuffer>; column: string }> {
  const texts = Array.from({ length: 60 }, (_, i) => `row ${i} of text é😀`.repeat(1 + i % 4));
  const write = (column: object, rest: object = {}) =>
    new Uint8Array(parquetWriteBuffer({
      columnData: [
        { name: "id", data: texts.map((_, i) => i), type: "INT32" },
        column as { name: string; data: string[] },
      ],
      rowGroupSize: 20,
      codec: "UNCOMPRESSED",
      ...rest,
    }));
  const text = { name: "text", data: texts, type: "STRING" };
  const repeated = { ...text, data: texts.map((_, i) => i % 7 === 0 ? null : `word ${i % 5}`) };
  const messages = texts.map((text, i) => [{ role: "user", content: text }].slice(i % 2));
  return new Map([
    ["flat", { bytes: write({ ...text, encoding: "PLAIN" }), column: "text" }],
    ["dictionary", { bytes: write(repeated), column: "text" }],
    ["nested", { bytes: write({ name: "messages", data: messages }), column: "messages" }],
    ["snappy", { bytes: write(text, { codec: "SNAPPY" }), column: "text" }],
    [
      "zstd",
      {
        bytes: write(text, { codec: "ZSTD", compressors: { ZSTD: zstdCompressSync } }),
        column: "text",
      },
    ],
  ]);
}

/**
 * A file that passes all checks and whose column `text` never ends: a run of −8 values, each of no
 * bits, which the decoder counts down from −8.
 */
export function endlessFile(): Uint8Array<ArrayBuffer> {
  const { bytes } = baseFiles().get("dictionary")!;
  const footer = parquetMetadata(bytes.buffer);
  for (const { columns } of footer.row_groups) {
    const { data_page_offset } = columns[1]!.meta_data!;
    const reader = { view: new DataView(bytes.buffer), offset: Number(data_page_offset) };
    const { definition_levels_byte_length: levels } = parquetHeader(reader).data_page_header_v2!;
    bytes.set([0, 0xff, 0xff, 0xff, 0xff, 0x0f], reader.offset + levels);
  }
  return bytes;
}

/** Changes a file: every second time in one byte only. */
function mutate(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const changed = bytes.slice();
  if (random(2) === 0) {
    changed[random(bytes.length)] = random(256);
    return changed;
  }
  for (let left = 1 + random(8); left > 0; left--) {
    const at = random(bytes.length);
    const length = 1 + random(16);
    const kind = random(5);
    if (kind === 0) changed[at]! ^= 1 << random(8);
    else if (kind === 1) changed.fill([0, 0x7f, 0x80, 0xff][random(4)]!, at, at + length);
    else if (kind === 2) changed.copyWithin(at, random(bytes.length), random(bytes.length));
    else if (kind === 3) { for (let i = 0; i < length; i++) changed[at + i] = random(256); }
    else return changed.subarray(0, at);
  }
  return changed;
}

/**
 * Reads `count` mutated files, the base files in turn.
 *
 * @param only The number of the one mutation to read again.
 */
export async function readMutations(
  { count, seed, only }: { count: number; seed: number; only?: number },
): Promise<Tally> {
  const tally: Tally = { read: 0, errors: {}, limits: [], slowest: 0, growth: 0 };
  const bases = [...baseFiles()];
  const folder = await Deno.makeTempDir();
  try {
    for (let i = only ?? 0; i < (only === undefined ? count : only + 1); i++) {
      const [name, { bytes, column }] = bases[i % bases.length]!;
      const path = `${folder}/${i % 2}.parquet`;
      const changed = mutate(bytes, randomOf(seed, i));
      await Deno.writeFile(path, changed);
      const before = Deno.memoryUsage().rss;
      const start = performance.now();
      try {
        await readAll(path, changed.length, column);
        tally.read++;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const kind = error.constructor.name;
        tally.errors[kind] = (tally.errors[kind] ?? 0) + 1;
        if (error.cause instanceof Error && error.cause.name === "CallError") {
          tally.limits.push({ file: name, mutation: i, message: error.message });
        } else if (!error.message.includes(path)) throw error;
      }
      tally.slowest = Math.max(tally.slowest, (performance.now() - start) / 1000);
      tally.growth = Math.max(tally.growth, (Deno.memoryUsage().rss - before) / 2 ** 20);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return tally;
}

async function readAll(path: string, bytes: number, column: string): Promise<void> {
  const file = { path, name: path, bytes };
  const { groups } = await openParquet(file, [column]);
  for (const [group, size] of groups.entries()) {
    await readParquet(file, { columns: [column], group, start: 0, end: size.rows }, size);
  }
}

/** Numbers for one mutation, so that each can be made again alone (mulberry32). */
export function randomOf(seed: number, mutation: number): Random {
  let state = Math.imul(seed, 0x9e3779b1) ^ Math.imul(mutation + 1, 0x85ebca6b);
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * below);
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      count: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
    },
  });
  const only = values.only === undefined ? {} : { only: Number(values.only) };
  console.log(
    await readMutations({ count: Number(values.count), seed: Number(values.seed), ...only }),
  );
}
