import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import OpenAI, { APIError } from "npm:openai@7.57.0";
import { zodResponseFormat } from "npm:openai@7.57.0/helpers/zod";
import { z } from "npm:zod@4.6.7";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { withServer } from "../testing/tiny_server.ts";
import { ApiError } from "./errors.ts";
import { readCompletionRequest } from "./requests.ts";

/** Runs a test with OpenAI's own client against the server. */
function clientTest(
  name: string,
  body: (client: OpenAI, server: Parameters<Parameters<typeof withServer>[1]>[0]) => Promise<void>,
  options: Parameters<typeof withServer>[0] = {},
): void {
  Deno.test(`OpenAI's client: ${name}`, () =>
    withServer(options, async (server) => {
      const apiKey = options.apiKey ?? "none";
      const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
      await body(client, server);
    }));
}

const model = "tiny";
const messages = [{ role: "user" as const, content: "How many roses are there?" }];
const greedy = { model, messages, temperature: 0, max_tokens: 12 };

clientTest("the model is listed and found by its name", async (client) => {
  const models = await Array.fromAsync(client.models.list());
  assertEquals(models.map(({ id, object }) => [id, object]), [["tiny", "model"]]);
  assertEquals((await client.models.retrieve("tiny")).owned_by, "nanodino");
  const error = await assertRejects(() => client.models.retrieve("large"), APIError);
  assertEquals([error.status, error.code], [404, "model_not_found"]);
});

clientTest("an answer is the same at once and as a stream", async (client) => {
  const whole = await client.chat.completions.create(greedy);
  const [choice] = whole.choices;
  assertEquals(choice!.message.role, "assistant");
  assertEquals(choice!.finish_reason, "length");
  assertEquals(whole.usage!.completion_tokens, 12);
  assertEquals(
    whole.usage!.total_tokens,
    whole.usage!.prompt_tokens + whole.usage!.completion_tokens,
  );
  const stream = await client.chat.completions.create({ ...greedy, stream: true });
  let text = "";
  const reasons: (string | null)[] = [];
  for await (const { id, choices: [delta], usage } of stream) {
    assert(id.startsWith("chatcmpl-"));
    assertEquals(usage, undefined);
    text += delta!.delta.content ?? "";
    reasons.push(delta!.finish_reason);
  }
  assertEquals(text, choice!.message.content);
  assertEquals(reasons.at(-1), "length");
  assertEquals(reasons.slice(0, -1).every((reason) => reason === null), true);
});

clientTest("a stream ends with the usage if that was asked for", async (client) => {
  const stream = await client.chat.completions.create({
    ...greedy,
    stream: true,
    n: 2,
    stream_options: { include_usage: true },
  });
  const chunks = await Array.fromAsync(stream);
  assertEquals(chunks.at(-1)!.choices, []);
  assertEquals(chunks.at(-1)!.usage!.completion_tokens, 24);
  assertEquals(chunks.slice(0, -1).every(({ usage }) => usage === null), true);
  // The second time, all of the prompt but its last token is known.
  const { usage } = await client.chat.completions.create(greedy);
  assertEquals(usage!.prompt_tokens_details!.cached_tokens, usage!.prompt_tokens - 1);
});

clientTest("a seed gives the same samples, and another one others", async (client) => {
  const ask = async (seed: number) => {
    const options = { ...greedy, temperature: 1, top_p: 0.95, n: 3, seed };
    const { choices } = await client.chat.completions.create(options);
    assertEquals(choices.map(({ index }) => index), [0, 1, 2]);
    return choices.map(({ message }) => message.content);
  };
  const first = await ask(1);
  assertEquals(await ask(1), first);
  assertEquals(new Set([...first, ...await ask(2)]).size, 6);
});

clientTest("penalties keep a text from saying the same again", async (client) => {
  const options = { model, prompt: "a", temperature: 0, max_tokens: 60, logprobs: 0 };
  const repeated = async (penalties: object) => {
    const { choices: [choice] } = await client.completions.create({ ...options, ...penalties });
    const tokens = choice!.logprobs!.tokens!;
    assertEquals(tokens.length, 60);
    return tokens.length - new Set(tokens).size;
  };
  const without = await repeated({});
  assertEquals(await repeated({ frequency_penalty: 0, presence_penalty: 0 }), without);
  assert(await repeated({ presence_penalty: 2 }) < without, `${without}`);
  assert(await repeated({ frequency_penalty: 2 }) < without, `${without}`);
  assert(await repeated({ frequency_penalty: -2 }) > without, `${without}`);
});

