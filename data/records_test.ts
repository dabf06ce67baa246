import { assert, assertEquals, assertRejects } from "@std/assert";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { zipSync } from "npm:fflate@0.8.3";
import { processorTime } from "../testing/clock.ts";
import { nestedTable } from "./testing/nested_table.ts";
import { openTable, records } from "./records.ts";

const rows = [
  { question: "2 + 2?", choices: ["3", "4"], answer: 1 },
  { question: "ü \u2028?", choices: ["a", "b", "c"], answer: 0 },
  { question: "", choices: [], answer: 2 },
];
const lines = rows.map((row) => JSON.stringify(row)).join("\n");

const valuesOf = (place: string) => Array.fromAsync(records(place), ({ value }) => value);

Deno.test("rows of JSON Lines are the same in a compressed file, and in one of several parts", async () => {
  const folder = await Deno.makeTempDir();
  const half = lines.indexOf("\n") + 1;
  const parts = (compress: (text: string) => Uint8Array) =>
    new Uint8Array([...compress(lines.slice(0, half)), ...compress(lines.slice(half))]);
  const files: [string, Uint8Array | string][] = [
    ["a.jsonl", lines],
    ["b.jsonl.gz", gzipSync(lines)],
    ["c.jsonl.zst", zstdCompressSync(lines)],
    ["d.jsonl.gz", parts(gzipSync)],
    ["e.jsonl.zst", parts(zstdCompressSync)],
  ];
  for (const [name, content] of files) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/${name}`, bytes);
    assertEquals(await valuesOf(`${folder}/${name}`), rows, name);
  }
  assertEquals((await valuesOf(folder)).length, 15);
  assertEquals((await valuesOf(`${folder}/{a,c}.*`)).length, 6);
});

Deno.test("a file of one long line takes linear time", async () => {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  await Deno.writeTextFile(path, JSON.stringify("x".repeat(80e6)));
  const start = processorTime();
  const [text] = await valuesOf(path);
  // One second; searching the line again with each chunk of the file took 40.
  assert(processorTime() - start < 10_000);
  assertEquals(`${text}`.length, 80e6);
  await Deno.remove(path);
});

Deno.test("the rows of JSON Lines are counted, and lists have no columns", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/a.jsonl`, `${lines}\n\n`);
  const columns = ["question", "choices", "answer"];
  assertEquals(await openTable(`${folder}/a.jsonl`), { columns, rows: 3 });
  await Deno.writeFile(`${folder}/b.jsonl.gz`, gzipSync(lines));
  assertEquals(await openTable(folder), { columns, rows: 6 });
  await Deno.writeTextFile(`${folder}/c.jsonl`, '[{"role":"user"}]\n[]\n');
  assertEquals(await openTable(`${folder}/c.jsonl`), { columns: [], rows: 2 });
  await Deno.writeTextFile(`${folder}/d.jsonl`, "1\nno JSON");
  await assertRejects(
    () => valuesOf(`${folder}/d.jsonl`),
    SyntaxError,
    'line 2: wanted JSON, got "no JSON"',
  );
});

Deno.test("lists and structs of a parquet file, as the hub writes them, are those of JSON Lines", async () => {
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  const rows = [
    {
      messages: [{ role: "user", content: "ü" }, { role: "assistant", content: "yo" }],
      choices: { text: ["a", "b"], label: ["A", "B"] },
    },
    { messages: [], choices: { text: [], label: [] } },
    { messages: null, choices: null },
  ];
  await Deno.writeFile(path, nestedTable(rows));
  assertEquals(await valuesOf(path), rows);
});

Deno.test("whole numbers and nulls of a parquet file are those of JSON Lines", async () => {
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  const choices = [["x", "y"], null, []];
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: "answer", data: [1n, 0n, 2n], type: "INT64" },
      { name: "choices", data: choices, type: "JSON" },
      { name: "question", data: ["a", null, "ü"], type: "STRING" },
    ],
    rowGroupSize: 2,
  });
  await Deno.writeFile(path, new Uint8Array(buffer));
  assertEquals(await openTable(path), { columns: ["answer", "choices", "question"], rows: 3 });
  const found = await Array.fromAsync(records(path));
  assertEquals(found.map(({ value }) => value), [
    { answer: 1, choices: choices[0], question: "a" },
    { answer: 0, choices: null, question: null },
    { answer: 2, choices: choices[2], question: "ü" },
  ]);
  assertEquals(found[2]!.where, `${path}, row 3`);
});

