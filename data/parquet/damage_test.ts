import { assert, assertEquals, assertRejects } from "@std/assert";
import { parquetMetadata } from "npm:hyparquet@1.31.5";
import { baseFiles, readMutations } from "../testing/parquet_mutations.ts";
import { texts } from "../source.ts";
import { openParquet, readParquet } from "./reader.ts";
import { parquetFiles } from "./source.ts";
import { structEnd } from "./thrift.ts";

async function withFile(
  bytes: Uint8Array,
  use: (file: { path: string; name: string; bytes: number }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/a.parquet`;
    await Deno.writeFile(path, bytes);
    await use({ path, name: "a.parquet", bytes: bytes.length });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the files that are mutated below are read when they are whole", async () => {
  for (const [name, { bytes, column }] of baseFiles()) {
    await withFile(bytes, async (file) => {
      const { columns, groups } = await openParquet(file, [column]);
      assertEquals([columns, groups.map(({ rows }) => rows)], [["id", column], [20, 20, 20]], name);
      const rows = { columns: ["id", column], group: 1, start: 2, end: 4 };
      const { id, [column]: values } = await readParquet(file, rows, groups[1]!);
      assertEquals(id, [22, 23]);
      const text = "row 22 of text é😀".repeat(3);
      if (name === "dictionary") assertEquals(values, ["word 2", "word 3"]);
      else if (name === "nested") assertEquals(values, [[{ role: "user", content: text }], []]);
      else assertEquals(values![0], text);
    });
  }
});

Deno.test("a field missing from a page's header is an immediate error, not an endless loop", async () => {
  const { bytes } = baseFiles().get("flat")!;
  let errors = 0;
  // A field becomes a boolean, whose value takes no byte: what follows has other names.
  for (let at = 4; at < 40; at++) {
    const changed = bytes.slice();
    changed[at] = (changed[at]! & 0xf0) | 1;
    await withFile(changed, async ({ path }) => {
      try {
        const train = await parquetFiles(path, { column: "id" }).open("train");
        await Array.fromAsync(texts(train));
      } catch (error) {
        // The column has numbers.
        assert((error as Error).message.startsWith("Cannot read "), `${error}`);
        assert(!(error as Error).message.includes("may be damaged"), `${at}: ${error}`);
        errors++;
      }
    });
  }
  assertEquals(errors, 36);
});

Deno.test("counts that do not fit together are errors with file, row group and column", async () => {
  const { bytes } = baseFiles().get("flat")!;
  const { row_groups } = parquetMetadata(bytes.buffer);
  const { data_page_offset } = row_groups[1]!.columns[1]!.meta_data!;
  // The second page of the column's header: 20 values, of which the first count is in the footer.
  const changed = bytes.slice();
  const at = changed.indexOf(2 * 20, Number(data_page_offset));
  changed[at] = 2 * 21;
  await withFile(changed, async (file) => {
    const { groups } = await openParquet(file, ["text"]);
    await assertRejects(
      () => readParquet(file, { columns: ["text"], group: 1, start: 0, end: 20 }, groups[1]!),
      SyntaxError,
      `Cannot read row group 1 of "${file.path}", rows 0 to 20 of "text": wanted pages with 20 values ` +
        "in all, got 21",
    );
  });
});

Deno.test("reading mutated files ends in time, mostly with errors, never at a limit", async () => {
  const { read, errors, limits } = await readMutations({ count: 300, seed: 7 });
  assertEquals(limits, []);
  assert(read > 20 && Object.values(errors).reduce((a, b) => a + b, 0) > 100);
});

Deno.test("a struct of Thrift's compact protocol is no longer than its bytes", () => {
  const struct = [0x15, 0x02, 0x19, 0x25, 0x02, 0x04, 0x18, 0x01, 0x61, 0x00];
  assertEquals(structEnd(Uint8Array.from([...struct, 9]), 0), struct.length);
  const cases: [bytes: number[], wanted: string][] = [
    [[0x15], "more bytes"],
    [[0x15, ...Array(10).fill(0xff), 0], "at most 10 bytes"],
    [[0x18, 0x05, 0x61, 0x00], "wanted 5 bytes, got 2"],
    [[0x19, 0xf5, 0xff, 0xff, 0xff, 0x0f, 0x00], "a list of at most 1 elements"],
    [[0x1b, 0x00], "a type of the compact protocol, got 11"],
    [Array(40).fill(0x1c), "at most 32 levels"],
  ];
  for (const [bytes, wanted] of cases) {
    try {
      structEnd(Uint8Array.from(bytes), 0);
    } catch (error) {
      assert(error instanceof SyntaxError && error.message.includes(wanted), `${error}`);
      continue;
    }
    throw new Error(`wanted an error about ${wanted}`);
  }
});
