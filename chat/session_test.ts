import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { hasGolden, readGoldenJson } from "../testing/golden.ts";
import { GPT, openDevice } from "../gpt/mod.ts";
import { renderConversation, Tokenizer } from "../tokenizer/mod.ts";
import { ChatSession } from "./session.ts";
import { goldenModel, goldenTokenizer } from "./testing/golden_chat.ts";

const tokenizer = await Tokenizer.train([], { vocabSize: 265 });

async function setUp(sequenceLen = 128) {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const shape = { sequenceLen, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
  return { device, model: new GPT({ ...shape, vocabSize: 265, windowPattern: "L" }, device) };
}

/** The whole answer as text, tool calls in brackets. */
async function ask(session: ChatSession, question: string, options = {}): Promise<string> {
  let text = "";
  for await (const piece of session.answer(question, { temperature: 0, ...options })) {
    text += piece.type === "text" ? piece.text : `[${piece.text}]`;
  }
  return text;
}

if (hasGolden) {
  testOnEveryDevice(
    "answers are the original's, and a second turn reads only what is new",
    async (device) => {
      const { greedy } = readGoldenJson<{
        greedy: { question: string; tokens: number[] }[];
      }>("chat/golden-chat");
      const [model, tokenizer] = [goldenModel(device), goldenTokenizer()];
      for (const { question, tokens } of greedy) {
        using session = new ChatSession(model, tokenizer, { maxTokens: 200 });
        await ask(session, question, { maxTokens: 40 });
        const [, answer] = session.messages;
        const parts = typeof answer!.content === "string" ? [] : answer!.content;
        const names = { text: "", python: "python", python_output: "output" };
        const written = parts.map(({ type, text }) =>
          type === "text" ? text : `<|${names[type]}_start|>${text}<|${names[type]}_end|>`
        ).join("");
        const end = tokenizer.special("<|assistant_end|>");
        const wanted = tokenizer.decode(tokens.filter((id) => id !== end).slice(0, 40));
        assert(wanted.startsWith(written) && written.length > 0, `${written} | ${wanted}`);
      }

      using session = new ChatSession(model, tokenizer, { maxTokens: 200 });
      await ask(session, greedy[0]!.question, { maxTokens: 40 });
      const read = session.cachedTokens;
      await ask(session, greedy[1]!.question, { maxTokens: 40 });
      // The same conversation in a session that has read nothing.
      using other = new ChatSession(model, tokenizer, { maxTokens: 200 });
      await ask(other, greedy[0]!.question, { maxTokens: 40 });
      assertEquals(other.cachedTokens, read);
      assertEquals(session.messages.length, 4);
    },
  );
}

Deno.test("a conversation is rendered as for training", async () => {
  const { device, model } = await setUp();
  using session = new ChatSession(model, tokenizer, { system: "Be kind." });
  await ask(session, "Hi!", { maxTokens: 5 });
  const cached = session.cachedTokens;
  await ask(session, "And?", { maxTokens: 5 });
  const messages = [{ role: "system", content: "Be kind." } as const, ...session.messages];
  const { ids } = renderConversation(tokenizer, { messages });
  // All but the last two: the token that ends the answer, and the last of the answer's.
  assert(ids.length - session.cachedTokens <= 2, `${ids.length} ${session.cachedTokens}`);
  assert(cached > 0 && session.cachedTokens > cached);
  await device.close();
});

Deno.test("a chat that is too long drops its oldest exchanges, and keeps the system turn", async () => {
  const { device, model } = await setUp(96);
  using session = new ChatSession(model, tokenizer, { system: "Be kind." });
  for (let i = 0; i < 8; i++) await ask(session, `Question ${i}`, { maxTokens: 8 });
  assert(session.dropped > 0 && session.dropped + session.messages.length / 2 === 8);
  assertEquals(session.messages.at(-2)!.content, "Question 7");
  assertEquals(session.system, "Be kind.");
  await assertRejects(() => ask(session, " "), RangeError, "wanted a question, got none");
  await device.close();
});

Deno.test("a question that is refused as too long leaves the chat as it was", async () => {
  const { device, model } = await setUp();
  using session = new ChatSession(model, tokenizer);
  await ask(session, "My name is Ada.", { maxTokens: 8 });
  const before = [session.messages, session.dropped, session.cachedTokens];
  await assertRejects(() => ask(session, "x".repeat(200)), RangeError, "a question of at most");
  assertEquals([session.messages, session.dropped, session.cachedTokens], before);
  await device.close();
});

Deno.test("an answer that is stopped stays, and taking it back forgets it", async () => {
  const { device, model } = await setUp();
  using session = new ChatSession(model, tokenizer);
  await ask(session, "One", { maxTokens: 6 });
  const before = session.messages;
  const stop = new AbortController();
  let pieces = 0;
  for await (const _ of session.answer("Two", { temperature: 0, signal: stop.signal })) {
    if (++pieces === 2) stop.abort();
  }
  assertEquals(session.messages.length, 4);
  const again = await ask(session, "Three", { maxTokens: 6 });
  assertEquals(session.undo(), "Three");
  assertEquals(await ask(session, "Three", { maxTokens: 6 }), again);
  for await (const _ of session.answer("Four", { temperature: 0 })) break;
  assertEquals([session.undo(), session.undo(), session.undo()], ["Four", "Three", "Two"]);
  assertEquals(session.messages, before);
  session.reset("Other.");
  assertEquals([session.messages.length, session.system, session.cachedTokens], [0, "Other.", 0]);
  assertEquals(session.undo(), null);
  await device.close();
});

Deno.test("sessions leave nothing behind on the device", async () => {
  const { device, model } = await setUp();
  const live = device.live;
  for (let i = 0; i < 3; i++) {
    using session = new ChatSession(model, tokenizer);
    await ask(session, "Hi!", { maxTokens: 4 });
    for await (const _ of session.answer("More", { temperature: 0 })) break;
  }
  assertEquals(device.live, live);
  await device.close();
});

Deno.test("a tokenizer without the tokens of conversations is refused", async () => {
  const { device, model } = await setUp();
  const bare = await Tokenizer.train([], { vocabSize: 257, specialTokens: ["<|bos|>"] });
  assertThrows(() => new ChatSession(model, bare), RangeError, "<|user_start|>");
  await device.close();
});

Deno.test("an option that a conversation does not have is refused, not ignored", async () => {
  const { device, model } = await setUp();
  const options: { system?: string } = JSON.parse('{ "sytem": "Be kind." }');
  assertThrows(
    () => new ChatSession(model, tokenizer, options),
    TypeError,
    "wanted options named system, maxTokens, tool, format, got sytem. Did you mean system?",
  );
  using session = new ChatSession(model, tokenizer);
  await assertRejects(
    () => ask(session, { role: "user", content: "hi" } as unknown as string),
    TypeError,
    "Cannot answer: wanted a question as a text, got { role, content }",
  );
  await device.close();
});
