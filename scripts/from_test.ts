/** `--from`: commands on models that other programs have saved. */

import { assert, assertEquals } from "@std/assert";
import { goldenTest, hasGolden } from "../testing/golden.ts";
import { command, runScript } from "./testing/run_script.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;
const home = await Deno.makeTempDir();
const onCpu = ["--device", "cpu", "--threads", "1", "--no-blas"];

/** Names, sizes and times of the files of a folder. */
async function filesOf(folder: string): Promise<string[]> {
  const files = await Array.fromAsync(Deno.readDir(folder), async ({ name }) => {
    const { size, mtime } = await Deno.stat(`${folder}/${name}`);
    return `${name} ${size} ${mtime?.getTime()}`;
  });
  return files.sort();
}

for (
  const [name, path, described] of [
    ["a folder of transformers", "hf-llama", "llama of 152,000 parameters"],
    ["a folder with texts in NFC", "hf-qwen3", "llama of "],
    ["a folder with digits that stand alone", "hf-smollm2", "llama of "],
    ["a file whose texts begin with nothing", "gguf/qwen3-f32.gguf", "llama of "],
    ["a checkpoint of nanochat", "nanochat-head", "nanochat of "],
  ] as const
) {
  goldenTest(`sample continues a text with ${name}`, async () => {
    const args = ["--from", golden + path, "--prompt", "Call me", "--max-tokens", "4", ...onCpu];
    const { code, stdout, models } = await runScript("sample.ts", args, home);
    assertEquals(code, 0);
    assert(stdout.startsWith("Call me") && stdout.trim().length > "Call me".length, stdout);
    assert(models.startsWith(`Model: ${golden}${path}, ${described}`), models);
  });
}

goldenTest("base_eval and infer_bench measure a model, and leave its folder as it is", async () => {
  const folder = `${golden}hf-llama`;
  const before = await filesOf(folder);
  const text = `${home}/texts.txt`;
  await Deno.writeTextFile(
    text,
    `${"Call me Ishmael. Some years ago. ".repeat(20)}\n\n`.repeat(20),
  );
  const { code, stdout, stderr } = await runScript("base_eval.ts", [
    ...["--from", folder, "--data", text, "--split-tokens", "128", "--device-batch-size", "1"],
    ...onCpu,
  ], home);
  assertEquals([code, stderr], [0, ""]);
  assert(/^validation +\d+\.\d{4} bits per byte/m.test(stdout), stdout);
  // One without a tokenizer: none is needed to measure times.
  const bench = await runScript("infer_bench.ts", [
    ...["--from", `${golden}hf-qwen2`, "--batch-sizes", "1", "--prompt-tokens", "8"],
    ...["--decode-tokens", "2", "--bandwidth", "1", "--peak-tflops", "1", "--json", ...onCpu],
  ], home);
  assertEquals([bench.code, bench.stderr], [0, ""]);
  const { model, step, batches } = JSON.parse(bench.stdout);
  assertEquals([model, step, batches.length], [`${golden}hf-qwen2`, null, 1]);
  assertEquals(await filesOf(folder), before);
});

goldenTest("serve answers with a model of another program, under its name", async () => {
  const path = `${golden}gguf/qwen3-f32.gguf`;
  const args = ["--from", path, "--port", "0", "--no-page", ...onCpu];
  const child = command("serve.ts", args, home, {
    permissions: ["--allow-read", "--allow-env", "--allow-net=127.0.0.1"],
  }).spawn();
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  for (let isEnd = false; !isEnd && !output.includes("Ctrl-C");) {
    const { value = "", done } = await reader.read();
    output += value;
    isEnd = done;
  }
  const url = /http:\/\/127\.0\.0\.1:\d+\/v1/.exec(output)?.[0];
  if (url !== undefined) {
    const { data } = await (await fetch(`${url}/models`)).json();
    assertEquals(data[0].id, "qwen3-f32");
    const ask = async (prompt: unknown) => {
      const body = JSON.stringify({ prompt, max_tokens: 2, temperature: 0 });
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${url}/completions`, { method: "POST", headers, body });
      return { status: response.status, ...await response.json() };
    };
    const { status, usage } = await ask("Call");
    assertEquals([status, usage.completion_tokens], [200, 2]);
    // Nothing begins its texts, so that there has to be one.
    assertEquals((await ask(undefined)).status, 400);
    child.kill("SIGINT");
  }
  const [stderr, { code }] = await Promise.all([errors, child.status, reader.cancel()]);
  assertEquals([code, url !== undefined], [0, true], stderr);
});

goldenTest(
  "chat and chat_eval accept a nanochat checkpoint, and name what another tokenizer lacks",
  async () => {
    const ask = (path: string) =>
      runScript("chat.ts", [
        ...[
          "--from",
          golden + path,
          "--prompt",
          "Hi",
          "--max-tokens",
          "4",
          "--seed",
          "1",
          ...onCpu,
        ],
      ], home);
    const { code, stdout, stderr } = await ask("nanochat-jan2026");
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.length > 1, stdout);
    const exam = await runScript("chat_eval.ts", [
      ...["--from", `${golden}nanochat-jan2026`, "--task", "rules", "--num-examples", "1"],
      ...["--max-new-tokens", "2", "--json", ...onCpu],
    ], home);
    assertEquals([exam.code, exam.stderr], [0, ""]);
    assertEquals(Object.keys(JSON.parse(exam.stdout)), ["accuracies", "chatCore"]);
    const refused = await ask("hf-gpt2");
    assertEquals([refused.code, refused.stdout], [1, ""]);
    assert(
      /^Cannot chat with hf-gpt2: wanted a chat template[^\n]* got neither\n$/.test(refused.stderr),
      refused.stderr,
    );
    // Qwen's has a template.
    const templated = await ask("hf-qwen3");
    assertEquals([templated.code, templated.stderr], [0, ""]);
    assert(templated.stdout.length > 1, templated.stdout);
  },
);

Deno.test("--from with what chooses a run is a wrong command line", async () => {
  for (
    const [flag, value] of [["source", "base"], ["model-tag", "d4"], ["step", "3"], [
      "dtype",
      "f16",
    ]]
  ) {
    const args = ["--from", "somewhere", `--${flag}`, value!, ...onCpu];
    const { code, stdout, stderr } = await runScript("sample.ts", args, home);
    assertEquals([code, stdout], [2, ""]);
    assert(stderr.startsWith("Cannot use --") && stderr.includes(`--${flag}`), stderr);
  }
});

Deno.test("places that cannot be opened are errors in one line", async () => {
  const cases: [path: string, wanted: string][] = [[`${home}/missing`, "No such file"], [
    home,
    "wanted config.json",
  ]];
  if (hasGolden) {
    cases.push([`${golden}hf-qwen2`, "wanted a tokenizer next to the model"]);
    cases.push([`${golden}bad/index-missing`, "wanted shards"]);
  }
  for (const [path, wanted] of cases) {
    const { code, stdout, stderr } = await runScript("sample.ts", ["--from", path, ...onCpu], home);
    assertEquals([code, stdout], [1, ""], stderr);
    assert(/^Cannot [^\n]*\n$/.test(stderr) && stderr.includes(wanted), stderr);
  }
});
