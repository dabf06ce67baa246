import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { command, makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

const corpus = await makeCorpus();
const flags = [...tinyFlags, "--data", corpus];

/** What the last checkpoint of a run holds, but for the times: digests stand for the files. */
async function contents(folder: string) {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  const last = names.filter((name) => name.startsWith("meta_")).sort().at(-1)!;
  const meta = JSON.parse(await Deno.readTextFile(`${folder}/${last}`));
  const temporary = names.filter((name) => name.endsWith(".tmp"));
  const { savedAt: _, settings: __, state: { seconds: ___, ...state }, ...rest } = meta;
  return { ...rest, state, temporary };
}

Deno.test("a run that is killed at any moment goes on from its last checkpoint, bit for bit", async () => {
  const home = await makeHome(corpus);
  const long = [...flags, "--num-iterations", "200", "--save-every", "10", "--eval-every", "100"];
  const whole = await runScript("base_train.ts", [...long, "--model-tag", "whole"], home);
  assertEquals([whole.code, whole.stderr], [0, ""]);

  const folder = `${home}/base_checkpoints/killed`;
  let args = [...long, "--model-tag", "killed"];
  for (let kills = 0; kills < 4; kills++) {
    const child = command("base_train.ts", args, home).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let stdout = "";
    while (!stdout.includes("Saved")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(await new Response(child.stderr).text());
      stdout += value;
    }
    // Somewhere in the next steps, or in the middle of saving the next checkpoint.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 80));
    child.kill("SIGKILL");
    await Promise.all([child.status, reader.cancel(), child.stderr.cancel()]);
    args = ["--resume", "--model-tag", "killed"];
  }
  const rest = await runScript("base_train.ts", args, home);
  assertEquals([rest.code, rest.stderr], [0, ""]);
  assertEquals(await contents(folder), await contents(`${home}/base_checkpoints/whole`));
});

Deno.test("Ctrl-C stops after the step, saves, and says how to go on", async () => {
  const home = await makeHome(corpus);
  const child = command("base_train.ts", [...flags, "--num-iterations", "1000000"], home).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let stdout = "";
  while (!stdout.includes("step 1 of")) stdout += (await reader.read()).value ?? "";
  child.kill("SIGINT");
  for (let part = await reader.read(); !part.done; part = await reader.read()) stdout += part.value;
  const stderr = await new Response(child.stderr).text();
  assertEquals((await child.status).code, 130, stderr);
  assertStringIncludes(stderr, "Stopping after this step");
  const step = /Stopped after step (\d+)\. Go on: deno task train --resume --model-tag d2/
    .exec(stdout)?.[1];
  assert(step !== undefined, stdout);

  const more = ["--resume", "--num-iterations", `${Number(step) + 5}`];
  const resumed = await runScript("base_train.ts", more, home);
  assertEquals([resumed.code, resumed.stderr], [0, ""]);
  assertStringIncludes(resumed.stdout, `Going on after step ${step}.`);
});

Deno.test("a second Ctrl-C ends the process at once, even in the middle of a computation", async () => {
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
  let stdout = "";
  for (const word of ["ready", "computing"]) {
    while (!stdout.includes(word)) stdout += (await reader.read()).value ?? "";
    child.kill("SIGINT");
  }
  assertEquals((await child.status).signal, "SIGINT");
  await reader.cancel();
  await child.stderr.cancel();
});
