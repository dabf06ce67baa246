import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { findFiles } from "./files.ts";
import { fileFingerprint } from "./fingerprint.ts";
import { withoutContent } from "./source.ts";
import { PackedLoader } from "./packed_loader.ts";
import { RandomCropLoader } from "./random_crop_loader.ts";
import { textFiles } from "./text_files.ts";
import { readTokenStream } from "./token_stream.ts";

const encoder = { encode: (text: string) => [...new TextEncoder().encode(text)], bos: 256 };
const batch = { batchSize: 2, sequenceLength: 16, seed: 1 };

Deno.test("a change of one byte that leaves the size as it was changes the fingerprint", async () => {
  const folder = await Deno.makeTempDir();
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i} of a text`).join("\n");
  await Deno.writeTextFile(`${folder}/a.txt`, lines);
  const open = async () => await textFiles(folder).open("train");
  const { fingerprint } = await open();
  assertEquals((await open()).fingerprint, fingerprint);
  await Deno.writeTextFile(`${folder}/a.txt`, lines.replace("line 7 ", "line 8 "));
  const changed = (await open()).fingerprint;
  assert(changed !== fingerprint);
  // Names and sizes, which are the first part, are the same.
  assertEquals(withoutContent(changed), withoutContent(fingerprint));
});

Deno.test("in a corpus of more than 256 MiB, the first and the last byte of every file count", async () => {
  const folder = await Deno.makeTempDir();
  for (const name of ["a", "b"]) {
    await Deno.writeTextFile(`${folder}/${name}.txt`, "");
    await Deno.truncate(`${folder}/${name}.txt`, 200 * 2 ** 20 - 7); // takes no room on the disk
  }
  const print = async () => await fileFingerprint(await findFiles(folder, [".txt"]), []);
  const seen = new Set([await print()]);
  for (const place of [0, 200 * 2 ** 20 - 8]) {
    using file = await Deno.open(`${folder}/b.txt`, { write: true });
    await file.seek(place, Deno.SeekMode.Start);
    await file.write(Uint8Array.of(65));
    seen.add(await print());
  }
  assertEquals(seen.size, 3);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("no loader resumes in a corpus whose content has changed, except from states that lack the digest of the content", async () => {
  const folder = await Deno.makeTempDir();
  const text = Array.from({ length: 60 }, (_, i) => `line ${i} of a text`).join("\n");
  const open = async (text: string) => {
    await Deno.writeTextFile(`${folder}/a.txt`, text);
    return await textFiles(folder).open("train");
  };
  const split = await open(text);
  const { tokens } = await readTokenStream(split, encoder);
  const corpus = split.fingerprint;
  const packed = (await (await PackedLoader.open({ split, encoder, ...batch })).take()).state;
  const random = (await new RandomCropLoader({ tokens, corpus, ...batch }).take()).state;

  // As they were saved before fingerprints told of content.
  await PackedLoader.open({
    split,
    encoder,
    ...batch,
    state: { ...packed, corpus: withoutContent(packed.corpus) },
  });
  const { corpus: _, ...older } = random;
  new RandomCropLoader({ tokens, corpus, ...batch, state: older });
  new RandomCropLoader({ tokens, ...batch, state: random });

  const changed = await open(text.replace("line 7 ", "line 8 "));
  const message = "its files are not those that it was saved with";
  await assertRejects(
    () => PackedLoader.open({ split: changed, encoder, ...batch, state: packed }),
    Error,
    message,
  );
  const other = { tokens, corpus: changed.fingerprint, ...batch, state: random };
  assertThrows(() => new RandomCropLoader(other), Error, message);
});
