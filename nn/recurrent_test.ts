import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { gpuTest, tinyDevice } from "../testing/gpu.ts";
import { AdamW } from "../optim/mod.ts";
import { type Device, normal, openDevice, Tensor, uniformArray } from "../tensor/mod.ts";
import { GRU, Linear, LSTM, meanSquaredError } from "./mod.ts";

const options = { layers: 2, bidirectional: true, seed: 1 };
const names = [0, 1].flatMap((layer) =>
  ["", "_reverse"].flatMap((direction) =>
    ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((kind) => `${kind}_l${layer}${direction}`)
  )
);

cpuTest("recurrent layers have PyTorch's names, shapes and bounds", async (device) => {
  for (const [Layer, gates] of [[LSTM, 4], [GRU, 3]] as const) {
    const layer = new Layer(device, 3, 16, options);
    const state = layer.stateDict();
    assertEquals([...state.keys()], names);
    assertEquals(state.get("weight_ih_l0")!.shape, [16 * gates, 3]);
    assertEquals(state.get("weight_ih_l1_reverse")!.shape, [16 * gates, 32]);
    assertEquals(state.get("weight_hh_l1")!.shape, [16 * gates, 16]);
    assertEquals(state.get("bias_hh_l0")!.shape, [16 * gates]);
    const values = await state.get("weight_hh_l0")!.data();
    const largest = Math.max(...values.map(Math.abs));
    assert(largest <= 0.25 && largest > 0.24, `${largest}`);
    const others = await state.get("weight_hh_l1")!.data();
    assert(values.some((value, i) => value !== others[i]));
    const copy = new Layer(device, 3, 16, { ...options, seed: null });
    copy.loadStateDict(state);
    const x = normal(device, [2, 5, 3], { seed: 2 });
    assertEquals(await copy.forward(x).output.data(), await layer.forward(x).output.data());
    const without = new Layer(device, 3, 16, { seed: 1, bias: false });
    assertEquals([...without.parameters().keys()], ["weight_ih_l0", "weight_hh_l0"]);
  }
});

/** Numbers of a sum that depends on all results. */
function total(layer: LSTM | GRU, x: Tensor): Tensor {
  const results = Object.values(layer.forward(x)) as Tensor[];
  return results.map((each, i) => each.square().sum().mul(i + 1)).reduce((a, b) => a.add(b));
}

gpuTest("recurrent layers train with the eight buffers that every GPU has", async (device) => {
  const cpu = await openDevice("cpu", { threads: 1, blas: false });
  const gradients = [device, cpu].map((device) => {
    const x = Tensor.from(device, uniformArray(4, 12, -1, 1), { shape: [2, 3, 2] }).requireGrad();
    total(new LSTM(device, 2, 3, { seed: 3 }), x).backward();
    return x.grad!.data();
  });
  const [got, wanted] = await Promise.all(gradients) as [Float32Array, Float32Array];
  got.forEach((value, i) => assertAlmostEquals(value, wanted[i]!, 1e-5));
  await cpu.close();
}, tinyDevice);

testOnEveryDevice("gradients of recurrent layers are finite differences", async (device) => {
  for (const Layer of [LSTM, GRU]) {
    const layer = new Layer(device, 2, 3, { seed: 3 });
    const x = Tensor.from(device, uniformArray(4, 12, -1, 1), { shape: [2, 3, 2] }).requireGrad();
    total(layer, x).backward();
    const values = await x.grad!.data();
    const data = Float64Array.from(await x.data());
    const step = 1 / 64;
    for (let i = 0; i < data.length; i++) {
      const [up, down] = await Promise.all([step, -step].map((moved) => {
        const shifted = Float32Array.from(data.with(i, data[i]! + moved));
        return total(layer, Tensor.from(device, shifted, { shape: [2, 3, 2] })).item();
      }));
      const slope = (up! - down!) / (2 * step);
      assert(Math.abs(values[i]! - slope) < 2e-3, `${Layer.name} ${i}: ${values[i]}, ${slope}`);
    }
  }
});

/** Trains a layer to sum up what a marker points at, and returns the loss. */
async function train(device: Device, layer: LSTM | GRU): Promise<number> {
  const head = new Linear(device, 16, 1, { seed: 5 });
  const parameters = [...layer.parameters().values(), ...head.parameters().values()];
  const optimizer = new AdamW(parameters, { lr: 0.02 });
  const numbers = uniformArray(6, 32 * 8);
  const marks = uniformArray(7, 32 * 8).map((chance) => Number(chance < 0.3));
  const x = Tensor.from(
    device,
    Array.from(
      { length: 32 },
      (_, row) => Array.from({ length: 8 }, (_, i) => [numbers[8 * row + i]!, marks[8 * row + i]!]),
    ),
  );
  const y = x.at([], [], 0).mul(x.at([], [], 1)).sum(1, true);
  let live: number | undefined;
  for (let step = 0; step < 120; step++) {
    using _scope = device.scope();
    optimizer.zeroGrad();
    meanSquaredError(head.forward(layer.forward(x).output.at([], -1)), y).backward();
    optimizer.step();
    if (step === 5) live = device.live;
    if (step > 5) assertEquals(device.live, live);
  }
  return await meanSquaredError(head.forward(layer.forward(x).output.at([], -1)), y).item();
}

fresh.cpuTest(
  "recurrent layers learn to add what is marked, in constant memory",
  async (device) => {
    for (const Layer of [LSTM, GRU]) {
      const loss = await train(device, new Layer(device, 2, 16, { seed: 8 }));
      // The variance of the sums is about 0.6.
      assert(loss < 0.05, `${Layer.name}: ${loss}`);
    }
  },
);

cpuTest("dropout acts between layers, and only in training", async (device) => {
  const x = normal(device, [1, 4, 2], { seed: 9 });
  const layer = new LSTM(device, 2, 8, { layers: 2, dropout: 0.5, seed: 10 });
  const outputs = async () => [...await layer.forward(x).output.data()];
  assert((await outputs()).join() !== (await outputs()).join());
  layer.eval();
  assertEquals(await outputs(), await outputs());
});
