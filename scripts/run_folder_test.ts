import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { openCheckpoint, readMetrics, savedSteps } from "../gpt/mod.ts";
import { namesIn } from "../gpt/files/files.ts";
import {
  command,
  makeCorpus,
  makeHome,
  runScript,
  runScriptHere,
  tinyFlags,
} from "./testing/run_script.ts";
import { readUntil } from "./testing/wait.ts";

const corpus = await makeCorpus();
const data = ["--data", corpus];
const flags = [...tinyFlags, ...data];

Deno.test("a run does not replace another one without --overwrite", async () => {
  const home = await makeHome(corpus);
  const folder = `${home}/base_checkpoints/d2`;
  const first = await runScript("base_train.ts", [...flags, "--save-every", "8"], home);
  assertEquals(first.code, 0, first.stderr);
  const names = await namesIn(folder);
  const { savedAt } = (await openCheckpoint(folder)).meta;

  const again = [...flags, "--num-iterations", "3"];
  const refused = await runScriptHere("base_train.ts", again, home);
  assertEquals(refused.code, 2);
  assertMatch(
    refused.stderr,
    /got a run saved after step 20\. --resume continues it, --overwrite removes it/,
  );
  const both = await runScriptHere("base_train.ts", ["--resume", "--overwrite"], home);
  assertEquals(both.code, 2);
  assertEquals(await namesIn(folder), names);
  assertEquals((await openCheckpoint(folder)).meta.savedAt, savedAt);
  assertEquals((await readMetrics(`${folder}/metrics.jsonl`)).length, 20);

  // Errors show before the earlier run is removed.
  const wrong = [...again, "--overwrite", "--data", `${corpus}/none`];
  assertEquals((await runScriptHere("base_train.ts", wrong, home)).code, 1);
  assertEquals(await savedSteps(folder), [8, 16, 20]);

  const replaced = await runScript("base_train.ts", [...again, "--overwrite"], home);
  assertEquals([replaced.code, replaced.stderr], [0, ""]);
  assertStringIncludes(replaced.stdout, "Removed the run saved after step 20.");
  assertEquals(await savedSteps(folder), [3]);
  assertEquals((await namesIn(folder)).filter((name) => name.includes("000020")), []);
  assertEquals((await readMetrics(`${folder}/metrics.jsonl`)).length, 3);
});

Deno.test("the second of two processes in one folder is refused, also with --resume", async () => {
  const home = await makeHome(corpus);
  const args = [...flags, "--num-iterations", "1000000", "--save-every", "100"];
  const child = command("base_train.ts", args, home).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await readUntil("Saved", reader);
  for (const more of [args, ["--resume"], [...args, "--overwrite"]]) {
    const second = await runScriptHere("base_train.ts", more, home);
    assertEquals(second.code, 1);
    assertStringIncludes(second.stderr, `got process ${child.pid}, which is training there`);
  }
  child.kill("SIGTERM");
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
  assertEquals((await child.status).code, 143);
  assertEquals((await namesIn(`${home}/base_checkpoints/d2`)).includes("run.lock"), false);
});

Deno.test("a speedrun starts over, and keeps the earlier run and tokenizer", async () => {
  const home = await Deno.makeTempDir();
  const root = `${home}/base_checkpoints`;
  const args = [...flags, "--vocab-size", "300"];
  assertEquals((await runScript("speedrun.ts", args, home)).code, 0);
  const first = await openCheckpoint(`${root}/speedrun`);
  await Deno.writeTextFile(tokenizerIn(home), "{}"); // as if there had been another one
  const second = await runScript("speedrun.ts", args, home);
  assertEquals([second.code, second.stderr], [0, ""]);
  assertStringIncludes(second.stdout, `The earlier run is now ${root}/speedrun-1.`);
  assertStringIncludes(second.stdout, `The earlier tokenizer is now ${home}/tokenizer/tokenizer-1`);
  assertEquals(await namesIn(root), ["speedrun", "speedrun-1"]);
  assertEquals((await openCheckpoint(`${root}/speedrun-1`)).meta, first.meta);
  assert((await openCheckpoint(`${root}/speedrun`)).meta.savedAt > first.meta.savedAt);
  assertEquals(await namesIn(`${home}/tokenizer`), ["tokenizer-1.json", "tokenizer.json"]);
});

Deno.test("another tokenizer is kept beside the new one", async () => {
  const home = await makeHome(corpus);
  const former = await Deno.readTextFile(tokenizerIn(home));
  const same = await runScript("tok_train.ts", [...data, "--vocab-size", "300"], home);
  assertEquals([same.code, await namesIn(`${home}/tokenizer`)], [0, ["tokenizer.json"]]);
  const other = await runScript("tok_train.ts", [...data, "--vocab-size", "290"], home);
  const earlier = `${home}/tokenizer/tokenizer-1.json`;
  assertStringIncludes(other.stdout, earlier);
  assertEquals(await Deno.readTextFile(earlier), former);
});

function tokenizerIn(home: string): string {
  return `${home}/tokenizer/tokenizer.json`;
}