clientTest("a stop ends the text before it, also across tokens", async (client) => {
  const { choices: [whole] } = await client.completions.create({
    model,
    prompt: "a rose",
    temperature: 0,
    max_tokens: 20,
  });
  assertEquals(whole!.finish_reason, "length");
  for (const [from, to] of [[2, 3], [3, 9], [0, 2]] as const) {
    const stop = whole!.text.slice(from, to);
    const wanted = whole!.text.slice(0, whole!.text.indexOf(stop));
    for (const stream of [true, false]) {
      const options = {
        model,
        prompt: "a rose",
        temperature: 0,
        max_tokens: 20,
        stop: [stop, "\0"],
      };
      if (!stream) {
        const { choices: [got] } = await client.completions.create(options);
        assertEquals([got!.text, got!.finish_reason], [wanted, "stop"]);
        continue;
      }
      const chunks = await Array.fromAsync(
        await client.completions.create({ ...options, stream: true }),
      );
      const texts = chunks.map(({ choices: [choice] }) => choice!.text);
      assertEquals(texts.join(""), wanted);
      assertEquals(chunks.at(-1)!.choices[0]!.finish_reason, "stop");
    }
  }
});

clientTest("probabilities stand beside the tokens", async (client) => {
  const { choices: [choice] } = await client.chat.completions.create({
    ...greedy,
    logprobs: true,
    top_logprobs: 3,
  });
  const tokens = choice!.logprobs!.content!;
  assert(tokens.length > 0 && tokens.length <= 12);
  for (const { token, logprob, bytes, top_logprobs } of tokens) {
    assertEquals(top_logprobs.length, 3);
    assertEquals([top_logprobs[0]!.token, top_logprobs[0]!.logprob], [token, logprob]);
    assertEquals(new TextDecoder().decode(Uint8Array.from(bytes!)), token);
    assert(Math.exp(logprob) > 0 && Math.exp(logprob) <= 1);
  }
  const all = { model, prompt: "a", max_tokens: 1, logprobs: 5, temperature: 0 };
  const { choices: [text] } = await client.completions.create(all);
  assertEquals(Object.keys(text!.logprobs!.top_logprobs![0]!).length, 5);
  const stream = await client.chat.completions.create({ ...greedy, logprobs: true, stream: true });
  const streamed: number[] = [];
  for await (const { choices: [delta] } of stream) {
    streamed.push(...delta!.logprobs?.content?.map(({ logprob }) => logprob) ?? []);
  }
  tokens.slice(0, streamed.length).forEach(({ logprob }, i) =>
    assertAlmostEquals(streamed[i]!, logprob, 1e-4)
  );
  assert(streamed.length > 0);
});

clientTest("completions take texts, ids and lists of them", async (client, { tokenizer }) => {
  const options = { model, temperature: 0, max_tokens: 5 };
  const one = await client.completions.create({ ...options, prompt: "a rose" });
  const ids = tokenizer.encode("a rose");
  const same = await client.completions.create({ ...options, prompt: ids });
  assertEquals(same.choices[0]!.text, one.choices[0]!.text);
  const both = await client.completions.create({
    ...options,
    prompt: ["you have", "a rose"],
    n: 2,
  });
  assertEquals(both.choices.map(({ index }) => index), [0, 1, 2, 3]);
  assertEquals(both.choices[3]!.text, one.choices[0]!.text);
  const echo = await client.completions.create({ ...options, prompt: "a rose", echo: true });
  assertEquals(echo.choices[0]!.text, `a rose${one.choices[0]!.text}`);
  const none = await client.completions.create({ ...options, prompt: "a rose", max_tokens: 0 });
  assertEquals([none.choices[0]!.text, none.choices[0]!.finish_reason], ["", "length"]);
});

clientTest("conversations may have a system turn, and answers in parts", async (client) => {
  const { choices: [choice] } = await client.chat.completions.create({
    ...greedy,
    messages: [
      { role: "developer", content: "Be brief." },
      {
        role: "user",
        content: [{ type: "text", text: "Six times" }, { type: "text", text: " 7?" }],
      },
      // The parts are no part of OpenAI's types.
      {
        role: "assistant",
        content: [{ type: "python", text: "6*7" }, { type: "python_output", text: "42" }] as never,
      },
      { role: "user", content: "Thanks" },
      { role: "user", content: "a lot" },
    ],
  });
  assertEquals(typeof choice!.message.content, "string");
});

