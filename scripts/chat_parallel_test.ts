import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { launch, type TestedMpi, testUnderOneMpi } from "../mpi/testing/ranks.ts";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";

const corpus = await makeCorpus();
const home = await makeHome(corpus);
const place = "--device cpu --threads 1 --no-blas".split(" ");

/** Runs a script in one process, where `mpi` is `null`, or on two ranks. */
async function run(mpi: TestedMpi | null, script: string, args: string): Promise<string> {
  const { code, stdout, stderr } = await launch({
    mpi,
    ranks: 2,
    script: new URL(script, import.meta.url),
    args: [...args.split(" "), ...place],
    env: { NANODINO_HOME: home },
  });
  assertEquals(code, 0, stderr);
  return stdout;
}

/** The lines that one process prints, too. */
function withoutRanks(text: string): string {
  return text.replace(/^ranks .*\n/m, "").replace(/^All 2 ranks are done\.\n/m, "");
}

const base = await runScript("base_train.ts", [...tinyFlags, "--data", corpus], home);
if (base.code !== 0) throw new Error(base.stderr);
const tuning = "--task rules:40 --max-seq-len 64 --total-batch-size 256 --num-iterations 4 " +
  "--eval-every 2 --eval-tokens 512 --save-every 2 --model-tag";
await run(null, "chat_sft.ts", `${tuning} one`);

/** The losses of steps and the bits per byte of evaluations. */
async function metricsOf(tag: string): Promise<number[]> {
  const text = await Deno.readTextFile(`${home}/chatsft_checkpoints/${tag}/metrics.jsonl`);
  return text.trim().split("\n").map((line) => {
    const { loss, bitsPerByte } = JSON.parse(line);
    return loss ?? bitsPerByte;
  });
}

testUnderOneMpi("2 ranks fine-tune as one process does, and go on", async (mpi) => {
  const wanted = await metricsOf("one");
  assertEquals(wanted.length, 4 + 3);
  const assertClose = async () => {
    const got = await metricsOf("two");
    assertEquals(got.length, wanted.length);
    got.forEach((value, i) => assert(Math.abs(value - wanted[i]!) < 1e-4, `${got} ${wanted}`));
  };
  const stdout = await run(mpi, "chat_sft.ts", `--overwrite ${tuning} two`);
  assertMatch(stdout, new RegExp(`^ranks +${mpi.name} [\\d.]+, 2 ranks$`, "m"));
  await assertClose();
  const folder = `${home}/chatsft_checkpoints/two`;
  for (const part of ["meta_000004.json", "model_000004.safetensors"]) {
    await Deno.remove(`${folder}/${part}`);
  }
  await run(mpi, "chat_sft.ts", "--resume --model-tag two");
  await assertClose();
});

testUnderOneMpi("adapters on 2 ranks are refused", async (mpi) => {
  const { code, stderr } = await launch({
    mpi,
    ranks: 2,
    script: new URL("chat_sft.ts", import.meta.url),
    args: [
      ..."--task rules:40 --max-seq-len 64 --model-tag lora --lora-rank 2".split(" "),
      ...place,
    ],
    env: { NANODINO_HOME: home },
  });
  assertEquals(code === 0, false);
  assertStringIncludes(stderr, "Cannot train adapters on several ranks: wanted one, got 2");
});

testUnderOneMpi("2 ranks measure what one process does", async (mpi) => {
  const bundle = await runScript("core_bundle.ts", [], home);
  assertEquals(bundle.code, 0, bundle.stderr);
  const evaluation = `--data ${corpus} --eval core,bpb,sample --max-per-task 20 ` +
    "--device-batch-size 2 --split-tokens 500";
  const exam =
    "--task rules --task human --max-problems 3 --model-tag one --num-examples 4 --num-samples 2 --temperature 1 --max-new-tokens 6";
  for (const [script, args] of [["base_eval.ts", evaluation], ["chat_eval.ts", exam]] as const) {
    const [one, two] = [await run(null, script, args), await run(mpi, script, args)];
    const timeless = (text: string) => withoutRanks(text).replaceAll(/\([\d.]+ m?s\)/g, "");
    assertEquals(timeless(two), timeless(one));
    assertStringIncludes(two, "All 2 ranks are done.");
  }
});

testUnderOneMpi("2 ranks reinforce, and rank 0 alone prints and saves", async (mpi) => {
  const args = "--sft-tag one --model-tag two --num-iterations 2 --examples-per-step 4 " +
    "--num-samples 4 --device-batch-size 2 --max-new-tokens 4 --eval-every 2 --eval-examples 4";
  const one = await run(null, "chat_rl.ts", `--overwrite ${args}`);
  const two = await run(mpi, "chat_rl.ts", `--overwrite ${args}`);
  assertMatch(two, /^step 2 of 2 {2}reward 0\.000 /m);
  const timeless = (text: string) =>
    withoutRanks(text).replace(/^Removed .*\n/m, "").replaceAll(/ {2}[\d.]+ m?s left/g, "");
  assertEquals(timeless(two), timeless(one));
});
