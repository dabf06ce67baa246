/** `--quantize`: commands on packed weights, of files and of runs. */

import { assert, assertEquals } from "@std/assert";
import { GPT, saveCheckpoint, untrained } from "../gpt/mod.ts";
import { openDevice } from "../tensor/mod.ts";
import { goldenTest } from "../testing/golden.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { runScript } from "./testing/run_script.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;
const home = await Deno.makeTempDir();
const onCpu = ["--device", "cpu", "--threads", "1", "--no-blas"];

goldenTest(
  "sample and infer_bench pack the weights of a file, and say what they take",
  async () => {
    for (
      const [path, flag, type] of [
        ["hf-llama", "q4", "93.8 KiB in q4"],
        ["gguf/llama-q8_0.gguf", "q8", "167.9 KiB in q8"],
      ] as const
    ) {
      const given = ["--from", golden + path, "--quantize", flag, ...onCpu];
      const { code, stdout, models } = await runScript(
        "sample.ts",
        [...given, "--prompt", "Call me", "--max-tokens", "4"],
        home,
      );
      assertEquals(code, 0);
      assert(stdout.startsWith("Call me"), stdout);
      assertEquals(models, `Model: ${golden}${path}, llama of 152,000 parameters, ${type}\n`);
    }
    const bench = await runScript("infer_bench.ts", [
      ...["--from", `${golden}hf-llama`, "--quantize", "q8", "--batch-sizes", "1"],
      ...["--prompt-tokens", "8", "--decode-tokens", "2", "--bandwidth", "1", "--peak-tflops", "1"],
      ...["--json", ...onCpu],
    ], home);
    assertEquals([bench.code, bench.stderr], [0, ""]);
    assertEquals(JSON.parse(bench.stdout).weightBytes, 171_920);
  },
);

Deno.test("base_eval measures a run with packed weights about as well", async () => {
  const text = `${home}/texts.txt`;
  await Deno.writeTextFile(
    text,
    `${"Call me Ishmael. Some years ago. ".repeat(20)}\n\n`.repeat(20),
  );
  const tokenizer = await Tokenizer.train([await Deno.readTextFile(text)], { vocabSize: 280 });
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const shape = { sequenceLen: 32, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 64 };
  const config = { ...shape, vocabSize: tokenizer.vocabSize, windowPattern: "L" };
  const model = new GPT(config, device, { seed: 1 });
  const folder = `${home}/base_checkpoints/d2`;
  await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
  await device.close();
  const measure = async (...flags: string[]) => {
    const { code, stdout, stderr } = await runScript("base_eval.ts", [
      ...["--data", text, "--split-tokens", "128", "--device-batch-size", "1", "--eval", "bpb"],
      ...[...flags, ...onCpu],
    ], home);
    assertEquals(code, 0, stderr);
    return { bits: Number(/^validation +(\d+\.\d{4})/m.exec(stdout)?.[1]), stderr };
  };
  const plain = await measure();
  for (const packing of ["q8", "q4"]) {
    const packed = await measure("--quantize", packing);
    assert(new RegExp(`^Weights: \\S+ \\w+ in ${packing}\n$`).test(packed.stderr), packed.stderr);
    assert(Math.abs(packed.bits - plain.bits) < 0.01, `${packing}: ${packed.bits}, ${plain.bits}`);
  }
});

Deno.test("an unknown packing, and a script without packing, are refused in one line", async () => {
  const unknown = await runScript("sample.ts", ["--quantize", "q5"], home);
  assertEquals(unknown.code, 2);
  assert(unknown.stderr.includes('Cannot use --quantize: wanted q8, q4, got "q5"'), unknown.stderr);
  const training = await runScript("base_train.ts", ["--quantize", "q8"], home);
  assertEquals(training.code, 2);
  assert(training.stderr.startsWith("There is no flag --quantize"), training.stderr);
});
