import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { createOpenAICompatible } from "npm:@ai-sdk/openai-compatible@3.0.92";
import { ChatOpenAI } from "npm:@langchain/openai@1.6.0";
import { APICallError, generateText, Output, streamText, tool } from "npm:ai@7.0.173";
import { APIError } from "npm:openai@7.57.0";
import { z } from "npm:zod@4.6.7";
import { withServer } from "../testing/tiny_server.ts";

const question = "How many roses are there?";
const roses = z.object({ roses: z.number() });

/** The server's answer to the question, without any client. */
async function wantedAnswer(post: (path: string, body: unknown) => Promise<Response>) {
  const body = { messages: [{ role: "user", content: question }], temperature: 0, max_tokens: 12 };
  const { choices } = await (await post("/v1/chat/completions", body)).json();
  return choices[0].message.content as string;
}

Deno.test("the AI SDK generates, streams, and is told what the server cannot do", async () => {
  await withServer({}, async ({ url, post }) => {
    const wanted = await wantedAnswer(post);
    const provider = createOpenAICompatible({
      name: "nanodino",
      baseURL: `${url}/v1`,
      supportsStructuredOutputs: true,
    });
    const options = {
      model: provider("tiny"),
      prompt: question,
      maxRetries: 0,
      temperature: 0,
      maxOutputTokens: 12,
    };
    const { text, finishReason, usage } = await generateText(options);
    assertEquals([text, finishReason, usage.outputTokens], [wanted, "length", 12]);
    const penalized = { ...options, frequencyPenalty: 2, presencePenalty: 2, seed: 1 };
    assertNotEquals((await generateText(penalized)).text, wanted);
    let streamed = "";
    for await (const piece of streamText(options).textStream) streamed += piece;
    assertEquals(streamed, wanted);

    const weather = tool({ inputSchema: z.object({ town: z.string() }), execute: () => "rain" });
    const refused = [
      ["tools", () => generateText({ ...options, tools: { weather } })],
      [
        "response_format",
        () => generateText({ ...options, output: Output.object({ schema: roses }) }),
      ],
    ] as const;
    for (const [param, ask] of refused) {
      const error = await assertRejects(ask, APICallError);
      assertEquals(error.statusCode, 400);
      assertEquals(JSON.parse(error.responseBody!).error.param, param);
    }
  });
});

Deno.test("LangChain invokes, streams, and is told what the server cannot do", async () => {
  await withServer({}, async ({ url, post }) => {
    const wanted = await wantedAnswer(post);
    const options = { model: "tiny", apiKey: "none", temperature: 0, maxTokens: 12, maxRetries: 0 };
    const model = new ChatOpenAI({ ...options, configuration: { baseURL: `${url}/v1` } });
    const { content, response_metadata } = await model.invoke(question);
    assertEquals([content, response_metadata["finish_reason"]], [wanted, "length"]);
    let streamed = "";
    for await (const chunk of await model.stream(question)) streamed += chunk.content;
    assertEquals(streamed, wanted);

    const weather = { name: "weather", schema: z.object({ town: z.string() }) };
    const refused = [
      ["tools", () => model.bindTools([weather]).invoke(question)],
      [
        "tools",
        () => model.withStructuredOutput(roses, { method: "functionCalling" }).invoke(question),
      ],
      ["response_format", () => model.withStructuredOutput(roses).invoke(question)],
    ] as const;
    for (const [param, ask] of refused) {
      const error = await assertRejects(ask, APIError);
      assertEquals([error.status, error.param], [400, param]);
    }
  });
});
