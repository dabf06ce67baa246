import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ownConversations, parseConversations } from "./own_conversations.ts";

const user = '{"role": "user", "content": "Hi"}';
const assistant = '{"role": "assistant", "content": "Hello"}';
const system = '{"role": "system", "content": "Be kind"}';

Deno.test("lists of turns and objects with messages are conversations", () => {
  const parts = '{"role": "assistant", "content": [{"type": "python", "text": "1+1"}]}';
  const text = [
    `[${user}, ${assistant}]`,
    "",
    `{"messages": [${system}, ${user}, ${parts}, ${user}, ${assistant}]}`,
  ].join("\r\n");
  const conversations = parseConversations(text, "a.jsonl");
  assertEquals(conversations.map(({ messages }) => messages.map(({ role }) => role)), [
    ["user", "assistant"],
    ["system", "user", "assistant", "user", "assistant"],
  ]);
  assertEquals(conversations[1]!.messages[2]!.content, [{ type: "python", text: "1+1" }]);
});

Deno.test("faults of a line are named with its file and number", () => {
  const cases = [
    ["{", "Cannot read a.jsonl, line 2: "],
    ["3", "wanted a list of turns, or an object with messages"],
    ["[]", "wanted a turn of the user and one of the assistant, got 0"],
    [`[${user}]`, "wanted a turn of the user and one of the assistant, got 1"],
    [`[${assistant}, ${user}]`, "wanted turn 1 from the user, got one from the assistant"],
    [`[${system}, ${assistant}]`, "wanted turn 2 from the user, got one from the assistant"],
    [`[${user}, ${user}]`, "wanted turn 2 from the assistant, got one from the user"],
    [`[${user}, {"role": "assistant", "content": " "}]`, "wanted content in turn 2, got none"],
    [`[${user}, {"role": "assistant", "content": []}]`, "a string as content of turn 2, got []"],
    [`[${user}, {"role": "bot", "content": "x"}]`, 'in turn 2, got "bot"'],
    [
      `[${user}, {"role": "assistant", "content": [{"type": "image", "text": "x"}]}]`,
      'wanted a part of type text, python, python_output in turn 2, got "image"',
    ],
    [
      `[${user}, {"role": "assistant", "content": [{"type": "text"}]}]`,
      "wanted a string in the text part of turn 2, got nothing",
    ],
    [`[{"role": "user", "content": 3}]`, "wanted a string as content of turn 1, got 3"],
  ];
  for (const [line, message] of cases) {
    assertThrows(() => parseConversations(`\n${line}`, "a.jsonl"), Error, message);
  }
});

Deno.test("a file that is missing or empty is an error that names it", async () => {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  await assertRejects(() => ownConversations(path), Error, "wanted conversations, got none");
  await Deno.writeTextFile(path, `[${user}, ${assistant}]\n`);
  assertEquals((await ownConversations(path)).length, 1);
  await assertRejects(() => ownConversations("no/such.jsonl"), Error, "Cannot read no/such.jsonl");
});
