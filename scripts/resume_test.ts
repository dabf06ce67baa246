import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openCheckpoint } from "../gpt/mod.ts";
import { namesIn } from "../gpt/files/files.ts";
import { killRun } from "./testing/kills.ts";
import {
  command,
  makeCorpus,
  makeHome,
  outcomeOf,
  runScript,
  shellCommand,
  signalingCommand,
  taskCommand,
  tinyFlags,
} from "./testing/run_script.ts";
import { readUntil, waitUntil } from "./testing/wait.ts";

const corpus = await makeCorpus();
const flags = [...tinyFlags, "--data", corpus];

Deno.test("a run killed at any moment resumes from its last checkpoint, bit for bit", async () => {
  const { interrupted, uninterrupted, ...counts } = await killRun({
    kills: 6,
    steps: 120,
    flags: tinyFlags,
  });
  assertEquals(interrupted, uninterrupted);
  assertEquals([counts.loaded, counts.resumed], Array(2).fill(6 - counts.beforeFirst));
});

for (
  const [signal, code, through] of [
    ["SIGINT", 130, "base_train.ts"],
    ["SIGTERM", 143, "base_train.ts"],
    ["SIGHUP", 129, "base_train.ts"],
    ["SIGTERM", 143, "deno task train"],
    ["SIGHUP", 129, "deno task train"],
  ] as const
) {
  Deno.test(`${signal} to ${through} stops after the step, saves, and says how to resume`, async () => {
    const home = await makeHome(corpus);
    const args = [...flags, "--num-iterations", "1000000"];
    const run = through === "base_train.ts" ? command : taskCommand;
    const child = run(through === "base_train.ts" ? through : "train", args, home).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let stdout = "";
    while (!stdout.includes("step 1 of")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(stdout + await new Response(child.stderr).text());
      stdout += value;
    }
    child.kill(signal);
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      stdout += part.value;
    }
    const stderr = await new Response(child.stderr).text();
    assertEquals((await child.status).code, code, stderr);
    assertStringIncludes(stderr, "Stopping after this step");
    const step =
      /Stopped after step (\d+) of \d+\. To resume: deno task train --resume --model-tag d2/
        .exec(stdout)?.[1];
    assert(step !== undefined, stdout);

    const more = ["--resume", "--num-iterations", `${Number(step) + 5}`];
    const resumed = await runScript("base_train.ts", more, home);
    assertEquals([resumed.code, resumed.stderr], [0, ""]);
    assertStringIncludes(resumed.stdout, `Resuming after step ${step}.`);
  });
}

const scriptTool = "/usr/bin/script";
const hasScriptTool = Deno.build.os === "linux" &&
  await Deno.stat(scriptTool).then(() => true, () => false);

