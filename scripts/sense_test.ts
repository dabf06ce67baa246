import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describeSense } from "./sense.ts";
import { readMetrics } from "../gpt/mod.ts";
import { runScript, tinyFlags } from "./testing/run_script.ts";

const few = "--stories 2 --questions 3 --names 1 --device cpu --threads 1".split(" ");

Deno.test("a speedrun tells stories, and measures how much sense they make", async (t) => {
  const home = await Deno.makeTempDir();
  const args = [...tinyFlags, "--vocab-size", "400"];
  const { code, stdout, stderr } = await runScript("speedrun.ts", args, home);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^stories without a contradiction +\d+ of 50$/m);
  assertMatch(stdout, /^questions about stories right +\d+ of 100$/m);
  const folder = `${home}/base_checkpoints/speedrun`;
  assertStringIncludes(await Deno.readTextFile(`${folder}/report.md`), "(questions.svg)");
  assertStringIncludes(await Deno.readTextFile(`${folder}/questions.svg`), "<polyline");
  const measured = (await readMetrics(`${folder}/metrics.jsonl`))
    .flatMap(({ step, questionsRight }) => questionsRight === undefined ? [] : [step]);
  assertEquals(measured, [5, 10, 15, 20]);

  await t.step(
    "a corpus that is not known is refused with those that are, and so are two",
    async () => {
      const unknown = await runScript("speedrun.ts", ["--corpus", "nope"], home);
      assertEquals(unknown.code, 2);
      assertMatch(unknown.stderr, /--corpus: wanted stories, sotu, wordnet, got "nope"/);
      const two = await runScript("speedrun.ts", ["--corpus", "sotu", "--data", "x.txt"], home);
      assertEquals([two.code, two.stderr], [
        2,
        "Cannot use --corpus: wanted it or --data, got both (see --help)\n",
      ]);
    },
  );

  await t.step("as JSON, and as a table beside true stories and counts of words", async () => {
    const { code, stdout, stderr } = await runScript("sense.ts", [...few, "--json"], home);
    assertEquals([code, stderr], [0, ""]);
    const { model, columns, byKind, ...result } = JSON.parse(stdout);
    assertStringIncludes(model, "base/speedrun, step 20 of 20");
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
