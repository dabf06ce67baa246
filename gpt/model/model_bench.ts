/**
 * The model on every device: loss, training step, and generating 32 tokens with and without a
 * cache. Depth 2 and 4 × 64 tokens; `bench/step.ts` and `bench/decode.ts` time larger models.
 *
 * The devices must agree on the loss before anything is timed.
 */

import { assertAlmostEquals } from "@std/assert";
import { openBenchDevices } from "../../testing/bench_devices.ts";
import { type Device, permutation } from "../../tensor/mod.ts";
import { generateWithoutCache } from "../testing/without_cache.ts";
import { Engine, GPT } from "../mod.ts";
import { configForDepth } from "../train/scaling.ts";

const config = configForDepth({ depth: 2, vocabSize: 1024, headDim: 64, maxSeqLen: 64 });
const prompt = [1, 2, 3, 4];
const options = { maxTokens: 32, temperature: 0 };
const tokenizer = { special: () => -1, encode: () => [], decode: () => "" };

function bench(group: string, name: string, isBaseline: boolean, fn: () => void | Promise<void>) {
  Deno.bench({ name, group, baseline: isBaseline, n: 10, warmup: 2, fn });
}

async function register(name: string, device: Device, isBaseline: boolean): Promise<number> {
  const model = new GPT(config, device, { seed: 1 });
  const optimizer = model.optimizer({});
  const idsOf = (seed: number) =>
    permutation(device, config.vocabSize, { seed }).slice(0, 0, 256).reshape([4, 64]);
  const [inputs, targets] = [idsOf(2), idsOf(3)];
  const loss = await model.forward(inputs, targets).item();

  bench("the loss of 4 x 64 tokens", name, isBaseline, async () => {
    {
      using _scope = device.scope();
      model.forward(inputs, targets);
    }
    await device.synchronize();
  });
  bench("a step of 4 x 64 tokens", name, isBaseline, async () => {
    {
      using _scope = device.scope();
      model.forward(inputs, targets).backward();
      optimizer.step();
      optimizer.zeroGrad();
    }
    await device.synchronize();
  });
  const text = `32 tokens, ${name}`;
  bench(text, "without a cache", true, async () => {
    await Array.fromAsync(generateWithoutCache(model, prompt, options));
  });
  bench(text, "with a cache", false, async () => {
    await Array.fromAsync(new Engine(model, tokenizer).generate(prompt, options));
  });
  return loss;
}

const { devices, baseline } = await openBenchDevices();
const losses: number[] = [];
for (const [name, device] of devices) {
  losses.push(await register(name, device, name === baseline));
  assertAlmostEquals(losses.at(-1)!, losses[0]!, 1e-4);
}
