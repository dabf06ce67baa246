import { assert, assertEquals, assertRejects } from "@std/assert";
import { listSource, SequentialLoader } from "../../data/mod.ts";
import { evaluationRows, type LoaderKind } from "./evaluation_rows.ts";

const BOS = 256;
const encoder = {
  encode: (text: string) => [...new TextEncoder().encode(text)],
  bos: BOS,
  vocabSize: 257,
};

/** Documents of different lengths, some longer than a row; no two begin alike. */
const documents = Array.from(
  { length: 40 },
  (_, i) => String.fromCharCode(65 + i) + ".".repeat((7 * i) % 19),
);

async function read(loader: LoaderKind, maximumTokens: number): Promise<number[][]> {
  const split = await listSource("list", ["train", ...documents], documents.length).open(
    "validation",
  );
  const rows = await evaluationRows(split, encoder, { loader, sequenceLength: 8, maximumTokens });
  const found: number[][] = [];
  for await (const { inputs, targets } of new SequentialLoader({ ...rows, batchSize: 1 })) {
    assertEquals([...inputs.subarray(1)], [...targets.subarray(0, -1)]);
    found.push([...inputs, targets.at(-1)!]);
  }
  return found;
}

Deno.test("packed rows begin with BOS, and have each document once", async () => {
  const rows = await read("packed", 1e6);
  assert(rows.length > 30, `${rows.length} rows`);
  for (const row of rows) assertEquals([row.length, row[0]], [9, BOS]);
  const letters = rows.flat().filter((id) => id >= 65 && id < BOS);
  assertEquals(new Set(letters).size, letters.length);
});

Deno.test("rows cropped at random follow one another, and share a token", async () => {
  const rows = await read("random", 1e6);
  for (const [i, row] of rows.entries()) {
    if (i > 0) assertEquals(row[0], rows[i - 1]!.at(-1));
  }
  const stream = documents.flatMap((text) => [BOS, ...encoder.encode(text)]);
  assertEquals(
    rows.flatMap((row, i) => i === 0 ? row : row.slice(1)).join(),
    stream.slice(0, 8 * rows.length + 1).join(),
  );
});

Deno.test("an evaluation predicts no more tokens than wanted, and refuses less than a row", async () => {
  assertEquals((await read("packed", 35)).length, 4);
  assertEquals((await read("random", 35)).length, 4);
  const split = await listSource("short", ["ab", "cd", "ef"], 2).open("validation");
  for (const loader of ["packed", "random"] as const) {
    const options = { loader, sequenceLength: 8, maximumTokens: 100 };
    await assertRejects(
      async () =>
        new SequentialLoader({ ...await evaluationRows(split, encoder, options), batchSize: 1 }),
      RangeError,
      "wanted 9 or more tokens",
    );
  }
});
