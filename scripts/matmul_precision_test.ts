import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { openCheckpoint } from "../gpt/mod.ts";
import { hasBf16, missingBf16 } from "../testing/bf16.ts";
import { makeCorpus, makeHome, runScript, runScriptHere, tinyFlags } from "./testing/run_script.ts";
import { savedSettings } from "./training_flags.ts";

const corpus = await makeCorpus();
const flags = [...tinyFlags, "--data", corpus];

async function recorded(home: string): Promise<unknown> {
  return (await openCheckpoint(`${home}/base_checkpoints/d2`)).meta.settings.matmulPrecision;
}

Deno.test({
  name: `a run in bf16 goes on in bf16, and says so where it is changed${
    hasBf16 ? "" : ` (ignored: ${missingBf16})`
  }`,
  ignore: !hasBf16,
  fn: async () => {
    const home = await makeHome(corpus);
    const withBlas = flags.filter((flag) => flag !== "--no-blas");
    const first = await runScript(
      "base_train.ts",
      [...withBlas, "--matmul-precision", "bf16"],
      home,
    );
    assertEquals([first.code, first.stderr], [0, ""]);
    assertMatch(first.stdout, /^device .*, bf16; /m);
    assertEquals(await recorded(home), "bf16");

    const second = await runScript("base_train.ts", ["--resume", "--num-iterations", "25"], home);
    assertEquals([second.code, second.stderr], [0, ""]);
    assertMatch(second.stdout, /^device .*, bf16; /m);
    assertEquals(second.stdout.includes("from here on"), false);

    const more = ["--resume", "--num-iterations", "30", "--matmul-precision", "f32"];
    const third = await runScript("base_train.ts", more, home);
    assertEquals([third.code, third.stderr], [0, ""]);
    const change = "Matmuls are in f32 from here on; up to step 25 they were in bf16.";
    assertStringIncludes(third.stdout, change);
    assertEquals(await recorded(home), "f32");
  },
});

Deno.test("auto records the precision that it chose, and bf16 that is missing is an error", async () => {
  const home = await makeHome(corpus);
  const chosen = ["--matmul-precision", "auto", "--verbose"];
  const auto = await runScript("base_train.ts", [...flags, ...chosen], home);
  assertEquals(auto.code, 0, auto.stderr);
  assertStringIncludes(
    auto.stderr,
    "matmuls in f32 (no bf16: no oneDNN: no BLAS beside it: turned",
  );
  assertEquals(await recorded(home), "f32");

  const bf16 = ["--resume", "--num-iterations", "25", "--matmul-precision", "bf16"];
  const { code, stderr } = await runScript("base_train.ts", bf16, home);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "wanted matmuls in bf16, got f32 only (no oneDNN: ");
});

Deno.test("a run from before there was a choice continues in f32", async () => {
  const home = await makeHome(corpus);
  await runScript("base_train.ts", [...flags, "--num-iterations", "2"], home);
  const checkpoint = await openCheckpoint(`${home}/base_checkpoints/d2`);
  const { matmulPrecision: _, ...earlier } = checkpoint.meta.settings;
  const meta = { ...checkpoint.meta, settings: earlier };
  assertEquals(savedSettings({ ...checkpoint, meta }).matmulPrecision, "f32");
});

Deno.test("a run in bfloat16 continues in it, and a change of the dtype is reported", async () => {
  const home = await makeHome(corpus);
  const train = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runScript("base_train.ts", args, home);
    assertEquals([code, stderr], [0, ""]);
    return stdout;
  };
  const dtype = async () =>
    (await openCheckpoint(`${home}/base_checkpoints/d2`)).meta.settings.dtype;
  await train(...flags, "--num-iterations", "2", "--dtype", "bf16");
  assertEquals(await dtype(), "bf16");
  const second = await train("--resume", "--num-iterations", "3");
  assertEquals([second.includes("from here on"), await dtype()], [false, "bf16"]);
  const third = await train("--resume", "--num-iterations", "4", "--dtype", "f32");
  const change = "Activations are in f32 from here on; up to step 3 they were in bf16.";
  assertStringIncludes(third, change);
  assertEquals(await dtype(), "f32");
  const sample = ["--prompt", "We", "--max-tokens", "2", "--dtype", "bf16"];
  const sampled = await runScript("sample.ts", sample, home);
  assertStringIncludes(sampled.stderr, "Computing in bf16: the model was trained in f32.");

  const other = ["--architecture", "llama", "--num-iterations", "2", "--model-tag", "other"];
  const given = [...flags, ...other, "--dtype", "bf16"];
  const refused = await runScriptHere("base_train.ts", given, home);
  assertEquals(refused.code, 2);
  const message = "Cannot use --dtype bf16: wanted nanochat's architecture, got another one";
  assertStringIncludes(refused.stderr, message);
  // Without a library, bfloat16 is slower.
  await train(...flags, ...other, "--dtype", "auto");
});
