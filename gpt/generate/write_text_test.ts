import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDevice } from "../../tensor/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { Engine } from "./engine.ts";
import { GPT } from "../model/model.ts";
import { decodePieces, roomAfter, writeText, writeTexts } from "./write_text.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });
const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32, windowPattern: "L" };
// Without merges, a character of several bytes is several tokens.
const tokenizer = await Tokenizer.train(["é"], { vocabSize: 265 });
const model = new GPT({ ...shape, vocabSize: tokenizer.vocabSize }, device, { seed: 5 });

Deno.test("the pieces are the decoded tokens of the engine", async () => {
  const prompt = "We must";
  const options = { maxTokens: 40, seed: 3 };
  const pieces = await Array.fromAsync(writeText(model, tokenizer, prompt, options));
  const { tokens } = await new Engine(model, tokenizer)
    .generateBatch(tokenizer.encode(prompt, { prepend: tokenizer.bos }), options);
  const ordinary = tokens[0]!.filter((id) => tokenizer.tokenBytes()[id]! > 0);
  assertEquals(prompt + pieces.join(""), tokenizer.decode(ordinary));
});

Deno.test("a character that takes several tokens comes in one piece", async () => {
  const [first, second] = [0xc3, 0xa9]; // the bytes of é
  const ids = [first, second, tokenizer.bos, first, second, 33, first];
  const pieces = await Array.fromAsync(decodePieces(tokenizer, ids));
  assertEquals(pieces, ["é", "é", "!", "\ufffd"]);
});

Deno.test("samples differ, and the same seed repeats them", async () => {
  const options = { samples: 3, maxTokens: 20, seed: 9 };
  const first = await writeTexts(model, tokenizer, "We must", options);
  assertEquals(new Set(first).size, 3);
  assertEquals(await writeTexts(model, tokenizer, "We must", options), first);
});

Deno.test("an empty prompt begins a document", async () => {
  const [text] = await writeTexts(model, tokenizer, "", { maxTokens: 5, temperature: 0 });
  assert(text !== undefined && !text.includes("<|bos|>"), text);
});

Deno.test("text ends at the model's maximum length", async () => {
  const room = roomAfter(model, tokenizer, "We must");
  const options = { maxTokens: room, temperature: 2, seed: 3 };
  const [text] = await writeTexts(model, tokenizer, "We must", options);
  const more = { ...options, maxTokens: room + 1000 };
  assertEquals(await writeTexts(model, tokenizer, "We must", more), [text!]);
  const long = "We must ".repeat(room);
  await assertRejects(
    () => writeTexts(model, tokenizer, long, { maxTokens: 1 }),
    RangeError,
    `Cannot continue the prompt: wanted fewer than ${model.maximumLength} tokens, got`,
  );
});
