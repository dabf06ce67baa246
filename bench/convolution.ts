/**
 * Times a training step and the forward pass of the network of `examples/clothes.ts`, on 64 images.
 *
 *     deno run -A bench/convolution.ts --device cpu
 *
 * With `--steps 500` it also shows that memory stays flat: `live` and `live_at_first` are equal. The last
 * line is one line of JSON, with medians in milliseconds.
 */

import * as nn from "../nn/mod.ts";
import { AdamW } from "../optim/mod.ts";
import { type Device, noGrad, normal, Tensor } from "../tensor/mod.ts";
import { integer, runScript, type Script } from "../scripts/flags.ts";
import { benchFlags, openBenchDevice, peakMemory, timeRuns } from "./harness.ts";
import { median, round } from "./statistics.ts";

const flags = {
  ...benchFlags,
  batchSize: integer(64, "Images of a step"),
  steps: integer(10, "Timed steps"),
  warmup: integer(4, "Untimed steps before them", { least: 1 }),
};

/** Two convolutions with pools, and two linear layers. */
export function clothesNetwork(device: Device): nn.Sequential {
  return new nn.Sequential([
    new nn.Conv2d(device, 1, 32, 3, { padding: 1, seed: 1 }),
    new nn.Activation("relu"),
    new nn.MaxPool2d(2),
    new nn.Conv2d(device, 32, 64, 3, { padding: 1, seed: 2 }),
    new nn.Activation("relu"),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(device, 64 * 7 * 7, 128, { seed: 3 }),
    new nn.Activation("relu"),
    new nn.Linear(device, 128, 10, { seed: 4 }),
  ]);
}

const script: Script<typeof flags> = {
  summary: "Times a training step of a convolutional network.",
  command: "deno run -A bench/convolution.ts",
  flags,
  run: async (values) => {
    const { batchSize, steps, warmup } = values;
    const device = await openBenchDevice(values);
    const network = clothesNetwork(device);
    const optimizer = new AdamW(network.parameters(), { lr: 1e-3 });
    const x = normal(device, [batchSize, 1, 28, 28], { seed: 5 });
    const y = Tensor.from(device, Int32Array.from({ length: batchSize }, (_, i) => i % 10));
    const step = () => {
      using _scope = device.scope();
      optimizer.zeroGrad();
      nn.crossEntropy(network.forward(x), y).backward();
      optimizer.step();
    };
    const forward = () => {
      using _scope = device.scope();
      noGrad(() => network.forward(x));
    };
    await timeRuns(device, warmup, step);
    const liveAtFirst = device.live;
    const stepTimes = await timeRuns(device, steps, step);
    const { live } = device;
    await timeRuns(device, 2, forward);
    const forwardTimes = await timeRuns(device, Math.min(steps, 20), forward);
    console.log(JSON.stringify({
      library: "nanodino",
      device: device.info.description,
      config: values,
      ms: { step: round(median(stepTimes), 2), forward: round(median(forwardTimes), 2) },
      parameters: [...network.parameters().values()].reduce((sum, { size }) => sum + size, 0),
      live_at_first: liveAtFirst,
      live,
      peak_device_mb: round(device.memory.peakBytes / 2 ** 20, 1),
      peak_rss_mb: peakMemory(),
    }));
    await device.close();
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
