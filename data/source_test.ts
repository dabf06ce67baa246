import { assertEquals, assertRejects } from "@std/assert";
import { listSource } from "./list_source.ts";
import { parquetFiles } from "./parquet/source.ts";
import { documents, type Split, type SplitName, texts } from "./source.ts";
import { textFiles } from "./text_files.ts";
import { wordNetSource } from "./wordnet.ts";

const chunks = [["a", "b"], [], ["c"], ["d", "e", "f"]];
const split: Split = {
  name: "the train split of letters",
  fingerprint: "letters",
  bytes: 6,
  chunks: chunks.length,
  read: (chunk) => Promise.resolve(chunks[chunk] ?? []),
};

Deno.test("documents can be read again from the position of any of them", async () => {
  const all = await Array.fromAsync(documents(split));
  assertEquals(all.map(({ text }) => text).join(""), "abcdef");
  for (const [index, place] of all.entries()) {
    assertEquals(await Array.fromAsync(documents(split, place)), all.slice(index));
  }
  assertEquals(await Array.fromAsync(texts(split)), ["a", "b", "c", "d", "e", "f"]);
});

Deno.test("a split without documents is an error, not an empty iteration", async () => {
  const empty = { ...split, read: () => Promise.resolve([]) };
  await assertRejects(
    () => Array.fromAsync(texts(empty)),
    RangeError,
    "Cannot read the train split of letters: wanted at least one document with text, got none",
  );
});

Deno.test("the last documents of a list are validation, and neither split can be empty", async () => {
  const source = listSource("letters", ["a", "", "b", "c", "d"], 2);
  assertEquals(await Array.fromAsync(texts(await source.open("train"))), ["a", "b"]);
  assertEquals(await Array.fromAsync(texts(await source.open("validation"))), ["c", "d"]);
  const cases: [count: number, message: string][] = [
    ...[0, 1.5, NaN].map((count): [number, string] => [
      count,
      `wanted a whole number of documents for validation from 1 up, got ${count}`,
    ]),
    [5, "wanted 6 or more documents with text (5 for validation), got 5"],
    [20, "wanted 21 or more documents with text (20 for validation), got 5"],
  ];
  for (const [count, message] of cases) {
    await assertRejects(
      () => listSource("letters", ["a", "b", "c", "d", "e"], count).open("train"),
      RangeError,
      `Cannot split "letters": ${message}`,
    );
  }
});

Deno.test("a fingerprint changes with the split and with the text", async () => {
  const first = await listSource("letters", ["a", "b"], 1).open("train");
  const same = await listSource("letters", ["a", "b"], 1).open("train");
  const otherText = await listSource("letters", ["c", "b"], 1).open("train");
  const otherSplit = await listSource("letters", ["b", "a"], 1).open("validation");
  assertEquals(first.fingerprint, same.fingerprint);
  assertEquals(new Set([first, otherText, otherSplit].map((s) => s.fingerprint)).size, 3);
});

Deno.test("an unknown split is refused, and not taken for the other one", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/a.txt`, "a b c d e\n".repeat(100));
  const sources = [
    listSource("rhyme", ["one", "two", "three"], 1),
    textFiles(folder),
    parquetFiles(folder),
    wordNetSource(),
  ];
  for (const source of sources) {
    for (const name of ["training", "val", "", undefined]) {
      await assertRejects(
        () => source.open(name as SplitName),
        RangeError,
        `wanted the split train or validation, got ${name}`,
      );
    }
  }
  await Deno.remove(folder, { recursive: true });
});