const wrong: [body: Record<string, unknown>, status: number, param: string][] = [
  [{ messages: [] }, 400, "messages"],
  [{ messages: [{ role: "user" }] }, 400, "messages[0].content"],
  [{ messages: [{ role: "tool", content: "4" }] }, 400, "messages[0].role"],
  [{ messages: [...messages, { role: "assistant", content: "2" }] }, 400, "messages[1].role"],
  [{ messages: [{ role: "user", content: "a".repeat(9000) }] }, 400, "messages"],
  [{ messages: [{ role: "user", content: "a ".repeat(500) }] }, 400, "messages"],
  [{ model: "gpt-9" }, 404, "model"],
  [{ model: 7 }, 400, "model"],
  [{ temperature: -1 }, 400, "temperature"],
  [{ temperature: "hot" }, 400, "temperature"],
  [{ top_p: 1.5 }, 400, "top_p"],
  [{ top_k: 1e300 }, 400, "top_k"],
  [{ frequency_penalty: 9 }, 400, "frequency_penalty"],
  [{ presence_penalty: -2.5 }, 400, "presence_penalty"],
  [{ max_tokens: -5 }, 400, "max_tokens"],
  [{ max_completion_tokens: 1.5 }, 400, "max_completion_tokens"],
  [{ seed: 0.5 }, 400, "seed"],
  [{ n: 0 }, 400, "n"],
  [{ n: 1000 }, 400, "n"],
  [{ stop: ["a", 1] }, 400, "stop"],
  [{ stop: [""] }, 400, "stop"],
  [{ stream: "yes" }, 400, "stream"],
  [{ stream: true, stream_options: 1 }, 400, "stream_options"],
  [{ logprobs: 3 }, 400, "logprobs"],
  [{ top_logprobs: 3 }, 400, "top_logprobs"],
  [{ logprobs: true, top_logprobs: 21 }, 400, "top_logprobs"],
];

clientTest("a wrong value is refused by the name of its field", async (client) => {
  for (const [body, status, param] of wrong) {
    const error = await assertRejects(
      () => client.chat.completions.create({ ...greedy, ...body } as never),
      APIError,
      undefined,
      JSON.stringify(body),
    );
    assertEquals([error.status, error.param], [status, param], JSON.stringify(body));
    assert(error.message.includes("wanted"), error.message);
  }
});

const schema = { name: "answer", schema: { type: "object" } };
const tool = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

/** Fields of a chat request that are not supported. */
const unsupported: Record<string, readonly unknown[]> = {
  tools: [[tool]],
  tool_choice: ["auto", "required", { type: "function", function: { name: "weather" } }],
  functions: [[tool.function]],
  function_call: ["auto", { name: "weather" }],
  response_format: [{ type: "json_object" }, { type: "json_schema", json_schema: schema }],
  logit_bias: [{ 7: -100 }],
  modalities: [["text", "audio"]],
  audio: [{ voice: "ash", format: "wav" }],
  web_search_options: [{}],
  reasoning_effort: ["high"],
  verbosity: ["low"],
};

clientTest("what would change the answer and is not built is refused by name", async (client) => {
  const refused = async (param: string, value: unknown) => {
    const body = { ...greedy, [param]: value } as never;
    const error = await assertRejects(() => client.chat.completions.create(body), APIError);
    assertEquals([error.status, error.param, error.code], [400, param, "unsupported_parameter"]);
    assert(error.message.includes("wanted"), error.message);
  };
  for (const [param, values] of Object.entries(unsupported)) {
    for (const value of values) await refused(param, value);
  }
  const text = { model, prompt: "a", max_tokens: 1 };
  for (const [param, value] of [["best_of", 3], ["suffix", "."], ["logit_bias", { 1: 5 }]]) {
    const body = { ...text, [param as string]: value } as never;
    const error = await assertRejects(() => client.completions.create(body), APIError);
    assertEquals([error.status, error.param], [400, param]);
  }
  const calls = [{ id: "1", type: "function", function: { name: "weather", arguments: "{}" } }];
  const asked = [...messages, { role: "assistant", content: "", tool_calls: calls }, ...messages];
  const body = { ...greedy, messages: asked } as never;
  const error = await assertRejects(() => client.chat.completions.create(body), APIError);
  assertEquals([error.status, error.param], [400, "messages[1].tool_calls"]);
});

