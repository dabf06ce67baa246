import { assertEquals, assertRejects } from "@std/assert";
import {
  asMarkdown,
  format,
  readResults,
  type Results,
  type Row,
  writeResults,
} from "./results.ts";

const row: Row = {
  ...{ name: "sums", device: "cpu", unit: "GB/s", ratio: 2.5, spread: [2, 3], wanted: 3 },
  ours: { library: "nanodino", value: 12_345 },
  others: [{ library: "a", value: 1.234 }, { library: "b", value: null, reason: "not here" }],
};

const results: Results = {
  ...{ date: "2026-01-01T00:00:00Z", machine: { threads: 2 }, versions: {}, rows: [row] },
};

Deno.test("the table says who was measured, who was not and why, and whether it is enough", () => {
  assertEquals(asMarkdown([row, row]).split("\n").slice(3), [
    "| sums | 12,345 GB/s | a: 1.23 | 2.50 × | 3.00 × | no |",
    "",
    "Not measured: b; not here.",
  ]);
});

Deno.test("numbers have three digits that count", () => {
  assertEquals([0.01234, 1.5, 99.94, 123.4, 1234567].map(format), [
    ...["0.0123", "1.50", "99.9", "123", "1,234,567"],
  ]);
});

Deno.test("rows that were not measured again are kept, if they are from the same machine", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/results.json`;
    await writeResults(path, results);
    const other: Row = { ...row, name: "products" };
    await writeResults(path, { ...results, rows: [other, { ...row, ratio: 4 }] });
    const same = await readResults(path);
    assertEquals(same.rows.map(({ name, ratio }) => [name, ratio]), [["products", 2.5], [
      "sums",
      4,
    ]]);
    await writeResults(path, { ...results, machine: { threads: 8 }, rows: [other] });
    assertEquals((await readResults(path)).rows, [other]);
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("without results the error says who writes them", async () => {
  await assertRejects(() => readResults("/nowhere/results.json"), Error, "bench:peers");
});
