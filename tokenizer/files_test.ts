import { assertEquals, assertRejects } from "@std/assert";
import { loadTokenizer, saveTokenizer } from "./files.ts";
import { Tokenizer } from "./tokenizer.ts";

const tokenizer = await Tokenizer.train(["round and round it goes"], { vocabSize: 280 });

Deno.test("a saved tokenizer loads as it was, and no other file is left behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const path of [`${folder}/a.json`, new URL(`file://${folder}/b.json`)]) {
      await saveTokenizer(path, tokenizer);
      await saveTokenizer(path, tokenizer);
      assertEquals((await loadTokenizer(path)).toJSON(), tokenizer.toJSON());
    }
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
    assertEquals(names, ["a.json", "b.json"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a failed save leaves no file behind, loading a damaged file is an error", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/taken`);
    await assertRejects(() => saveTokenizer(`${folder}/taken`, tokenizer));
    await assertRejects(
      () => saveTokenizer(`${folder}/none/a.json`, tokenizer),
      Deno.errors.NotFound,
    );
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["taken"]);
    await Deno.writeTextFile(`${folder}/a.json`, JSON.stringify(tokenizer).slice(0, 100));
    await assertRejects(() => loadTokenizer(`${folder}/a.json`), SyntaxError, "Cannot read");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