clientTest("a field that nobody knows is refused as OpenAI does", async (client) => {
  const bodies: [body: Record<string, unknown>, param: string][] = [
    [{ unknown: [1] }, "unknown"],
    [{ min_p: 0.1 }, "min_p"],
    [{ constructor: 1 }, "constructor"],
    [{ stream: true, stream_options: { usage: true } }, "stream_options.usage"],
    [{ messages: [{ ...messages[0], cache: true }] }, "messages[0].cache"],
  ];
  for (const [body, param] of bodies) {
    const options = { ...greedy, ...body } as never;
    const error = await assertRejects(() => client.chat.completions.create(options), APIError);
    assertEquals([error.status, error.param, error.code], [400, param, "unknown_parameter"]);
    assert(error.message.includes(`Unknown parameter: '${param}'.`), error.message);
  }
});

clientTest(
  "what changes nothing is ignored, and so is a field that asks for nothing",
  async (client) => {
    const { choices: [wanted] } = await client.chat.completions.create(greedy);
    const { choices: [same] } = await client.chat.completions.create({
      ...greedy,
      user: "ada",
      store: true,
      metadata: { chat: "1" },
      service_tier: "auto",
      safety_identifier: "ada",
      prompt_cache_key: "ada",
      parallel_tool_calls: false,
      tools: [],
      tool_choice: "none",
      logit_bias: {},
      response_format: { type: "text" },
      modalities: ["text"],
      audio: null,
      reasoning_effort: null,
      verbosity: "medium",
    });
    assertEquals(same!.message.content, wanted!.message.content);
    const text = { model, prompt: "a", max_tokens: 1, n: 2, best_of: 2, suffix: null, user: "ada" };
    assertEquals((await client.completions.create(text)).choices.length, 2);
  },
);

clientTest(
  "the newer name of the limit of tokens goes first, unless it is null",
  async (client) => {
    for (const [max_completion_tokens, wanted] of [[3, 3], [null, 12]] as const) {
      const { usage } = await client.chat.completions.create({ ...greedy, max_completion_tokens });
      assertEquals(usage!.completion_tokens, wanted);
    }
  },
);

clientTest("an answer may be sent back as it came", async (client) => {
  const { choices: [answer] } = await client.chat.completions.create(greedy);
  const all = [...messages, answer!.message, ...messages];
  const { choices } = await client.chat.completions.create({ ...greedy, messages: all });
  assertEquals(choices.length, 1);
});

clientTest(
  "parsing into a schema is refused by the server, and not by the parser",
  async (client) => {
    const response_format = zodResponseFormat(z.object({ roses: z.number() }), "answer");
    const error = await assertRejects(
      () => client.chat.completions.parse({ ...greedy, response_format }),
      APIError,
    );
    assertEquals([error.status, error.param], [400, "response_format"]);
    const { choices: [whole] } = await client.chat.completions.create(greedy);
    const stop = whole!.message.content!.slice(3, 5);
    // An answer that was cut is an error of the parser's.
    const { choices: [choice] } = await client.chat.completions.parse({ ...greedy, stop });
    assertEquals([choice!.finish_reason, choice!.message.parsed], ["stop", null]);
  },
);

clientTest("the key is asked for", async (client, { url }) => {
  assertEquals((await Array.fromAsync(client.models.list())).length, 1);
  for (const apiKey of ["secre", "secret1", "other"]) {
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
    const error = await assertRejects(() => stranger.chat.completions.create(greedy), APIError);
    assertEquals([error.status, error.code], [401, "invalid_api_key"]);
  }
}, { apiKey: "secret" });

clientTest("a full queue is told with the time to wait", async (client) => {
  const long = { model, prompt: "a", max_tokens: 2400, temperature: 0 };
  const leaving = new AbortController();
  const all = Array.from(
    { length: 6 },
    () =>
      client.completions.create(long, { signal: leaving.signal })
        .then(() => null, (error: APIError) => error),
  );
  // Those that are refused hear so long before the first answer.
  await Promise.race(all);
  leaving.abort();
  const refused = (await Promise.all(all)).filter((error) => error?.status !== undefined);
  assert(refused.length > 0 && refused.length < 6, `${refused.length}`);
  for (const error of refused) {
    assertEquals([error?.status, error?.headers?.get("retry-after")], [429, "1"]);
  }
}, { maxSequences: 1, maxQueue: 2, context: 2500 });

clientTest("a request may have more prompts than the batch has places", async (client) => {
  const ask = (prompts: number) =>
    client.completions.create({ model, prompt: Array(prompts).fill("a"), max_tokens: 2, n: 1 });
  assertEquals((await ask(3)).choices.length, 3);
  // A request that never fits is wrong, however long one waits.
  const { status, message } = await assertRejects(() => ask(4), APIError);
  assertEquals(status, 400);
  assertMatch(message, /wanted at most 3 prompts, got 4/);
}, { maxSequences: 2, maxQueue: 1 });

