import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SPLIT_PATTERN, toRegExp } from "./pattern.ts";
import { makeRandom, randomText } from "./testing/texts.ts";
import { Tokenizer } from "./tokenizer.ts";
import { mergeSteps } from "./train.ts";
import type { Merge } from "./vocabulary.ts";

/** Reference BPE training: recounts all pairs after every merge. */
function mergesByDefinition(texts: string[], limit: number): Merge[] {
  let words = texts.flatMap((text) => text.match(toRegExp(SPLIT_PATTERN)) ?? [])
    .map((word) => [...new TextEncoder().encode(word)]);
  const merges: Merge[] = [];
  while (merges.length < limit) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const pairs = [...counts].map(([pair, count]) => {
      const [left, right] = pair.split(" ").map(Number);
      return { left: left!, right: right!, count };
    });
    pairs.sort((a, b) => b.count - a.count || a.left - b.left || a.right - b.right);
    const best = pairs[0];
    if (best === undefined) break;
    const token = 256 + merges.length;
    merges.push([best.left, best.right]);
    words = words.map((word) => {
      const merged: number[] = [];
      for (let i = 0; i < word.length; i++) {
        const joins = word[i] === best.left && word[i + 1] === best.right;
        merged.push(joins ? token : word[i]!);
        if (joins) i++;
      }
      return merged;
    });
  }
  return merges;
}

Deno.test("training finds the reference's merges in random text", async () => {
  const random = makeRandom(7);
  for (let round = 0; round < 12; round++) {
    const texts = Array.from({ length: 1 + random(5) }, () => randomText(random, 80));
    const { merges } = await Tokenizer.train(texts, { vocabSize: 265 + 40 });
    assertEquals(merges, mergesByDefinition(texts, 40));
  }
});

Deno.test("training finds the reference's merges where pairs overlap and tie", async () => {
  const random = makeRandom(8);
  for (let round = 0; round < 40; round++) {
    const alphabet = "aab".slice(0, 1 + random(3));
    const word = (): string =>
      Array.from({ length: 1 + random(30) }, () => alphabet[random(alphabet.length)]).join("");
    const texts = Array.from({ length: 1 + random(8) }, word);
    const { merges } = await Tokenizer.train(texts, { vocabSize: 265 + 30 });
    assertEquals(merges, mergesByDefinition(texts, 30), texts.join(" "));
  }
});

Deno.test("equally frequent pairs are merged in id order", async () => {
  const { merges } = await Tokenizer.train(["cd ab"], { vocabSize: 265 + 3 });
  assertEquals(merges, [[32, 97], [99, 100], [256, 98]]);
});

Deno.test("ids are the bytes, then the merges, then the special tokens", async () => {
  const tokenizer = await Tokenizer.train(["abab abab"], {
    vocabSize: 260,
    specialTokens: ["<s>"],
  });
  assertEquals(tokenizer.vocabSize, 260);
  assertEquals(tokenizer.special("<s>"), 259);
  assertEquals(tokenizer.merges.length, 3);
});

Deno.test("texts may be an asynchronous stream", async () => {
  const texts = ["one fish two fish", "red fish blue fish"];
  async function* slowly(): AsyncGenerator<string> {
    for (const text of texts) {
      await Promise.resolve();
      yield text;
    }
  }
  const whole = await Tokenizer.train(texts, { vocabSize: 280 });
  const streamed = await Tokenizer.train(slowly(), { vocabSize: 280 });
  assertEquals(streamed.merges, whole.merges);
  assertEquals((await Tokenizer.train(new Set(texts), { vocabSize: 280 })).merges, whole.merges);
});

Deno.test("the vocabulary is smaller than requested if the pairs run out", async () => {
  const tokenizer = await Tokenizer.train(["ab", "c"], { vocabSize: 1000 });
  assertEquals(tokenizer.merges, [[97, 98]]);
  assertEquals(tokenizer.vocabSize, 266);
  assertEquals(tokenizer.bos, 257);
});

Deno.test("a long run without spaces is learned quickly, however long its tokens", async () => {
  const tokenizer = await Tokenizer.train(["a".repeat(1 << 20)], { vocabSize: 265 + 20 });
  assertEquals(tokenizer.merges.at(-1), [274, 274]);
  assertEquals(tokenizer.encode("a".repeat(1 << 20)), [275]);
  assertEquals(tokenizer.vocabSize, 265 + 20);
});

Deno.test("a custom pattern splits the words", async () => {
  const tokenizer = await Tokenizer.train(["ab-ab-ab"], { vocabSize: 280, pattern: "b-?" });
  // Text between matches, here the letters, forms a word too.
  assertEquals(tokenizer.merges, [[98, 45]]);
  assertEquals(tokenizer.decode(tokenizer.encode("xab-b")), "xab-b");
});

