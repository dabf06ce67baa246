import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { chatInTiny, killChat } from "./testing/chat_kills.ts";
import { makeCorpus, runScript } from "./testing/run_script.ts";

const corpus = await makeCorpus();

Deno.test("a chat that was killed continues with its stages, and ends in a chat", async (t) => {
  const moments: [what: string, line: RegExp, goesOn: RegExp][] = [
    [
      "before the first checkpoint",
      /^vocabulary /,
      /^A tokenizer and a base model/m,
    ],
    [
      "in the fine-tuning",
      /^Saved .*chatsft_checkpoints.*_000004\.json/,
      /^Resuming the fine-tuning: step 4 of 8, stopped\.$/m,
    ],
  ];
  for (const [what, line, goesOn] of moments) {
    await t.step(`killed ${what}`, async () => {
      const { again } = await killChat(corpus, line);
      assertEquals(again.code, 0, again.stderr);
      assertMatch(again.models, /^Model: sft\/chat, step 8 of 8, [\d.]+ \w+ in f32$/m);
      assertMatch(again.stdout, goesOn);
    });
  }
});

Deno.test("a chat that was stopped in training names itself as the command to resume with", async () => {
  const { before, again } = await killChat(corpus, /^Saved .*base_checkpoints/, "SIGINT");
  assertMatch(before, /^Stopped after step \d of 8\. To resume: deno task chat$/m);
  assertMatch(again.stdout, /^Resuming the base model: step \d of 8, stopped\.$/m);
  assertMatch(again.models, /^Model: sft\/chat, step 8 of 8, [\d.]+ \w+ in f32$/m);
});

Deno.test("a chat keeps its model, and makes another with --overwrite", async () => {
  const home = await Deno.makeTempDir();
  const first = await chatInTiny(corpus, home);
  assertStringIncludes(first.stdout, "A tokenizer and a base model");
  const second = await chatInTiny(corpus, home);
  assertMatch(second.models, /^Model: sft\/chat, step 8 of 8, [\d.]+ \w+ in f32\n$/);
  assert(!second.stdout.includes("Saved"), second.stdout);
  const args = [corpus, "--overwrite", "--prompt", "Hi", "--max-tokens", "2"];
  const other = await runScript("testing/tiny_chat.ts", args, home);
  assertEquals(other.code, 0, other.stderr);
  assertEquals(other.stdout.match(/^Removed the run saved after step 8\.$/gm)?.length, 2);
  assertMatch(other.stdout, /^Saved .*base_checkpoints\/chat\/meta_000008\.json$/m);
});
