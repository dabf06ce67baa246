/** Opening a model from the files that the user of a page chose, as in a browser, and what is refused. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Engine } from "../gpt/browser.ts";
import { noGrad, readSafetensors, Tensor } from "../tensor/mod.ts";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { hasGolden, readGoldenJson, relativeDeviation } from "../testing/golden.ts";
import { exportPretrained, GPT2, openPretrained } from "./mod.ts";

const folder = new URL("../../shared/golden/interchange/hf-llama/", import.meta.url);

cpuTest("what is no model, no device or no option is refused", async (device) => {
  const path = "folder";
  const source = "Cannot open a model: wanted a path, a file: URL or a list of files first, and " +
    "then a device, got ";
  const url = new URL("https://huggingface.co/gpt2");
  const options = "Cannot open a model: wanted options named packing, got ";
  const cases: [unknown[], string][] = [
    [[device, path], `${source}a device`],
    [[url, device], `${source}${url}`],
    [[undefined, device], `${source}undefined`],
    [
      [path],
      "Cannot open a model: wanted a device second, as openDevice returns it, got undefined",
    ],
    [[path, device, { quantize: "q4" }], `${options}quantize`],
    [[[], device, { dtype: "fp16" }], `${options}dtype`],
    [[path, device, "q4"], `${options}"q4"`],
  ];
  for (const [given, message] of cases) {
    const open = () => Reflect.apply(openPretrained, null, given);
    assertEquals((await assertRejects(open, TypeError)).message, message);
  }
});

cpuTest("unknown options of a model and of its export are refused", async (device) => {
  const sizes = { vocabSize: 8, sequenceLen: 4, layers: 1, heads: 2, width: 8, mlpWidth: 16 };
  const make = (options: object) => new GPT2({ ...sizes, epsilon: 1e-5 }, device, options);
  assertThrows(() => make({ sede: 1 }), TypeError, "got sede. Did you mean seed?");
  const model = make({});
  const ids = Tensor.from(device, new Int32Array([1]), { shape: [1, 1] });
  const forward: object = { last_only: true };
  assertThrows(() => model.forward(ids, undefined, forward), TypeError, "Did you mean lastOnly?");
  const opened = { model, tokenizer: null, chatTemplate: null };
  const exporting = { to: "gguf", dtype: "f16" } as const;
  const message = "wanted options named to, type, card, shardBytes, got dtype";
  await assertRejects(() => exportPretrained(opened, exporting).next(), TypeError, message);
});

if (hasGolden) {
  testOnEveryDevice("a model is opened from files", async (device) => {
    const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
    const files = names.map((name) => new File([Deno.readFileSync(new URL(name, folder))], name));
    const { model, tokenizer, chatTemplate } = await openPretrained(files, device);
    const wanted = readSafetensors(Deno.readFileSync(new URL("expected.safetensors", folder)));
    const { data, shape } = wanted.get("ids")!;
    const ids = Tensor.from(device, Int32Array.from(data as Int32Array), { shape });
    const logits = await noGrad(() => model.forward(ids)).data();
    assert(relativeDeviation(logits, wanted.get("logits")!.data as Float32Array) <= 1e-4);
    const { prompt, greedy } = readGoldenJson<{ prompt: number[]; greedy: number[] }>(
      "interchange/hf-llama/expected",
    );
    const { tokens } = await new Engine(model, tokenizer!)
      .generateBatch(prompt, { maxTokens: greedy.length, temperature: 0 });
    assertEquals(tokens, [[...prompt, ...greedy]]);
    assertEquals(chatTemplate, null);
  });
}
