import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Conversation,
  renderConversation,
  renderForCompletion,
  visualizeTokenization,
} from "./conversation.ts";
import { Tokenizer } from "./tokenizer.ts";

const tokenizer = await Tokenizer.train(["hello world, hello there. 1+1 is 2"], { vocabSize: 290 });

/** Token names and text, with brackets around the tokens to train on. */
function show({ ids, mask }: { ids: number[]; mask: number[] }): string {
  assertEquals(ids.length, mask.length);
  let shown = "";
  for (const [i, id] of ids.entries()) {
    const text = tokenizer.decode([id]);
    shown += mask[i] === 1 ? `[${text}]` : text;
  }
  return shown.replaceAll("][", "");
}

const chat: Conversation = {
  messages: [
    { role: "user", content: "hi" },
    { role: "assistant", content: "hello!" },
    { role: "user", content: "bye" },
    { role: "assistant", content: "later" },
  ],
};

Deno.test("the loss mask covers the assistant's text and the end of its turn, nothing else", () => {
  assertEquals(
    show(renderConversation(tokenizer, chat)),
    "<|bos|><|user_start|>hi<|user_end|><|assistant_start|>[hello!<|assistant_end|>]" +
      "<|user_start|>bye<|user_end|><|assistant_start|>[later<|assistant_end|>]",
  );
});

Deno.test("the loss mask covers the assistant's Python calls, not their output", () => {
  const rendered = renderConversation(tokenizer, {
    messages: [
      { role: "user", content: "add" },
      {
        role: "assistant",
        content: [
          { type: "text", text: "sure" },
          { type: "python", text: "1+1" },
          { type: "python_output", text: "2" },
          { type: "text", text: "it is 2" },
        ],
      },
    ],
  });
  assertEquals(
    show(rendered),
    "<|bos|><|user_start|>add<|user_end|><|assistant_start|>[sure<|python_start|>1+1<|python_end|>]" +
      "<|output_start|>2<|output_end|>[it is 2<|assistant_end|>]",
  );
});

Deno.test("a system message comes before the first user message, which stays as it was", () => {
  const messages: Conversation["messages"] = [
    { role: "system", content: "be kind" },
    { role: "user", content: "hi" },
    { role: "assistant", content: "yo" },
  ];
  const copy = structuredClone(messages);
  assertEquals(
    show(renderConversation(tokenizer, { messages })),
    "<|bos|><|user_start|>be kind\n\nhi<|user_end|><|assistant_start|>[yo<|assistant_end|>]",
  );
  assertEquals(messages, copy);
});

Deno.test("text that looks like a special token is not encoded as one", () => {
  const { ids } = renderConversation(tokenizer, {
    messages: [{ role: "user", content: "<|assistant_start|>" }],
  });
  assertEquals(ids.filter((id) => id === tokenizer.special("<|assistant_start|>")), []);
});

Deno.test("a long conversation is truncated", () => {
  const long: Conversation = {
    messages: [{ role: "user", content: "hello ".repeat(3000) }],
  };
  const whole = renderConversation(tokenizer, long, { maxTokens: Infinity });
  const cut = renderConversation(tokenizer, long);
  assertEquals(cut.ids, whole.ids.slice(0, 2048));
  assertEquals(cut.mask.length, 2048);
  assertEquals(renderConversation(tokenizer, long, { maxTokens: 32 }).ids.length, 32);
});

Deno.test("a length that is no whole number from 0 up is refused by its name", () => {
  for (const maxTokens of [-1, NaN, 1.5]) {
    assertThrows(
      () => renderConversation(tokenizer, chat, { maxTokens }),
      RangeError,
      `wanted maxTokens as a whole number or Infinity, got ${maxTokens}`,
    );
  }
});

Deno.test("an unknown option is refused by its name", () => {
  const options: object = { max_tokens: 8 };
  for (const render of [renderConversation, renderForCompletion]) {
    assertThrows(
      () => render(tokenizer, chat, options),
      TypeError,
      'Cannot render the conversation: wanted options named maxTokens, got "max_tokens"',
    );
  }
});

Deno.test("a completion prompt ends where the assistant's last turn would begin", () => {
  assertEquals(
    tokenizer.decode(renderForCompletion(tokenizer, chat)),
    "<|bos|><|user_start|>hi<|user_end|><|assistant_start|>hello!<|assistant_end|>" +
      "<|user_start|>bye<|user_end|><|assistant_start|>",
  );
});

Deno.test("colors show the loss mask", () => {
  assertEquals(
    visualizeTokenization(tokenizer, { ids: [104, 105], mask: [0, 1] }),
    "\x1b[91mh\x1b[0m|\x1b[92mi\x1b[0m",
  );
});

Deno.test("a malformed conversation is an error of one line that says what is wrong", () => {
  const user = { role: "user", content: "hi" };
  const assistant = (content: unknown): unknown => ({ role: "assistant", content });
  const cases: [unknown, ErrorConstructor, string][] = [
    [undefined, TypeError, "wanted a list of messages, got undefined"],
    [{}, TypeError, "wanted a list of messages, got undefined"],
    [{ messages: "hi" }, TypeError, "got string"],
    [{ messages: [] }, RangeError, "at least one message"],
    [{ messages: [null] }, TypeError, "message 0, got null"],
    [
      { messages: [assistant("yo")] },
      RangeError,
      'wanted turn 0 from the user, got one from "assis',
    ],
    [{ messages: [user, user] }, RangeError, "wanted turn 1 from the assistant"],
    [{ messages: [{ role: "system", content: "x" }] }, RangeError, "got none"],
    [{ messages: [{ role: "system", content: "x" }, assistant("yo")] }, RangeError, '"assistant"'],
    [{ messages: [{ role: "system" }, user] }, TypeError, "content of the system message"],
    [{ messages: [{ role: "user", content: [] }] }, TypeError, "got a list"],
    [{ messages: [user, assistant(5)] }, TypeError, "got number"],
    [{ messages: [user, assistant([null])] }, TypeError, "a string in part 0"],
    [{ messages: [user, assistant([{ type: "text" }])] }, TypeError, "got undefined"],
    [{ messages: [user, assistant([{ type: "image", text: "" }])] }, RangeError, 'got "image"'],
  ];
  for (const [conversation, kind, message] of cases) {
    const error = assertThrows(
      () => renderConversation(tokenizer, conversation as Conversation),
      kind,
      message,
    );
    assert(!error.message.includes("\n"));
  }
  assertThrows(
    () => renderForCompletion(tokenizer, { messages: chat.messages.slice(0, 3) }),
    RangeError,
    'last turn from the assistant, got one from "user"',
  );
  assertThrows(() => renderForCompletion(tokenizer, { messages: [] }), RangeError, "no turns");
});
