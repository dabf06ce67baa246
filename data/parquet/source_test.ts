import { assert, assertEquals, assertRejects } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { openSource } from "../open_source.ts";
import { CHUNKS_PER_FILE, parquetFiles } from "./source.ts";
import { texts } from "../source.ts";

async function withTables(
  tables: Record<string, (string | null)[]>,
  use: (folder: string) => Promise<void>,
  column = "text",
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, data] of Object.entries(tables)) {
      const id = data.map((_, i) => i);
      const buffer = parquetWriteBuffer({
        columnData: [{ name: "id", data: id, type: "INT32" }, {
          name: column,
          data,
          type: "STRING",
        }],
        rowGroupSize: 3,
      });
      await Deno.writeFile(`${folder}/${name}`, new Uint8Array(buffer));
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const row = (name: string, i: number): string => `${name} ${i} ${"é".repeat(50 * i)}`;
const rows = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => row(name, i));

/** The chunk of a row group, where there are so many in a file. */
const chunkOf = (group: number, groups: number, file = 0) =>
  file * CHUNKS_PER_FILE + Math.ceil((group + 1) * CHUNKS_PER_FILE / groups) - 1;

Deno.test("the last parquet file is validation, and a chunk is a row group or nothing", async () => {
  await withTables({
    "b.parquet": rows("b", 4),
    "a.parquet": rows("a", 7),
    "c.parquet": rows("c", 5),
  }, async (folder) => {
    const source = await openSource(folder);
    const train = await source.open("train");
    const validation = await source.open("validation");
    assertEquals(await Array.fromAsync(texts(train)), [...rows("a", 7), ...rows("b", 4)]);
    assertEquals(await Array.fromAsync(texts(validation)), rows("c", 5));
    assertEquals([train.chunks, validation.chunks], [2 * CHUNKS_PER_FILE, CHUNKS_PER_FILE]);
    assertEquals(train.shuffledChunks, CHUNKS_PER_FILE);
    assertEquals(await train.read(chunkOf(1, 2, 1)), rows("b", 4).slice(3));
    assertEquals(await train.read(chunkOf(1, 3)), rows("a", 7).slice(3, 6));
    const all = Array.from({ length: CHUNKS_PER_FILE }, (_, i) => train.read(i));
    assertEquals((await Promise.all(all)).filter(({ length }) => length > 0).length, 3);
    assert(train.bytes > 1000, `${train.bytes} bytes`);
    assert(train.fingerprint !== validation.fingerprint, "another split");
    await assertRejects(() => train.read(512), RangeError, "wanted a chunk below 512, got 512");
  });
});

Deno.test("in a single parquet file, the last 5 % of the rows are validation, at least one", async () => {
  for (const [count, held] of [[2, 1], [7, 1], [45, 2]] as const) {
    await withTables({ "a.parquet": rows("a", count) }, async (folder) => {
      const source = parquetFiles(`${folder}/a.parquet`);
      const train = await Array.fromAsync(texts(await source.open("train")));
      const validation = await Array.fromAsync(texts(await source.open("validation")));
      assertEquals([...train, ...validation], rows("a", count));
      assertEquals(validation.length, held);
    });
  }
  await withTables({ "a.parquet": rows("a", 1) }, async (folder) => {
    await assertRejects(
      () => parquetFiles(folder).open("train"),
      RangeError,
      `Cannot split "${folder}/a.parquet": wanted another file, or 2 or more rows in this one, got 1`,
    );
  });
});

Deno.test("a row group may have more rows than a call takes arguments", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const data = Array.from({ length: 150_000 }, (_, i) => `${i}`);
    const columnData = [{ name: "text", data, type: "STRING" as const }];
    const buffer = parquetWriteBuffer({ columnData, rowGroupSize: data.length });
    await Deno.writeFile(`${folder}/a.parquet`, new Uint8Array(buffer));
    const train = await parquetFiles(folder).open("train");
    assertEquals((await train.read(chunkOf(0, 1))).length, 142_500);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a missing column is an error that lists the existing ones", async () => {
  await withTables({ "a.parquet": rows("a", 4) }, async (folder) => {
    await assertRejects(
      () => parquetFiles(folder).open("train"),
      Error,
      `Cannot read "${folder}/a.parquet": wanted a column "text", got "id", "content"`,
    );
    const split = await parquetFiles(folder, { column: "content" }).open("train");
    assertEquals(await split.read(chunkOf(0, 2)), rows("a", 3));
  }, "content");
});

Deno.test("rows without text are skipped, and one that is not text is an error with its number", async () => {
  await withTables({ "a.parquet": ["a", "", "b", "c", null, "d"] }, async (folder) => {
    const split = await parquetFiles(folder).open("train");
    assertEquals(await split.read(chunkOf(0, 2)), ["a", "b"]);
    assertEquals(await split.read(chunkOf(1, 2)), ["c"]);
    const numbers = await parquetFiles(folder, { column: "id" }).open("train");
    await assertRejects(
      () => numbers.read(chunkOf(0, 2)),
      TypeError,
      'in column "id" of row 0, got a number',
    );
  });
});

Deno.test("a file of another format, or a truncated one, is an error with its path", async () => {
  await withTables({ "a.parquet": rows("a", 20), "b.parquet": [] }, async (folder) => {
    const path = `${folder}/a.parquet`;
    await assertRejects(
      () => parquetFiles(folder).open("validation"),
      RangeError,
      "wanted one or more rows",
    );
    await Deno.remove(`${folder}/b.parquet`);
    const split = await parquetFiles(folder).open("train");
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.subarray(0, 100));
    await assertRejects(() => split.read(chunkOf(0, 7)), Error, `Cannot read "${path}": wanted`);
    for (
      const [length, wanted] of [
        [0, "of 12 bytes or more, got 0"],
        [4, "of 12 bytes or more, got 4"],
        [100, 'which ends in "PAR1", got "'],
      ] as const
    ) {
      await Deno.writeFile(path, bytes.subarray(0, length));
      await assertRejects(
        () => parquetFiles(folder).open("train"),
        SyntaxError,
        `Cannot read "${path}": wanted a parquet file, ${wanted}`,
      );
    }
    // Intact footer, damaged pages.
    await Deno.writeFile(path, bytes.map((byte, i) => i > 3 && i < 200 ? 0xff : byte));
    const damaged = await parquetFiles(folder).open("train");
    assertEquals(
      await damaged.read(chunkOf(5, 7)),
      rows("a", 20).slice(15, 18),
      "other row groups are not touched",
    );
    await assertRejects(
      () => damaged.read(chunkOf(0, 7)),
      SyntaxError,
      `Cannot read row group 0 of "${path}", rows 0 to 3 of "text": wanted `,
    );
  });
});

Deno.test("row groups compressed with zstd, snappy and gzip, and uncompressed ones, are read", async () => {
  const compressors = { ZSTD: zstdCompressSync, GZIP: gzipSync };
  for (const codec of ["ZSTD", "SNAPPY", "GZIP", "UNCOMPRESSED"] as const) {
    await withTables({}, async (folder) => {
      const columnData = [{ name: "text", data: rows("a", 9), type: "STRING" as const }];
      const buffer = parquetWriteBuffer({ columnData, codec, compressors, rowGroupSize: 3 });
      await Deno.writeFile(`${folder}/a.parquet`, new Uint8Array(buffer));
      const split = await parquetFiles(folder).open("train");
      assertEquals(await Array.fromAsync(texts(split)), rows("a", 8), codec);
    });
  }
});
