/** Chats that are longer than the model's context: what is left out, and answers that go on. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { promptRoom } from "../../chat/internals.ts";
import { type ChatFormat, nanochatFormat } from "../../chat/mod.ts";
import type { Message } from "../../tokenizer/mod.ts";
import { openTinyModel, withServer } from "../testing/tiny_server.ts";
import { ApiError } from "./errors.ts";
import { readChatRequest } from "./requests.ts";

const greedy = { temperature: 0, max_tokens: 40 };
const context = 200;

/** Exchanges of a chat, and a question. */
function longChat(exchanges: number): { role: string; content: string }[] {
  const before = Array.from({ length: exchanges }, (_, i) => [
    { role: "user", content: `How many roses are there? ${i}` },
    { role: "assistant", content: "There are two roses." },
  ]);
  return [...before.flat(), { role: "user", content: "And now?" }];
}

Deno.test("a chat that is too long keeps its newest exchanges and room for an answer, in one request", () =>
  withServer({ context }, async ({ post }) => {
    const messages = longChat(40);
    const refused = await post("/v1/chat/completions", { ...greedy, messages });
    assertEquals(refused.status, 400);
    assertEquals((await refused.json()).error.code, "context_length_exceeded");

    const body = { ...greedy, messages, truncation: "auto" };
    const answer = await (await post("/v1/chat/completions", body)).json();
    const { truncated_messages, usage, choices: [choice] } = answer;
    assert(truncated_messages > 0 && truncated_messages % 2 === 0, `${truncated_messages}`);
    assert(usage.prompt_tokens <= promptRoom(context, greedy.max_tokens), usage.prompt_tokens);
    // One exchange more would not have fit.
    const more = messages.slice(truncated_messages - 2);
    const probe = await (await post("/v1/chat/completions", {
      messages: more,
      max_tokens: 1,
      temperature: 0,
    })).json();
    const longer = probe.usage?.prompt_tokens ?? Infinity;
    assert(longer > promptRoom(context, greedy.max_tokens), `${longer}`);
    assertEquals([choice.finish_reason, usage.completion_tokens], ["length", 40]);

    // The messages that were left out make no difference.
    const rest = { ...greedy, messages: messages.slice(truncated_messages) };
    const same = await (await post("/v1/chat/completions", rest)).json();
    assertEquals(same.choices[0].message.content, choice.message.content);
    assertEquals("truncated_messages" in same, false);

    // The system's turn stays.
    const system = { role: "system", content: "Count roses." };
    const with_ = await (await post("/v1/chat/completions", {
      ...body,
      messages: [system, ...messages],
    })).json();
    assert(with_.truncated_messages >= truncated_messages, `${with_.truncated_messages}`);

    const stream = await (await post("/v1/chat/completions", { ...body, stream: true })).text();
    assertMatch(stream.split("\n\n")[0]!, new RegExp(`"truncated_messages":${truncated_messages}`));

    const alone = [{ role: "user", content: "rose ".repeat(170) }];
    const tooLong = await post("/v1/chat/completions", { ...body, messages: alone });
    assertEquals((await tooLong.json()).error.code, "context_length_exceeded");
    const wrong = await post("/v1/chat/completions", { ...body, truncation: "some" });
    assertEquals((await wrong.json()).error.param, "truncation");
  }));

Deno.test("a chat that cannot fit is refused before it is rendered, and cut before if it may be", async () => {
  const { tokenizer, device } = await openTinyModel();
  const rendered: (readonly Message[])[] = [];
  const format: ChatFormat = {
    ...nanochatFormat(tokenizer),
    renderPrompt: (messages) => {
      rendered.push(messages);
      return nanochatFormat(tokenizer).renderPrompt(messages);
    },
  };
  const model = {
    name: "tiny",
    tokenizer,
    format,
    context,
    maxChoices: 4,
    maxPrompts: 8,
    longestToken: 10,
  };
  // Each message could fit.
  const messages = longChat(200);
  const read = (more: object = {}) => readChatRequest({ ...greedy, messages, ...more }, model);
  const { error } = (await assertRejects(() => read(), ApiError)).toJSON();
  assertEquals([error["param"], error["code"]], ["messages", "context_length_exceeded"]);
  assertEquals(rendered.length, 0);
  const { truncatedMessages, prompts } = await read({ truncation: "auto" });
  assert(truncatedMessages! > 0 && prompts[0]!.length <= promptRoom(context, greedy.max_tokens));
  for (const turns of rendered) {
    const characters = turns.reduce((sum, { content }) => sum + content.length, 0);
    assert(characters <= context * model.longestToken, `${characters}`);
  }
  await device.close();
});