Deno.test("training errors say what was wanted", async () => {
  const train = (
    texts: Iterable<string>,
    vocabSize: number,
    rest: { pattern?: string; specialTokens?: string[] } = {},
  ) => Tokenizer.train(texts, { vocabSize, ...rest });
  await assertRejects(() => train(["a"], 264), RangeError, "at least 265");
  await assertRejects(() => train(["a"], 300.5), RangeError, "got 300.5");
  await assertRejects(() => train(["a"], NaN), RangeError, "got NaN");
  await assertRejects(() => train(["a"], 1e9), RangeError, "got 1000000000");
  await assertRejects(() => train([], 300), Error, "got 0 empty texts");
  await assertRejects(() => train(["", ""], 300), Error, "got 2 empty texts");
  await assertRejects(() => train("some text", 300), TypeError, "got one string");
  await assertRejects(() => train(["a"], 300, { pattern: "(" }), SyntaxError, "split pattern");
  await assertRejects(() => train(["a"], 300, { specialTokens: [""] }), RangeError, "a name");
  await assertRejects(() => train(["a"], 300, { specialTokens: ["x", "x"] }), RangeError, "twice");
  const mixed: unknown[] = ["a", 1];
  await assertRejects(() => train(mixed as string[], 300), TypeError, "as text 1, got number");
});

Deno.test("arguments of the wrong type are refused before training", async () => {
  const names = "wanted a list of names as specialTokens, got ";
  const cases: [texts: unknown, options: unknown, message: string][] = [
    [["a"], undefined, "wanted options named vocabSize, pattern, specialTokens, got undefined"],
    [["a"], { vocabSize: 266, special_tokens: ["x"] }, 'got "special_tokens"'],
    [["a"], { vocabSize: "300" }, 'wanted a number as vocabSize, got "300"'],
    [["a"], { vocabSize: 300, pattern: /a+/ }, "wanted a string, got a RegExp"],
    [["a"], { vocabSize: 300, specialTokens: "<x>" }, `${names}"<x>"`],
    [["a"], { vocabSize: 300, specialTokens: [3] }, `${names}[3]`],
    [5, { vocabSize: 300 }, "wanted an iterable of texts, got 5"],
    [null, { vocabSize: 300 }, "wanted an iterable of texts, got null"],
    [{ a: 1 }, { vocabSize: 300 }, 'wanted an iterable of texts, got {"a":1}'],
  ];
  for (const [texts, options, message] of cases) {
    const train = () => Tokenizer.train(texts as never, options as never);
    await assertRejects(train, TypeError, message);
  }
  const rest: object = { vocabSize: 300 };
  assertThrows(() => Tokenizer.fromMerges([], rest), TypeError, 'got "vocabSize"');
  const pattern = /a+/ as unknown as string;
  assertThrows(() => [...mergeSteps(["a"], pattern)], TypeError, "wanted a string, got a RegExp");
});

Deno.test("a vocabulary of bytes alone needs no text", async () => {
  const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
  assertEquals(tokenizer.merges, []);
  assert(tokenizer.encode("ab").length === 2);
});

Deno.test("training step by step merges what training merges, and says what it chose from", async () => {
  const random = makeRandom(9);
  for (let round = 0; round < 6; round++) {
    const texts = Array.from({ length: 1 + random(4) }, () => randomText(random, 60));
    const { merges } = await Tokenizer.train(texts, { vocabSize: 265 + 1000 });
    const steps = [...mergeSteps(texts)];
    assertEquals(steps.at(-1), { merges, pairs: [] });
    for (const [i, step] of steps.slice(0, -1).entries()) {
      assertEquals(step.merges, merges.slice(0, i));
      assertEquals(step.pairs[0]!.pair, merges[i]);
      assert(step.pairs.every(({ count }) => count <= step.pairs[0]!.count));
      // Every pair is counted: as many as tokens, less one for each word.
      const tokenizer = Tokenizer.fromMerges(step.merges);
      const words = texts.flatMap((text) => text.match(toRegExp(SPLIT_PATTERN)) ?? []);
      const wanted = words.reduce((sum, word) => sum + tokenizer.encode(word).length - 1, 0);
      assertEquals(step.pairs.reduce((sum, { count }) => sum + count, 0), wanted);
    }
  }
});

Deno.test("a tokenizer of merges is the one that learned them, and refuses merges of later tokens", async () => {
  const trained = await Tokenizer.train(["so much depends upon a red wheel"], { vocabSize: 280 });
  assertEquals(Tokenizer.fromMerges(trained.merges).toJSON(), trained.toJSON());
  assertThrows(
    () => Tokenizer.fromMerges([[115, 256]]),
    RangeError,
    "wanted merge 0 of two tokens",
  );
});
