/** Chats that are longer than the model's context: what is left out, and answers that go on. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { promptRoom } from "../../chat/internals.ts";
import { withServer } from "../testing/tiny_server.ts";

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
