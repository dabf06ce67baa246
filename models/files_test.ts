/** Opening a model from the files that the user of a page chose: this runs in a browser, too. */

import { assert, assertEquals } from "@std/assert";
import { Engine } from "../gpt/browser.ts";
import { noGrad, readSafetensors, Tensor } from "../tensor/mod.ts";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { hasGolden, readGoldenJson, relativeDeviation } from "../testing/golden.ts";
import { openPretrained } from "./mod.ts";

const folder = new URL("../../shared/golden/interchange/hf-llama/", import.meta.url);

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
