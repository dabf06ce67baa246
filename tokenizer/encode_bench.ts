/**
 * Speed of splitting, encoding and decoding. Each text has a million characters, so iterations per
 * second are megabytes per second.
 */
import { assert, assertEquals } from "@std/assert";
import { encode as encodeGpt } from "npm:gpt-tokenizer@4.0.0";
import { Tiktoken } from "npm:js-tiktoken@1.0.21/lite";
import { SPLIT_PATTERN, toRegExp } from "./pattern.ts";
import { makeSplitter } from "./split.ts";
import { addresses, makeRandom } from "./testing/texts.ts";
import { Tokenizer } from "./tokenizer.ts";

const MILLION = 1_000_000;
const corpus = await addresses();
const prose = corpus.slice(-60).join(" ").slice(0, MILLION);
const bytes = new TextEncoder().encode(prose);
const random = makeRandom(1);
const unbroken = Array.from({ length: MILLION }, () => "etaoinshrdlu"[random(12)]).join("");
const tokenizer = await Tokenizer.train(corpus.slice(0, -60), { vocabSize: 4096 });
const tiktoken = new Tiktoken({
  pat_str: toRegExp(SPLIT_PATTERN).source,
  special_tokens: {},
  bpe_ranks: `! 0 ${tokenizer.toJSON().tokens.join(" ")}`,
});

const ids = tokenizer.encode(prose);
assertEquals(ids, tiktoken.encode(prose, [], []));
assert(tokenizer.decode(tokenizer.encode(unbroken)) === unbroken);

/** Keeps results alive so that the compiler cannot remove a benchmark's work. */
let sink = 0;

const scanner = makeSplitter([SPLIT_PATTERN]);
const expression = makeSplitter([`(?:${SPLIT_PATTERN})`]);
assertEquals(scanner.split(bytes), expression.split(bytes, prose));

Deno.bench("split: regular expression", { group: "split prose", baseline: true }, () => {
  sink += expression.split(bytes, prose).length;
});
Deno.bench("split: scanner", { group: "split prose" }, () => {
  sink += scanner.split(bytes).length;
});

Deno.bench("encode: gpt-tokenizer, its own vocabulary", { group: "prose", baseline: true }, () => {
  sink += encodeGpt(prose).length;
});
Deno.bench("encode: js-tiktoken, the same vocabulary", { group: "prose", n: 3, warmup: 0 }, () => {
  sink += tiktoken.encode(prose, [], []).length;
});
Deno.bench("encode: nanodino", { group: "prose" }, () => {
  sink += tokenizer.encode(prose).length;
});
Deno.bench("encode: nanodino, cold cache", { group: "prose" }, (b) => {
  const fresh = new Tokenizer(tokenizer.vocabulary);
  b.start();
  sink += fresh.encode(prose).length;
  b.end();
});

Deno.bench("encode: prose", { group: "no spaces", baseline: true }, () => {
  sink += tokenizer.encode(prose).length;
});
Deno.bench("encode: one run without spaces", { group: "no spaces" }, () => {
  sink += tokenizer.encode(unbroken).length;
});

Deno.bench("decode", { group: "decode" }, () => {
  sink += tokenizer.decode(ids).length;
});
