import { assert, assertEquals, assertRejects } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { zipSync } from "npm:fflate@0.8.3";
import { processorTime } from "../../testing/clock.ts";
import { openSource } from "../open_source.ts";
import { texts } from "../source.ts";
import { openZip } from "./zip.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const lines = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => JSON.stringify({ text: `Document ${from + i}.` }) + "\n")
    .join("");

async function setUp(files: Readonly<Record<string, Uint8Array>>) {
  const folder = await Deno.makeTempDir();
  for (const [name, bytes] of Object.entries(files)) {
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
  return { folder, unpackInto: `${folder}/.unpacked` };
}

async function read(place: string, unpackInto?: string) {
  const split = await (await openSource(place, { unpackInto })).open("train");
  return { split, found: await Array.fromAsync(texts(split)) };
}

Deno.test("compressed text is the same corpus as plain text, and is unpacked once", async () => {
  const [one, two] = [lines(0, 40), lines(40, 40)];
  const plain = await setUp({ "a.jsonl": encode(one), "b.jsonl": encode(two) });
  const { split, found } = await read(plain.folder);
  const packed = await setUp({ "a.jsonl.gz": gzipSync(one), "b.jsonl.zst": zstdCompressSync(two) });
  for (let i = 0; i < 2; i++) {
    const again = await read(packed.folder, packed.unpackInto);
    assertEquals(again.found, found);
    // The same text has the same fingerprint, so that a run may go on with it.
    assertEquals(again.split.fingerprint, split.fingerprint);
    const folders = await Array.fromAsync(Deno.readDir(packed.unpackInto), ({ name }) => name);
    assertEquals(folders.length, 2);
    assertEquals(folders.some((name) => name.endsWith(".part")), false);
  }
  await assertRejects(() => read(packed.folder), Error, "wanted a folder to unpack it into");
});

Deno.test("what an unpacking leaves that was killed is gone after the next", async () => {
  const { folder, unpackInto } = await setUp({ "a.jsonl.gz": gzipSync(lines(0, 40)) });
  const program = `
    import { openSource } from "${new URL("../open_source.ts", import.meta.url)}";
    Deno.rename = () => Deno.kill(Deno.pid, "SIGKILL");
    const [place, unpackInto] = Deno.args;
    await (await openSource(place, { unpackInto })).open("train");
  `;
  const { signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", program, folder, unpackInto],
  }).output();
  assertEquals(signal, "SIGKILL", new TextDecoder().decode(stderr));
  const names = () => Array.fromAsync(Deno.readDir(unpackInto), ({ name }) => name);
  assert((await names()).length > 0);
  const found = await Promise.all([1, 2, 3].map(() => read(folder, unpackInto)));
  assertEquals(found.map(({ found }) => found.length), [38, 38, 38]);
  assertEquals((await names()).map((name) => name.includes(".")), [false]);
});

Deno.test("a folder that cannot be written is an error that names the file to unpack", async () => {
  const { folder } = await setUp({ "a.jsonl.gz": gzipSync(lines(0, 2)), "file": encode("") });
  await assertRejects(
    () => openSource(`${folder}/a.jsonl.gz`, { unpackInto: `${folder}/file/unpacked` }),
    Error,
    `Cannot unpack "${folder}/a.jsonl.gz": `,
  );
});

Deno.test("a file that changed is unpacked again", async () => {
  const { folder, unpackInto } = await setUp({ "a.jsonl.gz": gzipSync(lines(0, 40)) });
  const before = await read(folder, unpackInto);
  await Deno.writeFile(`${folder}/a.jsonl.gz`, gzipSync(lines(7, 41)));
  const after = await read(folder, unpackInto);
  assertEquals([before.found[0], after.found[0]], ["Document 0.", "Document 7."]);
});

Deno.test("only text is unpacked from a zip file, which counts as a folder", async () => {
  const content = {
    "data/a.jsonl": encode(lines(0, 40)),
    "b.jsonl": encode(lines(40, 40)),
    "data/c.jsonl": encode(lines(80, 40)),
    "run.exe": encode("no"),
    "__MACOSX/data/._a.jsonl": encode("no"),
  };
  const { folder, unpackInto } = await setUp({ "all.zip": zipSync(content) });
  const { found } = await read(`${folder}/all.zip`, unpackInto);
  assertEquals(found.length, 114);
  const files: string[] = [];
  for await (const { name } of Deno.readDir(unpackInto)) {
    for await (const file of Deno.readDir(`${unpackInto}/${name}`)) files.push(file.name);
  }
  assertEquals(files.sort(), ["000000.jsonl", "000001.jsonl", "000002.jsonl"]);
});

