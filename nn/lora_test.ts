import { assert, assertEquals, assertThrows } from "@std/assert";
import { AdamW } from "../optim/mod.ts";
import { type Device, noGrad, Tensor } from "../tensor/mod.ts";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import { addLoRA, LoRALinear } from "./lora.ts";
import { MLP } from "./mlp.ts";
import { Module } from "./module.ts";

const values = (count: number, shift: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1 + 3 * i + shift));

function tensorOf(device: Device, shape: number[], shift: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return Tensor.from(device, values(count, shift), { shape });
}

/** A layer whose correction is not zero. */
function makeLayer(device: Device): LoRALinear {
  const layer = new LoRALinear(new Linear(device, 5, 4, { seed: 1 }), {
    rank: 2,
    alpha: 3,
    seed: 2,
  });
  layer.lora_B.assign(values(8, 7));
  return layer;
}

testOnEveryDevice("an adapter's gradients are those of finite differences", async (device) => {
  const layer = makeLayer(device);
  const [x, weights] = [tensorOf(device, [3, 5], 0), tensorOf(device, [3, 4], 5)];
  const loss = () => layer.forward(x).tanh().mul(weights).sum();
  loss().backward();
  for (const [name, parameter] of layer.parameters()) {
    const gradient = await parameter.grad!.data();
    const start = Float32Array.from(await parameter.data());
    for (const i of start.keys()) {
      const at = async (step: number) => {
        const moved = start.slice();
        moved[i]! += step;
        parameter.assign(moved);
        return await noGrad(loss).item();
      };
      const numeric = (await at(0.01) - await at(-0.01)) / 0.02;
      assert(Math.abs(numeric - gradient[i]!) < 2e-3, `${name} ${i}: ${numeric}, ${gradient[i]}`);
    }
    parameter.assign(start);
  }
});

testOnEveryDevice("the merged matrix computes what layer and adapter do", async (device) => {
  const layer = makeLayer(device);
  const x = tensorOf(device, [3, 5], 0);
  const plain = new Linear(device, 5, 4, { seed: 1 });
  plain.weight.assign(Float32Array.from(await layer.weight.data()));
  const [merged, adapted] = [await plain.forward(x).data(), await layer.forward(x).data()];
  merged.forEach((value, i) => assert(Math.abs(value - adapted[i]!) < 1e-5));
});

testOnEveryDevice(
  "a network with adapters learns, its own values stay, and it merges",
  async (device) => {
    const network = new MLP(device, [6, 12, 3], { activation: "tanh", seed: 1 });
    const before = network.parameters();
    const kept = await Promise.all(
      Array.from(before.values(), async (p) => (await p.data()).slice()),
    );
    const adapters = addLoRA(network, { rank: 2, seed: 3 });
    const names = Array.from(
      adapters.layers.keys(),
      (path) => [`${path}.lora_A`, `${path}.lora_B`],
    );
    assertEquals([...network.parameters().keys()], names.flat());
    const [x, y] = [tensorOf(device, [8, 6], 0), tensorOf(device, [8, 3], 2)];
    const loss = () => network.forward(x).sub(y).square().mean();
    const optimizer = new AdamW(network.parameters(), { lr: 0.02 });
    const first = await noGrad(loss).item();
    for (let step = 0; step < 60; step++) {
      using _scope = device.scope();
      optimizer.zeroGrad();
      loss().backward();
      optimizer.step();
    }
    const last = await noGrad(loss).item();
    assert(last < 0.8 * first, `${first}, ${last}`);
    for (const [i, parameter] of [...before.values()].entries()) {
      assertEquals(parameter.grad, null);
      assertEquals((await parameter.data()).join(), kept[i]!.join());
    }
    const merged = new MLP(device, [6, 12, 3], { activation: "tanh", seed: 9 });
    merged.loadStateDict(adapters.mergedState());
    const after = await noGrad(() => merged.forward(x).sub(y).square().mean()).item();
    assert(Math.abs(after - last) < 1e-5, `${after}, ${last}`);
  },
);

cpuTest("a rank that a matrix cannot have, and a network without layers, are refused", (device) => {
  const layer = new Linear(device, 5, 4, { seed: 1 });
  for (const rank of [0, 5, 1.5]) {
    assertThrows(
      () => new LoRALinear(layer, { rank, seed: 1 }),
      RangeError,
      `wanted a rank from 1 to 4, got ${rank}`,
    );
  }
  const network = new MLP(device, [6, 12, 3], { activation: "tanh", seed: 1 });
  const isAdapted = () => false;
  assertThrows(() => addLoRA(network, { rank: 2, seed: 1, isAdapted }), RangeError, "got none");
  assertThrows(
    () => addLoRA(network, { rank: 2, seed: 1, lora_alpha: 16 } as never),
    TypeError,
    "wanted options named rank, alpha, seed, got lora_alpha. Did you mean alpha?",
  );
  assertEquals(network.parameters().size, 4);
});

cpuTest("layers in a map are adapted, and its other parameters frozen", (device) => {
  class Network extends Module {
    readonly parts = new Map<number, Module>([
      [1, new Linear(device, 4, 4, { seed: 1 })],
      [2, new Embedding(device, 5, 4, { seed: 2 })],
    ]);
  }
  const network = new Network();
  addLoRA(network, { rank: 2, seed: 3 });
  assertEquals([...network.parameters().keys()], ["parts.1.lora_A", "parts.1.lora_B"]);
});
