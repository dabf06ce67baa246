/**
 * A hub with shards of synthetic text, as a process of its own, for `slow_link.ts`.
 *
 * Prints its address, and serves until its standard input ends. All shards have the same content.
 *
 * @module
 */

import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { startHub } from "../data/testing/hub.ts";
import { randomOf } from "../data/testing/parquet_mutations.ts";
import { integer, runScript, type Script } from "../scripts/flags.ts";

const flags = {
  shards: integer(8, "Shards"),
  shardBytes: integer(10_000_000, "About how large a shard is"),
  bytesPerSecond: integer(0, "The rate of the link, 0 for no limit", { least: 0 }),
};

const script: Script<typeof flags> = {
  summary: "Serves shards of synthetic text.",
  command: "deno run -A bench/slow_link_hub.ts",
  flags,
  run: async ({ shards, shardBytes, bytesPerSecond }) => {
    const shard = makeShard(shardBytes);
    const name = (i: number) => `shard_${`${i}`.padStart(5, "0")}.parquet`;
    await using hub = startHub(
      Object.fromEntries(Array.from({ length: shards }, (_, i) => [name(i), shard])),
    );
    if (bytesPerSecond > 0) hub.bytesPerSecond = bytesPerSecond;
    console.log(JSON.stringify({ endpoint: hub.endpoint, bytes: shards * shard.length }));
    for await (const _ of Deno.stdin.readable);
  },
};

/** Characters of a document. */
const DOCUMENT = 4000;

/** Characters that documents are cut from. */
const POOL = 4_000_000;

/** A parquet file of documents of words in row groups of 1,000, as nanochat's. */
function makeShard(bytes: number): Uint8Array<ArrayBuffer> {
  const random = randomOf(1, 0);
  const letters = "etaoinshrdlucmfwypvbgk";
  const words = Array.from(
    { length: 20_000 },
    () => Array.from({ length: 2 + random(8) }, () => letters[random(letters.length)]).join(""),
  );
  let pool = "";
  // Small numbers come more often, as common words do.
  while (pool.length < POOL) pool += `${words[random(1 + random(words.length))]} `;
  const document = () => {
    const start = random(POOL - DOCUMENT);
    return pool.slice(start, start + DOCUMENT);
  };
  const write = (count: number) => {
    const data = Array.from({ length: count }, document);
    const columnData = [{ name: "text", data, type: "STRING" as const }];
    return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 1000 }));
  };
  const each = write(1000).length / 1000;
  return write(Math.max(1, Math.round(bytes / each)));
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
