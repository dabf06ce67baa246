import { assertEquals, assertRejects } from "@std/assert";
import { listSource } from "../../data/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import {
  keepTokenizer,
  limitTexts,
  loadKeptTokenizer,
  tokenizerPath,
  trainTokenizer,
} from "./train_tokenizer.ts";

const all = { docCap: Infinity, maxChars: Infinity };

async function inFolder<Result>(folder: string, run: () => Promise<Result>): Promise<Result> {
  const before = Deno.env.get("NANODINO_HOME");
  Deno.env.set("NANODINO_HOME", folder);
  try {
    return await run();
  } finally {
    if (before === undefined) Deno.env.delete("NANODINO_HOME");
    else Deno.env.set("NANODINO_HOME", before);
  }
}

Deno.test("documents are cropped, and the one that exceeds the limit is the last", async () => {
  const texts = ["abcd", "ef", "gh", "ij"];
  const collect = (limits: typeof all) => Array.fromAsync(limitTexts(texts, limits));
  assertEquals(await collect(all), texts);
  assertEquals(await collect({ docCap: 3, maxChars: Infinity }), ["abc", "ef", "gh", "ij"]);
  assertEquals(await collect({ docCap: Infinity, maxChars: 6 }), ["abcd", "ef", "gh"]);
});

Deno.test("a tokenizer learns from the training split alone", async () => {
  const source = listSource("rhyme", ["one one one", "one one", "two two two two"], 1);
  const tokenizer = await trainTokenizer(source, { vocabSize: 268, ...all });
  const alone = await Tokenizer.train(["one one one", "one one"], { vocabSize: 268 });
  assertEquals(tokenizer.merges, alone.merges);
});

Deno.test("a kept tokenizer is found", async () => {
  const folder = await Deno.makeTempDir();
  await inFolder(folder, async () => {
    const tokenizer = await Tokenizer.train(["a rose is a rose"], { vocabSize: 270 });
    const path = `${folder}/tokenizer/tokenizer.json`;
    assertEquals(await keepTokenizer(tokenizer), { path, earlier: null });
    assertEquals((await loadKeptTokenizer()).merges, tokenizer.merges);
  });
});

Deno.test("a missing tokenizer says what to do, and a damaged one which file it is", async () => {
  await inFolder(await Deno.makeTempDir(), async () => {
    await assertRejects(loadKeptTokenizer, Error, "Train a tokenizer first: deno task tok_train");
    await keepTokenizer(await Tokenizer.train(["a rose is a rose"], { vocabSize: 270 }));
    await Deno.truncate(tokenizerPath(), 30);
    await assertRejects(loadKeptTokenizer, Error, `Cannot read ${tokenizerPath()}`);
  });
});
