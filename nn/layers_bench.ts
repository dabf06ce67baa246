/**
 * Layers forward and backward, on every device, with the rows of a training step of 4 × 256 tokens.
 * Results of the devices are compared before timing.
 *
 * @module
 */

import { assert } from "@std/assert";
import { openBenchDevices } from "../testing/bench_devices.ts";
import { relativeDeviation } from "../testing/golden.ts";
import { type Device, normal, type Tensor, type TypedArray } from "../tensor/mod.ts";
import { type Layer, LayerNorm, Linear, LSTM, MLP, Module, RMSNorm, SelfAttention } from "./mod.ts";

const WIDTH = 256;
const shape = [4, 256, WIDTH];

/** An LSTM as a layer, without its states. */
class Outputs extends Module {
  readonly lstm: LSTM;

  constructor(device: Device) {
    super();
    this.lstm = new LSTM(device, WIDTH, WIDTH, { seed: 1 });
  }

  forward(x: Tensor): Tensor {
    return this.lstm.forward(x).output;
  }
}

const layers: Readonly<Record<string, (device: Device) => Module & Layer>> = {
  "Linear 256 to 1,024": (device) => new Linear(device, WIDTH, 4 * WIDTH, { seed: 1 }),
  "MLP 256, 1,024, 256": (device) =>
    new MLP(device, [WIDTH, 4 * WIDTH, WIDTH], { activation: "gelu", seed: 1 }),
  "SelfAttention of 4 heads": (device) => new SelfAttention(device, WIDTH, { heads: 4, seed: 1 }),
  "LSTM 256": (device) => new Outputs(device),
  "RMSNorm": (device) => new RMSNorm(device, WIDTH),
  "LayerNorm": (device) => new LayerNorm(device, WIDTH),
};

const { devices, baseline } = await openBenchDevices();
for (const [group, make] of Object.entries(layers)) {
  let expected: TypedArray | null = null;
  for (const [name, device] of devices) {
    const layer = make(device);
    const x = normal(device, shape, { seed: 2, requiresGrad: true });
    const upstream = normal(device, layer.forward(x).shape, { seed: 3 });
    const run = (): Tensor => {
      x.zeroGrad();
      layer.forward(x).backward(upstream);
      return x.grad!;
    };
    const gradient = await run().data();
    expected ??= gradient;
    assert(relativeDeviation(gradient, expected) < 1e-4, `${group}: ${name} differs`);
    Deno.bench({
      name,
      group: `${group}, forward and backward`,
      baseline: name === baseline,
      n: 20,
      warmup: 3,
      fn: async () => {
        {
          using _scope = device.scope();
          run();
        }
        await device.synchronize();
      },
    });
  }
}
