import { assert, assertEquals, assertThrows } from "@std/assert";
import { Tiktoken } from "npm:js-tiktoken@1.0.21/lite";
import cl100k from "npm:js-tiktoken@1.0.21/ranks/cl100k_base";
import gpt2 from "npm:js-tiktoken@1.0.21/ranks/gpt2";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { loadPublishedTokenizer, measureCompression } from "./compression.ts";
import { ruleTexts } from "./rule_texts.ts";

Deno.test("published tokenizers give js-tiktoken's ids on every synthetic text", async () => {
  for (const [name, ranks] of [["gpt2", gpt2], ["cl100k_base", cl100k]] as const) {
    const [ours, theirs] = [await loadPublishedTokenizer(name), new Tiktoken(ranks)];
    for (const { text } of ruleTexts()) {
      assertEquals(ours.encode(text), theirs.encode(text, [], []), name);
    }
  }
});

Deno.test("bytes, tokens and savings are those of the text", async () => {
  const text = "héhéhéhé";
  const bytes = await Tokenizer.train([], { vocabSize: 265 });
  const trained = await Tokenizer.train([text], { vocabSize: 267 });
  const { bytesPerToken, against, ...rest } = measureCompression({ name: "h", text }, trained, {
    bytes,
  });
  assertEquals(rest, { name: "h", bytes: 12, tokens: trained.encode(text).length });
  assertEquals(bytesPerToken, 12 / rest.tokens);
  assertEquals(against, { bytes: { tokens: 12, saved: (12 - rest.tokens) / 12 } });
  const { against: worse } = measureCompression({ name: "h", text }, bytes, { trained });
  assert(worse.trained!.saved < 0);
});

Deno.test("an empty text is refused", async () => {
  const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
  const empty = { name: "nothing", text: "" };
  assertThrows(
    () => measureCompression(empty, tokenizer),
    RangeError,
    "Cannot measure nothing: wanted a text, got an empty one",
  );
});

Deno.test("rule-generated texts are right where checked, and never change", () => {
  const texts = Object.fromEntries(ruleTexts().map(({ name, text }) => [name, text.split("\n")]));
  assertEquals(
    texts.english![36],
    "Forty-two plus forty-nine is ninety-one. Whoever has forty-two apples and gives five of them " +
      "away keeps thirty-seven.",
  );
  assertEquals(
    texts.english!.at(-1)!.split(" is ")[0],
    "One hundred and twenty-five plus one hundred and thirty-two",
  );
  assert(texts.korean![36]!.startsWith("사십이 더하기 사십구 은 구십일 입니다."));
  assert(texts.korean!.at(-1)!.startsWith("백이십오 더하기 백삼십이"));
  assert(texts.mathematics![4]!.endsWith("= 385."));
  assert(texts.chemistry![0]!.includes("C6H14, has a molar mass of 86.18 g/mol"));
});