Deno.test("the files of a zip file are read in time linear in their number", async () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `${i}.txt`);
  const content = Object.fromEntries(names.map((name) => [name, encode(name)]));
  const { folder } = await setUp({ "all.zip": zipSync(content) });
  const start = processorTime();
  const zip = await openZip(`${folder}/all.zip`);
  assertEquals(zip.paths.map((name) => new TextDecoder().decode(zip.read(name))), zip.paths);
  assertEquals(zip.paths.length, names.length);
  // Quadratic time would be a minute.
  assert(processorTime() - start < 15_000, `${processorTime() - start} ms`);
});

Deno.test("a zip file with 64-bit numbers is read like any other", async () => {
  const zip = zipSync({ "a.txt": encode("A text. ".repeat(50)) });
  const [directory, end] = [zip.length - 22 - 46 - 5, zip.length - 22];
  const old = new DataView(zip.buffer);
  const extra = new DataView(new ArrayBuffer(28));
  extra.setUint16(0, 1, true);
  extra.setUint16(2, 24, true);
  for (const [i, field] of [24, 20, 42].entries()) {
    extra.setBigUint64(4 + 8 * i, BigInt(old.getUint32(directory + field, true)), true);
    old.setUint32(directory + field, 0xffffffff, true);
  }
  old.setUint16(directory + 30, 28, true);
  const record = new DataView(new ArrayBuffer(56 + 20));
  record.setUint32(0, 0x06064b50, true);
  record.setBigUint64(32, 1n, true);
  record.setBigUint64(48, BigInt(directory), true);
  record.setUint32(56, 0x07064b50, true);
  record.setBigUint64(56 + 8, BigInt(end + 28), true);
  old.setUint16(end + 10, 0xffff, true);
  old.setUint32(end + 16, 0xffffffff, true);
  const parts = [zip.slice(0, end), extra, record, zip.slice(end)];
  const { folder } = await setUp({ "a.zip": await new Response(new Blob(parts)).bytes() });
  const { paths, read } = await openZip(`${folder}/a.zip`);
  assertEquals(paths.map((path) => read(path).length), [400]);
});

Deno.test("damaged files and bombs are refused in one line, and leave nothing", async () => {
  const bomb = new Uint8Array(2 ** 24);
  const gz = gzipSync(lines(0, 500));
  const stored = zipSync({ "b c/ä.txt": encode("A text. ".repeat(50)) }, { level: 0 });
  const flipped = stored.with(200, stored[200]! ^ 4);
  const packed = zipSync({ "b.txt": encode(lines(0, 500)) });
  const outside = packed.with(packed.length - 22 - 5 - 1, 9);
  const cases: [name: string, bytes: Uint8Array, message: string][] = [
    ["a.jsonl.gz", gz.subarray(0, gz.length - 9), "unexpected end of file"],
    ["a.txt.gz", gzipSync(bomb), "wanted at most"],
    ["a.txt.zst", zstdCompressSync(bomb), "wanted at most"],
    ["a.zip", zipSync({ "a.txt": bomb }), "wanted a zip file that unpacks to at most"],
    ["a.zip", flipped, "wanted b c/ä.txt as it was packed, got bytes with another CRC-32"],
    ["a.zip", packed.with(60, 0xff), 'wanted b.txt whole, got "'],
    ["a.zip", outside, 'wanted b.txt whole, got "a place behind the end of the zip file"'],
    ["a.zip", encode("no zip"), "wanted a zip file, got a file without its end"],
    ["a.zip", packed.subarray(40), "wanted a zip file, got one with a damaged directory"],
    ["a.zip", zipSync({ "../../a.txt": encode("no") }), 'inside of its folder, got "../../a.txt"'],
    ["a.zip", zipSync({ "/etc/a.txt": encode("no") }), 'inside of its folder, got "/etc/a.txt"'],
  ];
  for (const [name, bytes, message] of cases) {
    const { folder, unpackInto } = await setUp({ [name]: bytes });
    const error = await assertRejects(() => read(folder, unpackInto), Error, message);
    assertEquals(error.message.split(`${folder}/${name}`).length, 2, error.message);
    assertEquals(await Array.fromAsync(Deno.readDir(unpackInto)), []);
  }
  const { folder, unpackInto } = await setUp({ "a.zip": zipSync({ "a.png": encode("no") }) });
  await assertRejects(() => read(folder, unpackInto), Error, "zip files without any");
});
