import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { goldenTest, readGoldenJson, readGoldenTensors } from "../../testing/golden.ts";
import {
  type Conversation,
  renderConversation,
  SPLIT_PATTERN,
  Tokenizer,
} from "../../tokenizer/mod.ts";
import { listTask } from "../tasks/task.ts";
import { goldenTokenizer } from "../testing/golden_chat.ts";
import { ConversationLoader, type ConversationLoaderOptions } from "./conversation_loader.ts";

const tokenizer = await Tokenizer.train([], { vocabSize: 265 });

/** A conversation of `length` tokens: the user says its number, the assistant the rest. */
function conversation(index: number, length: number): Conversation {
  const content = `${index}`.padStart(3, "0");
  return {
    messages: [
      { role: "user", content },
      { role: "assistant", content: "a".repeat(length - 8) },
    ],
  };
}

const lengths = Array.from({ length: 60 }, (_, i) => 9 + (i * 7) % 23);

function open(options: Partial<ConversationLoaderOptions> = {}): ConversationLoader {
  const task = listTask("counted", lengths.map((length, i) => conversation(i, length)));
  return new ConversationLoader({
    task,
    tokenizer,
    batchSize: 2,
    sequenceLength: 40,
    seed: 3,
    bufferSize: 10,
    ...options,
  });
}

/** The numbers of the conversations in a batch, in their order. */
function numbersIn(inputs: Int32Array): number[] {
  return [...tokenizer.decode([...inputs]).matchAll(/<\|user_start\|>(\d{3})/g)].map(([, n]) =>
    Number(n)
  );
}

Deno.test("every conversation is in a row once in every epoch", async () => {
  const loader = open();
  const seen: number[] = [];
  while (seen.length < 3 * lengths.length) seen.push(...numbersIn((await loader.take()).inputs));
  for (let epoch = 0; epoch < 3; epoch++) {
    const one = seen.slice(epoch * lengths.length, (epoch + 1) * lengths.length);
    assertEquals(one.toSorted((a, b) => a - b), lengths.map((_, i) => i), `epoch ${epoch}`);
  }
  assert(
    seen.slice(0, 60).join() !== seen.slice(60, 120).join(),
    "epochs come in different orders",
  );
});

Deno.test("only what the assistant says is a target", async () => {
  const { inputs, targets } = await open().take();
  for (const [i, target] of targets.entries()) {
    if (target === -1 || (i + 1) % 40 === 0) continue;
    assertEquals(target, inputs[i + 1]);
  }
  const learned = tokenizer.decode([...targets.filter((id) => id >= 0)]);
  assert(/^(a+<\|assistant_end\|>)+a*$/.test(learned), learned);
});

Deno.test("a loader resumes exactly from any batch", async () => {
  const loader = open();
  for (let i = 0; i < 40; i++) {
    const { state } = await loader.take();
    if (i % 6 !== 5) continue;
    const resumed = open({ state: JSON.parse(JSON.stringify(state)) });
    const other = open({ state });
    for (let k = 0; k < 15; k++) assertEquals(await resumed.take(), await other.take());
    assertEquals((await open({ state }).take()).inputs, (await loader.take()).inputs);
  }
  const { state } = await loader.take();
  assertThrows(() => open({ state, seed: 4 }), Error, "wanted a state with seed 4, got 3");
});

Deno.test("conversations longer than a row are cut if an answer remains, and left out otherwise", async () => {
  const task = listTask("long", [
    conversation(0, 60),
    { messages: [{ role: "user", content: "x".repeat(50) }, { role: "assistant", content: "y" }] },
    conversation(1, 20),
  ]);
  const loader = open({ task, batchSize: 1 });
  const seen: number[] = [];
  while (seen.length < 4) seen.push(...numbersIn((await loader.take()).inputs));
  assertEquals(seen.slice(0, 2).toSorted(), [0, 1]);
  assertEquals(loader.cut, 2);
  assert(loader.leftOut >= 2, `${loader.leftOut}`);
});

Deno.test("a tokenizer without the tokens of conversations is refused before anything runs", () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const specialTokens = new Map([["<|bos|>", 256]]);
  const bare = new Tokenizer({ pattern: SPLIT_PATTERN, tokens, merges: [], specialTokens });
  assertThrows(
    () => open({ tokenizer: bare }),
    RangeError,
    'Cannot find the special token "<|user_start|>": wanted one of <|bos|>',
  );
});

Deno.test("a task without anything that fits is an error, not an endless search", async () => {
  const content = "x".repeat(50);
  const messages = [{ role: "user", content }, { role: "assistant", content }] as const;
  const loader = open({ task: listTask("long", [{ messages }, { messages }]), sequenceLength: 20 });
  await assertRejects(async () => await loader.take(), RangeError, "got none of 2");
  assertThrows(() => open({ task: listTask("none", []) }), RangeError, "got none");
  assertThrows(() => open({ batchSize: 0 }), RangeError, "wanted batchSize from 1, got 0");
});

goldenTest("conversations in a row have the original's inputs and targets", async () => {
  const { train_order } = readGoldenJson<{ train_order: Conversation[] }>("chat/golden-sft");
  const golden = goldenTokenizer();
  const rendered = train_order.map((item) => renderConversation(golden, item).ids.slice(0, 97));
  const tensors = readGoldenTensors("chat/golden-sft");
  for (const run of ["fresh", "warm", "iterations"]) {
    const inputs = tensors.get(`${run}/inputs`)!.data;
    const targets = tensors.get(`${run}/targets`)!.data;
    for (let start = 0; start < inputs.length; start += 96) {
      const row = Array.from(inputs.slice(start, start + 96), Number);
      const chosen = conversationsIn(row, rendered, golden.bos).map((i) => train_order[i]!);
      const loader = new ConversationLoader({
        task: listTask("row", chosen),
        tokenizer: golden,
        batchSize: 1,
        sequenceLength: 96,
      });
      const batch = await loader.take();
      assertEquals([...batch.inputs], row, `${run} ${start}`);
      assertEquals(
        [...batch.targets],
        Array.from(targets.slice(start, start + 96), Number),
        `${run} ${start}`,
      );
    }
  }
});

/** Which conversations a row begins with, until only `<|bos|>` or the cut beginning of one is left. */
function conversationsIn(row: number[], rendered: readonly number[][], bos: number): number[] {
  const found: number[] = [];
  for (let at = 0; at < row.length && row.slice(at).some((id) => id !== bos);) {
    const index = rendered.findIndex((ids) =>
      ids.slice(0, row.length - at).every((id, i) => row[at + i] === id)
    );
    if (index === -1) break;
    found.push(index);
    at += rendered[index]!.length;
  }
  return found;
}
