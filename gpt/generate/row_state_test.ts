import { assertEquals } from "@std/assert";
import { goldenTokenizer } from "../../chat/testing/golden_chat.ts";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { generationTokens, RowState } from "./row_state.ts";

interface GoldenRows {
  name: string;
  prompt: number[];
  sampled: number[][];
  max_tokens: number;
  emitted: number[][];
  masks: number[][];
}

goldenTest("rows force tool outputs like the original, step by step", () => {
  const { rows } = readGoldenJson<{ rows: GoldenRows[] }>("chat/golden-engine");
  const tokenizer = goldenTokenizer();
  const special = generationTokens(tokenizer);
  for (const { name, sampled, emitted, masks } of rows) {
    const states = sampled.map(() => new RowState(special, tokenizer));
    for (const [i, state] of states.entries()) {
      // After its last token, the golden model samples that one again.
      const steps = emitted[i]!.map((_, step) =>
        state.next(sampled[i]![step] ?? sampled[i]!.at(-1)!)
      );
      assertEquals(steps.map(({ token }) => token), emitted[i], name);
      assertEquals(steps.map(({ mask }) => mask), masks[i], name);
    }
  }
});

Deno.test("a row takes any tool, and forces nothing without an answer", async () => {
  const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
  const [start, end] = ["<|python_start|>", "<|python_end|>"].map((name) =>
    tokenizer.special(name)
  );
  const calls: string[] = [];
  const row = new RowState(generationTokens(tokenizer), tokenizer, (call) => {
    calls.push(call);
    return call === "now" ? "noon" : null;
  });
  const feed = (text: string) =>
    [start!, ...tokenizer.encode(text), end!].forEach((id) => row.next(id));
  feed("never");
  assertEquals(row.mayBeForced, false);
  feed("now");
  assertEquals([calls, row.mayBeForced], [["never", "now"], true]);
  assertEquals(row.next(0), { token: tokenizer.special("<|output_start|>"), mask: 0 });
});

Deno.test("a tokenizer without special tokens neither ends samples nor calls tools", () => {
  const bare = {
    special: (name: string): number => {
      throw new RangeError(name);
    },
    encode: () => [],
    decode: () => "1+1",
  };
  const row = new RowState(generationTokens(bare), bare);
  for (const id of [1, 2, 3]) assertEquals(row.next(id), { token: id, mask: 1 });
  assertEquals([row.isFinished, row.mayBeForced], [false, false]);
});