Deno.test("values that JSON does not have are given in its types, and images beside text do not hinder", async () => {
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: "text", data: ["a", "b"], type: "STRING" },
      { name: "image", data: [Uint8Array.of(0xff, 0xd8, 0), null], type: "BYTE_ARRAY" },
      { name: "id", data: [2n ** 53n + 1n, -1n], type: "INT64" },
      { name: "time", data: [new Date(0), null], type: "TIMESTAMP" },
    ],
  });
  await Deno.writeFile(path, new Uint8Array(buffer));
  assertEquals(await valuesOf(path), [
    { text: "a", image: "/9gA", id: "9007199254740993", time: "1970-01-01T00:00:00.000Z" },
    { text: "b", image: null, id: -1, time: null },
  ]);
});

Deno.test("rows in a zip file are those of its files", async () => {
  const folder = await Deno.makeTempDir();
  const files = {
    "a/one.jsonl": new TextEncoder().encode(lines),
    "two.parquet": nestedTable([{ answer: 7 }]),
    "notes.txt": new TextEncoder().encode("no rows"),
  };
  await Deno.writeFile(`${folder}/rows.zip`, zipSync(files));
  const options = { unpackInto: `${folder}/unpacked` };
  for (const place of [folder, `${folder}/rows.zip`]) {
    const found = await Array.fromAsync(records(place, options), ({ value }) => value);
    assertEquals(found, [...rows, { answer: 7 }]);
  }
  assertEquals((await openTable(`${folder}/rows.zip`, options)).rows, 4);
  await assertRejects(() => valuesOf(folder), Error, "wanted a folder to unpack it into, got none");
});

Deno.test("a file that is cut, damaged or a bomb is an error that names it", async () => {
  const folder = await Deno.makeTempDir();
  const many = `${lines}\n`.repeat(50);
  const [gz, zst] = [gzipSync(many), zstdCompressSync(many)];
  const bomb = "0".repeat(2 ** 24);
  const cases: [string, Uint8Array | string, string][] = [
    ["a.jsonl", '{"a": 1}\n{"a"', "a.jsonl, line 2: "],
    ["b.jsonl.gz", gz.subarray(0, gz.length - 9), "unexpected end of file"],
    ["c.jsonl.zst", zst.subarray(0, zst.length - 9), "unexpected EOF"],
    ["d.jsonl.gz", "no gzip", "incorrect header check"],
    ["e.jsonl.zst", "no zstd", "invalid zstd data"],
    ["f.jsonl.gz", gzipSync(bomb), "wanted at most "],
    ["g.jsonl.zst", zstdCompressSync(bomb), "wanted at most "],
    ["h.jsonl", Uint8Array.of(0x31, 0xff), "wanted text in UTF-8"],
  ];
  for (const [name, content, message] of cases) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${folder}/${name}`, bytes);
    const error = await assertRejects(() => valuesOf(`${folder}/${name}`), Error, message, name);
    assertEquals(error.message.includes(`${folder}/${name}`), true, error.message);
    assertEquals(error.message.split("\n").length, 1);
  }
  await assertRejects(() => valuesOf(`${folder}/none`), Error, "there is no such file or folder");
});

Deno.test("a file that the system does not give is no damaged one, and one without rows is no error", async () => {
  const folder = await Deno.makeTempDir();
  for (const name of ["a.jsonl", "b.jsonl"]) await Deno.writeTextFile(`${folder}/${name}`, "1\n");
  const found = records(folder);
  assertEquals((await found.next()).value?.value, 1);
  await Deno.remove(`${folder}/b.jsonl`);
  const error = await assertRejects(() => found.next(), Error, `Cannot read ${folder}/b.jsonl: `);
  assertEquals([error.name, error.message.split("\n").length], ["Error", 1]);
  await Deno.writeTextFile(`${folder}/a.jsonl`, "\n");
  assertEquals(await openTable(folder), { columns: [], rows: 0 });
  await assertRejects(() => openTable(`${folder}/none`), Error, "there is no such file or folder");
});