Deno.test({
  name: "a run whose terminal is closed saves, though nothing can be printed any more",
  ignore: !hasScriptTool, // it opens a terminal
  async fn() {
    const home = await makeHome(corpus);
    const trainer = shellCommand("base_train.ts", [...flags, "--num-iterations", "1000000"]);
    const child = new Deno.Command(scriptTool, {
      args: ["-qfc", `exec ${trainer}`, "/dev/null"],
      env: { NANODINO_HOME: home, NO_COLOR: "1", TERM: "dumb" },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await readUntil("loss", reader);
    child.kill("SIGKILL");
    await Promise.all([child.status, reader.cancel()]);
    const folder = `${home}/base_checkpoints/d2`;
    const isSaved = async () => (await namesIn(folder)).some((name) => name.startsWith("meta_"));
    await waitUntil("a checkpoint", isSaved);
  },
});

Deno.test("further signals but Ctrl-C do not keep a stopping run from saving", async () => {
  const home = await makeHome(corpus);
  const args = [...flags, "--num-iterations", "1000000"];
  const moments = [
    { signals: ["SIGTERM"], line: "^step 1 of" },
    { signals: ["SIGHUP", "SIGTERM"], line: "^Stopping after this step" },
  ] as const;
  const { code, stderr } = outcomeOf(
    await signalingCommand(moments, "base_train.ts", args, home).output(),
  );
  assertEquals(code, 143, stderr);
  await openCheckpoint(`${home}/base_checkpoints/d2`);
});

Deno.test("a second Ctrl-C ends the process immediately, even in the middle of a computation", async () => {
  const interrupt = new URL("./interrupt.ts", import.meta.url).href;
  const code = `import { onInterrupt } from ${JSON.stringify(interrupt)};
    using interrupt = onInterrupt("stopping");
    console.log("ready");
    while (!interrupt.signal.aborted) await new Promise((resolve) => setTimeout(resolve));
    console.log("computing");
    while (true);`;
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(script, code);
  const child = command(`file://${script}`, [], "").spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (const word of ["ready", "computing"]) {
    await readUntil(word, reader);
    child.kill("SIGINT");
  }
  assertEquals((await child.status).signal, "SIGINT");
  await reader.cancel();
  await child.stderr.cancel();
});

Deno.test("damaged files of this run and of others do not prevent resuming", async () => {
  const home = await makeHome(corpus);
  const args = [...flags, "--save-every", "10", "--model-tag", "good"];
  assertEquals((await runScript("base_train.ts", args, home)).code, 0);
  const good = `${home}/base_checkpoints/good`;
  await Deno.mkdir(`${home}/base_checkpoints/old`);
  await Deno.writeTextFile(`${home}/base_checkpoints/old/meta_000001.json`, "{");
  await Deno.mkdir(`${good}/meta_000030.json`);

  const sampled = await runScript("sample.ts", ["--prompt", "We", "--max-tokens", "2"], home);
  assertEquals(sampled.code, 0, sampled.stderr);
  const lines = sampled.stderr.trimEnd().split("\n");
  assert(lines.length === 2 && lines[1]!.endsWith("skipped, using step 20"), lines[1]);
  assertStringIncludes(lines[0]!, "old/meta_000001.json: wanted JSON");

  // The last checkpoint is damaged: the error names the one before, which loads.
  await Deno.truncate(`${good}/model_000020.safetensors`, 100);
  const refused = await runScript("base_train.ts", ["--resume"], home);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.stderr, "model_000020.safetensors: wanted");
  assertStringIncludes(refused.stderr, "--step 10, or to train on --resume-from-step 10");
  const older = ["--max-tokens", "2", "--step", "10"];
  assertEquals((await runScript("sample.ts", older, home)).code, 0);
  const resumed = await runScript("base_train.ts", ["--resume-from-step", "10"], home);
  assertEquals(resumed.code, 0, resumed.stderr);
  assertStringIncludes(resumed.stdout, "Resuming after step 10.");
});

Deno.test("a setting of a checkpoint that is no flag is refused, not left at its default", async () => {
  const home = await makeHome(corpus);
  assertEquals((await runScript("base_train.ts", flags, home)).code, 0);
  const meta = `${home}/base_checkpoints/d2/meta_000020.json`;
  const text = await Deno.readTextFile(meta);
  // As before metadata had a digest.
  const undigested = text.replace(/,\n {2}"sha256".*/, "");
  // A former flag in older checkpoints does no harm.
  await Deno.writeTextFile(meta, undigested.replace('"matrixLr"', '"noTune": false, "matrixLr"'));
  assertEquals((await runScript("base_train.ts", ["--resume"], home)).code, 0);
  await Deno.writeTextFile(meta, undigested.replace('"matrixLr"', '"maprixLr"'));
  const { code, stderr } = await runScript("base_train.ts", ["--resume"], home);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "wanted the flags of this version as settings of step 20");
  assertStringIncludes(stderr, 'got "maprixLr"');
});

for (const loader of ["packed", "random"]) {
  Deno.test(`a run with the ${loader} loader does not go on in a corpus that has changed`, async () => {
    const own = await makeCorpus();
    const home = await makeHome(own);
    const args = [...tinyFlags, "--data", own, "--loader", loader];
    assertEquals((await runScript("base_train.ts", args, home)).code, 0);
    const more = ["--resume", "--num-iterations", "22"];
    const resumed = await runScript("base_train.ts", more, home);
    assertEquals(resumed.code, 0, resumed.stderr);
    // One letter, but not the size or the number of tokens.
    const text = await Deno.readTextFile(`${own}/03.txt`);
    await Deno.writeTextFile(`${own}/03.txt`, text.replace("fellow", "fellaw"));
    const { code, stderr } = await runScript("base_train.ts", ["--resume"], home);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "its files are not those that it was saved with");
  });
}
