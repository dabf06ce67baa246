import { assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { hasGolden, readGoldenJson } from "../../testing/golden.ts";
import { Engine, type Tool } from "../../gpt/mod.ts";
import { generationTokens, RowState } from "../../gpt/internals.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import { calculate } from "../../gpt/generate/calculator.ts";
import { goldenModel, goldenTokenizer } from "../testing/golden_chat.ts";
import { pythonTest, sharedPython } from "../testing/python.ts";
import { pythonTool } from "./python_tool.ts";

pythonTest("a call is answered as at a prompt, and what fails has no answer", async () => {
  const python = await sharedPython();
  const tool = pythonTool(python, { maxCharacters: 10 });
  const answers: [string, string | null][] = [
    ["17*23", "391"],
    ["'mirror'.count('r')", "3"],
    ["x = 6\nx * 7", "42"],
    ["print('a')\nprint('b')", "a\nb"],
    ["'\u00e9\"\\\\'.upper()", '\u00c9"\\'],
    ["x = 1", null],
    ["1 / 0", null],
    ["'a' * 100", "aaaaaaaaaa…"],
  ];
  await Promise.all(answers.map(async ([call, answer]) => {
    assertEquals(await tool(call), answer, call);
  }));
});

Deno.test("a row waits for a tool that takes time, and takes no token before", async () => {
  const tokenizer = await Tokenizer.train([], { vocabSize: 265 });
  const special = (name: string) => tokenizer.special(`<|${name}|>`);
  const tool: Tool = (call) => Promise.resolve(call === "1" ? "2" : null);
  const row = new RowState(generationTokens(tokenizer), tokenizer, tool);
  const take = (ids: readonly number[]) => ids.map((id) => row.next(id).token);
  take([special("python_start"), ...tokenizer.encode("1"), special("python_end")]);
  let message = "";
  try {
    row.next(48);
  } catch (error) {
    message = `${error}`;
  }
  assertEquals(
    message,
    "Error: Cannot take a token: wanted the answer of the tool first, got none yet",
  );
  await row.pending;
  assertEquals(row.pending, null);
  assertEquals(take([48, 48, 48, 48]), [special("output_start"), 50, special("output_end"), 48]);
});

if (hasGolden) {
  testOnEveryDevice("a tool that takes time changes nothing but the time", async (device) => {
    const { greedy } = readGoldenJson<{ greedy: { prompt: number[] }[] }>("chat/golden-chat");
    const [model, tokenizer] = [goldenModel(device), goldenTokenizer()];
    const later: Tool = async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return calculate(call);
    };
    let forced = 0;
    for (const { prompt } of greedy) {
      const options = { maxTokens: 40, temperature: 0, readEvery: 8 };
      const expected = await new Engine(model, tokenizer).generateBatch(prompt, options);
      const actual = await new Engine(model, tokenizer, later).generateBatch(prompt, options);
      assertEquals(actual, expected);
      forced += actual.masks[0]!.slice(prompt.length).filter((mask) => mask === 0).length;
    }
    assertEquals(forced > 0, true, "no tool was called");
  });
}
