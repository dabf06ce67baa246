import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describeSense } from "./sense.ts";
import { runScript, tinyFlags } from "./testing/run_script.ts";

const stories = ["--data", "stories"];
const few = "--stories 2 --questions 3 --names 1 --device cpu --threads 1".split(" ");

Deno.test("a model of stories is examined, and another is refused", async (t) => {
  const home = await Deno.makeTempDir();
  const tokens = "--vocab-size 400 --max-chars 200000".split(" ");
  const tokenizer = await runScript("tok_train.ts", [...tokens, ...stories], home);
  assertEquals([tokenizer.code, tokenizer.stderr], [0, ""]);
  const { code, stderr } = await runScript("base_train.ts", [...tinyFlags, ...stories], home);
  assertEquals([code, stderr], [0, ""]);

  await t.step("as JSON, and as a table beside true stories and counts of words", async () => {
    const { code, stdout, stderr } = await runScript("sense.ts", [...few, "--json"], home);
    assertEquals([code, stderr], [0, ""]);
    const { model, columns, byKind, ...result } = JSON.parse(stdout);
    assertStringIncludes(model, "base/d2, step 20 of 20");
    assertEquals([result.stories.stories, result.asked, result.texts.length], [2, 3, 2]);
    const text = describeSense({ ...result, byKind: new Map(Object.entries(byKind)) }, columns);
    assertMatch(text, /^ +model +true stories +4-gram +2-gram$/m);
    assertMatch(text, /^stories without a contradiction +0\.0 % +100 % /m);
    assertMatch(text, /^questions right +\d.* % +\d.* % +\d.* %$/m);
    assertStringIncludes(text, `The first story:\n${result.texts[0]}`);
    assertStringIncludes(text, "The first story with a fault:\n");
  });

  await t.step("a model of another text is refused in one line", async () => {
    const path = `${home}/own.txt`;
    await Deno.writeTextFile(path, "The union is strong. ".repeat(2000));
    const args = [...tinyFlags, "--data", path, "--model-tag", "own"];
    assertEquals((await runScript("base_train.ts", args, home)).code, 0);
    const { code, stderr } = await runScript("sense.ts", [...few, "--model-tag", "own"], home);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^Cannot examine base\/own, .*: wanted a model that was trained on stories, got one of ".*own\.txt"\. Train one: deno task speedrun\n$/,
    );
  });
  await Deno.remove(home, { recursive: true });
});
