/** Training other architectures than nanochat's: a new Llama, and models of other programs. */

import { assert, assertEquals } from "@std/assert";
import { loadModel, openCheckpoint, openDevice } from "../gpt/mod.ts";
import { architectures, openPretrained } from "../models/mod.ts";
import { goldenTest } from "../testing/golden.ts";
import { LLAMA3_PATTERN } from "../tokenizer/mod.ts";
import { makeCorpus, runScript, runScriptHere } from "./testing/run_script.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;
const onCpu = ["--device", "cpu", "--threads", "1", "--no-blas"];
const quiet = ["--eval-every", "-1", "--sample-every", "-1", "--core-metric-every", "-1"];

const home = await Deno.makeTempDir();
const corpus = await makeCorpus();
const conversations = `${home}/mine.jsonl`;
await Deno.writeTextFile(
  conversations,
  '[{"role":"user","content":"Who are you?"},{"role":"assistant","content":"A fern."}]\n',
);

/** Runs a script that has to succeed; returns what it printed. */
async function run(script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runScript(script, args, home);
  assertEquals(code, 0, stderr);
  return stdout;
}

const open = (folder: string) => openCheckpoint(`${home}/${folder}`, undefined, { architectures });

Deno.test("a Llama is trained, resumed, fine-tuned, and given to other programs", async () => {
  const data = ["--data", corpus];
  await run("tok_train.ts", "--pattern", "llama3", "--vocab-size", "280", ...data);
  const size = ["--depth", "1", "--aspect-ratio", "32", "--head-dim", "32", "--max-seq-len", "32"];
  const batch = ["--device-batch-size", "2", "--total-batch-size", "64", ...quiet, ...onCpu];
  const table = await run("base_train.ts", ...[
    ...["--architecture", "llama", "--num-iterations", "4", ...size, ...batch, ...data],
  ]);
  assert(table.includes("Llama of depth 1, width 32"), table);
  const resumed = await run("base_train.ts", "--resume", "--num-iterations", "6", ...onCpu);
  assert(resumed.includes("Resuming after step 4."), resumed);
  const base = await open("base_checkpoints/llama-d1");
  assertEquals([base.meta.architecture, base.meta.state.step], ["llama", 6]);
  assertEquals(base.tokenizer.pattern, LLAMA3_PATTERN);

  await run(
    "chat_sft.ts",
    ...["--conversations", conversations, "--num-iterations", "2", "--eval-every", "-1", ...onCpu],
  );
  const tuned = await open("chatsft_checkpoints/llama-d1");
  await run("export.ts", "--source", "sft", "--to", "gguf", "--out", `${home}/gguf`);
  await run("export.ts", "--source", "sft", "--to", "huggingface", "--out", `${home}/hf`);
  const card = await Deno.readTextFile(`${home}/hf/README.md`);
  assert(card.includes("# llama-d1\n") && card.includes("| steps | 2 |"), card);
  assert(card.includes(`| trained on | ${conversations} |`), card);
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const { model, tokenizer } = await openPretrained(`${home}/gguf`, device);
  const wanted = await loadModel(tuned, device);
  for (const [name, parameter] of wanted.parameters()) {
    assertEquals(await model.parameters().get(name)!.data(), await parameter.data(), name);
  }
  assertEquals(tokenizer!.encode("union 1234"), tuned.tokenizer.encode("union 1234"));
  await device.close();
});

goldenTest("models of other programs are trained on texts and on conversations", async () => {
  await run("base_train.ts", ...[
    ...["--from", `${golden}hf-gpt2`, "--num-iterations", "2", "--data", corpus],
    ...["--eval-tokens", "64", ...quiet, ...onCpu],
  ]);
  const base = await open("base_checkpoints/hf-gpt2");
  assertEquals([base.meta.architecture, base.meta.settings["from"]], ["gpt2", `${golden}hf-gpt2`]);
  const resumed = await run("base_train.ts", "--resume", "--num-iterations", "3", ...onCpu);
  assert(resumed.includes("Resuming after step 2."), resumed);

  const tune = ["--conversations", conversations, "--num-iterations", "2", "--eval-every", "-1"];
  await run("chat_sft.ts", "--from", `${golden}hf-qwen3`, "--lora-rank", "4", ...tune, ...onCpu);
  const tuned = await open("chatsft_checkpoints/hf-qwen3");
  assertEquals(tuned.meta.architecture, "llama");
  assert(tuned.meta.chatTemplate?.includes("<|im_start|>"), tuned.meta.chatTemplate);
  const chat = ["--model-tag", "hf-qwen3", "--prompt", "Hi", "--max-tokens", "4", "--seed", "1"];
  assert((await run("chat.ts", ...chat, ...onCpu)).length > 1);
  // Its own template asks the questions of reinforcement, and is saved with the result.
  const sizes = "--num-iterations 1 --examples-per-step 1 --num-samples 2 --max-new-tokens 2";
  const practice = `--sft-tag hf-qwen3 --task spelling ${sizes} --eval-every -1`;
  await run("chat_rl.ts", ...practice.split(" "), ...onCpu);
  const reinforced = await open("chatrl_checkpoints/hf-qwen3");
  assertEquals(reinforced.meta.chatTemplate, tuned.meta.chatTemplate);
  // One that was made for no conversations gets words that tell who speaks.
  const args = ["--from", `${golden}hf-gpt2`, "--lora-rank", "4", ...tune, ...onCpu];
  const { code, stderr } = await runScript("chat_sft.ts", args, home);
  assertEquals([code, /^hf-gpt2 has no chat template: [^\n]*\n$/.test(stderr)], [0, true], stderr);
  // The report and the exam of sense ask it in these words, too.
  assert((await run("report.ts", "--model-tag", "hf-gpt2", ...onCpu)).startsWith("Report: "));
  const sense = "--source sft --model-tag hf-gpt2 --stories 1 --questions 1 --names 1 --json";
  assert((await run("sense.ts", ...sense.split(" "), ...onCpu)).startsWith("{"));
});

Deno.test("--from for training refuses what shapes a new model, or a run", async () => {
  for (
    const [script, args, wanted] of [
      ["base_train.ts", [], "wanted --num-iterations, too"],
      ["base_train.ts", ["--num-iterations", "1", "--depth", "3"], "without --depth"],
      ["base_train.ts", ["--num-iterations", "1", "--resume"], "without --resume"],
      ["chat_sft.ts", ["--base-tag", "d1"], "without --base-tag"],
    ] as const
  ) {
    const all = ["--from", "x", ...args, ...onCpu];
    const { code, stderr } = await runScriptHere(script, all, home);
    assertEquals([code, stderr.includes(wanted)], [2, true], stderr);
  }
});