clientTest("a stream that is left frees its place", async (client, { url }) => {
  const long = { model, prompt: "a", max_tokens: 2400, temperature: 0 };
  for (let i = 0; i < 3; i++) {
    const stream = await client.completions.create({ ...long, stream: true });
    for await (const _ of stream) break;
  }
  const controller = new AbortController();
  const request = client.completions.create(long, { signal: controller.signal });
  const states = async (): Promise<{ running: number; waiting: number }> =>
    await (await fetch(`${url}/health`)).json();
  while ((await states()).running === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort();
  await assertRejects(() => request);
  const { choices } = await client.completions.create({ ...long, max_tokens: 2 });
  assertEquals(choices.length, 1);
  const { running, waiting } = await states();
  assertEquals([running, waiting], [0, 0]);
}, { maxSequences: 1, maxQueue: 1, context: 2500 });

/** A model as requests are read for it, without its tokenizer. */
const limits = {
  name: "tiny",
  format: null,
  context: 16,
  maxChoices: 4,
  maxPrompts: 8,
  longestToken: 1,
};

Deno.test("an empty prompt is the client's mistake where no token begins a text", async () => {
  const { vocabulary } = await Tokenizer.train([], { vocabSize: 265 });
  for (const documentStart of [null, 256]) {
    const tokenizer = new Tokenizer({ ...vocabulary, documentStart });
    const read = (prompt: unknown) => readCompletionRequest({ prompt }, { ...limits, tokenizer });
    for (const prompt of ["", [], [[]], ["a", ""]]) {
      if (documentStart !== null) assertEquals(read(prompt).prompts.at(-1), [documentStart]);
      else {assertThrows(
          () => read(prompt),
          ApiError,
          "Cannot use prompt: wanted at least one token",
        );}
    }
  }
});

Deno.test("an id that is none, and a prompt that is missing, are named", async () => {
  const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
  const { vocabulary } = tokenizer;
  const noStart = new Tokenizer({ ...vocabulary, documentStart: null });
  for (
    const [prompt, message] of [
      [[1, 265], "Cannot use prompt[1]: wanted an id from 0 to 264, got 265"],
      [[["a"]], 'Cannot use prompt[0][0]: wanted an id from 0 to 264, got "a"'],
      [[[1], [2, -1]], "Cannot use prompt[1][1]: wanted an id from 0 to 264, got -1"],
      [{}, "got an object"],
      [undefined, "got nothing"],
    ] as const
  ) {
    const model = { ...limits, tokenizer: noStart };
    assertThrows(() => readCompletionRequest({ prompt }, model), ApiError, message);
  }
});

Deno.test("a prompt is echoed, and its end is kept, with and without a token that begins texts", async () => {
  const { vocabulary } = await Tokenizer.train([], { vocabSize: 265 });
  for (const documentStart of [null, 256]) {
    const tokenizer = new Tokenizer({ ...vocabulary, documentStart });
    const model = { ...limits, longestToken: 2, tokenizer };
    const start = documentStart === null ? [] : [documentStart];
    for (
      const prompt of ["hello", tokenizer.encode("hello"), [...start, ...tokenizer.encode("hello")]]
    ) {
      const read = readCompletionRequest({ prompt, echo: true }, model);
      assertEquals([read.echo, read.prompts], [["hello"], [[
        ...start,
        ...tokenizer.encode("hello"),
      ]]]);
    }
    const long = { prompt: "abcdefghijklmnopqrst", max_tokens: 4, truncation: "auto" };
    const [ids] = readCompletionRequest(long, model).prompts;
    const end = tokenizer.encode(long.prompt).slice(start.length - 12);
    assertEquals(ids, [...start, ...end]);
  }
});

Deno.test("a prompt that the split pattern of the model takes too long for is refused", async () => {
  const { vocabulary } = await Tokenizer.train([], { vocabSize: 265 });
  const tokenizer = new Tokenizer({ ...vocabulary, pattern: String.raw`(\w+\s?)+$` });
  const model = { ...limits, context: 64, tokenizer };
  const read = (prompt: string) => readCompletionRequest({ prompt }, model);
  assertEquals(read("a".repeat(28)).echo, [""]);
  const refused = assertThrows(() => read(`${"a".repeat(28)}!`), ApiError, "200 steps per char");
  assertEquals(refused.status, 400);
});