Deno.test("what is left out of a chat or a text may be longer than anything that fits", () =>
  withServer({ context }, async ({ post, tokenizer }) => {
    const auto = { ...greedy, truncation: "auto" };
    const question = { role: "user", content: "And now?" };
    const before = [{ role: "user", content: "x ".repeat(4000) }, {
      role: "assistant",
      content: "ok",
    }];
    const ask = async (messages: object[]) =>
      await (await post("/v1/chat/completions", { ...auto, messages })).json();
    const cut = await ask([...before, question]);
    assertEquals(cut.truncated_messages, 2);
    assertEquals(cut.choices[0].message, (await ask([question])).choices[0].message);
    assertEquals((await ask([before[0]!])).error.code, "context_length_exceeded");

    const prompt = "Once upon a time, ".repeat(1000);
    for (const max_tokens of [0, 40]) {
      const text = await (await post("/v1/completions", { ...auto, prompt, max_tokens })).json();
      assertEquals(text.usage.prompt_tokens, context - Math.max(1, max_tokens));
      const ids = [tokenizer.bos, ...tokenizer.encode(prompt).slice(1 - text.usage.prompt_tokens)];
      const same = await (await post("/v1/completions", { ...auto, prompt: ids, max_tokens }))
        .json();
      assertEquals(same.choices, text.choices);
    }
  }));

Deno.test("an answer goes on behind its last token, for chats and texts", () =>
  withServer({ context }, async ({ post, tokenizer }) => {
    const question = { role: "user", content: "How many roses?" };
    const ask = async (messages: unknown[], more: object = {}) => {
      const body = { ...greedy, messages, ...more };
      return await (await post("/v1/chat/completions", body)).json();
    };
    const whole = await ask([question]);
    const go = { continue_final_message: true };
    const empty = await ask([question, { role: "assistant", content: "" }], go);
    assertEquals(empty.choices[0].message.content, whole.choices[0].message.content);
    const begun = "There are two";
    const rest = await ask([question, { role: "assistant", content: begun }], go);
    const added = rest.usage.prompt_tokens - whole.usage.prompt_tokens;
    assertEquals(added, tokenizer.encode(begun).length);

    const wrong = await post("/v1/chat/completions", {
      messages: [question],
      continue_final_message: true,
    });
    assertMatch((await wrong.json()).error.message, /wanted the assistant's turn last, got "user"/);

    const prompt = "a rose ".repeat(120);
    const text = { temperature: 0, prompt, max_tokens: 60 };
    assertEquals((await post("/v1/completions", text)).status, 400);
    const cut = await (await post("/v1/completions", { ...text, truncation: "auto" })).json();
    assertEquals(cut.usage.prompt_tokens, promptRoom(context, 60));
    assertEquals(cut.usage.completion_tokens, 50);
  }));

Deno.test("the list of models has the card of the model", () => {
  const card = {
    stage: "sft",
    origin: "step 3 of 5",
    examples: ["Hi!"],
    layers: 2,
    parameters: 12_345,
  };
  return withServer({ ...card, assistantName: "Rex" }, async ({ url, tokenizer }) => {
    const { data: [model] } = await (await fetch(`${url}/v1/models`)).json();
    const { stage, origin, examples, layers, parameters, vocabulary } = model;
    assertEquals({ stage, origin, examples, layers, parameters }, card);
    assertEquals(model.assistant_name, "Rex");
    assertEquals(vocabulary, tokenizer.vocabSize);
  });
});
