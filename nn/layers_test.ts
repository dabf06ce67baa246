import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { type Device, normal, openDevice, Tensor } from "../tensor/mod.ts";
import { Activation, type ActivationName } from "./activation.ts";
import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import { LayerNorm } from "./layer_norm.ts";
import { Linear } from "./linear.ts";
import { MLP } from "./mlp.ts";
import { RMSNorm } from "./rms_norm.ts";
import { namedSeed } from "./parameter.ts";
import { Sequential } from "./sequential.ts";

testOnEveryDevice("a linear layer multiplies by its weight and adds its bias", async (device) => {
  const layer = new Linear(device, 3, 2, { seed: 1 });
  const x = [[1, -2, 0.5], [0, 3, 4]];
  const [weight, bias] = [await layer.weight.data(), await layer.bias!.data()];
  const y = await layer.forward(Tensor.from(device, x)).data();
  const wanted = x.flatMap((row) =>
    [0, 1].map((o) => bias[o]! + row.reduce((sum, v, i) => sum + v * weight[3 * o + i]!, 0))
  );
  wanted.forEach((value, i) => assertAlmostEquals(y[i]!, value, 1e-6));
});

cpuTest(
  "a linear layer starts uniformly within the inverse root of its inputs",
  async (device) => {
    const layer = new Linear(device, 100, 40, { seed: 1 });
    for (const each of layer.parameters().values()) {
      const largest = Math.max(...(await each.data()).map(Math.abs));
      assert(largest <= 0.1 && largest > 0.09, `the largest is ${largest}`);
    }
    assertEquals([...layer.weight.shape], [40, 100]);
    assertEquals(new Linear(device, 2, 2, { seed: 1, bias: false }).parameters().size, 1);
  },
);

cpuTest(
  "a seed gives the same layer each time, and another seed a different one",
  async (device) => {
    const weights = (seed: number) => new Linear(device, 4, 4, { seed }).weight.data();
    assertEquals(await weights(1), await weights(1));
    assertNotEquals(await weights(1), await weights(2));
  },
);

Deno.test("the seed of a part depends on its name and on the seed of the whole", () => {
  const seeds = ["weight", "bias", "layers.0", "layers.1", "layers.10"].flatMap((name) =>
    [0, 1, 2 ** 40].map((seed) => namedSeed(seed, name))
  );
  assertEquals(new Set(seeds).size, seeds.length);
  assert(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0));
});

cpuTest("a deeper network starts with the layers of a shallower one", async (device) => {
  const [short, long] = [[4, 4, 4], [4, 4, 4, 4]].map((widths) =>
    new MLP(device, widths, { seed: 7 })
  );
  for (const [name, parameter] of short!.parameters()) {
    assertEquals(await long!.parameters().get(name)!.data(), await parameter.data());
  }
  assertNotEquals(await long!.layers[0]!.weight.data(), await long!.layers[1]!.weight.data());
});

testOnEveryDevice(
  "an embedding looks up rows, and refuses ids out of range",
  async (device) => {
    const table = new Embedding(device, 5, 2, { seed: 1 });
    const weight = await table.weight.data();
    const ids = Tensor.from(device, [[4, 0]], { dtype: "int32" });
    assertEquals([...await table.forward(ids).data()], [...weight.slice(8), ...weight.slice(0, 2)]);
    const outside = Tensor.from(device, [5], { dtype: "int32" });
    assertThrows(() => table.forward(outside), RangeError, "got 5");
  },
);

testOnEveryDevice("norms apply their factors and biases after the statistics", async (device) => {
  const x = Tensor.from(device, [[1, 7]]);
  const rms = new RMSNorm(device, 2);
  const layer = new LayerNorm(device, 2);
  rms.loadStateDict(new Map([["weight", Tensor.from(device, [1, 10])]]));
  layer.loadStateDict(
    new Map([["weight", Tensor.from(device, [1, 10])], ["bias", Tensor.from(device, [0, 1])]]),
  );
  const close = (got: ArrayLike<number>, wanted: number[]) =>
    wanted.forEach((value, i) => assertAlmostEquals(got[i]!, value, 1e-5));
  close(await rms.forward(x).data(), [0.2, 14]);
  close(await layer.forward(x).data(), [-1, 11]);
  close(await new RMSNorm(device, 2, { weight: false, epsilon: 75 }).forward(x).data(), [0.1, 0.7]);
  assertEquals(new RMSNorm(device, 2, { weight: false }).parameters().size, 0);
  assertEquals(new LayerNorm(device, 2, { bias: false }).parameters().size, 1);
});

const activations: Record<ActivationName, (x: number) => number> = {
  identity: (x) => x,
  relu: (x) => Math.max(x, 0),
  reluSquared: (x) => Math.max(x, 0) ** 2,
  gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  elu: (x) => x > 0 ? x : Math.expm1(x),
  leakyRelu: (x) => x > 0 ? x : 0.01 * x,
  softplus: (x) => Math.log1p(Math.exp(x)),
  logSigmoid: (x) => -Math.log1p(Math.exp(-x)),
  hardswish: (x) => x * Math.min(Math.max(x + 3, 0), 6) / 6,
};

cpuTest("every activation is found by its name, and an unknown one is refused", async (device) => {
  const x = [-3, -0.5, 0, 0.5, 3];
  for (const [name, reference] of Object.entries(activations)) {
    const layer = new Activation(name as ActivationName);
    const y = await layer.forward(Tensor.from(device, x)).data();
    x.forEach((value, i) => assertAlmostEquals(y[i]!, reference(value), 1e-5, name));
  }
  assertThrows(() => new Activation("swish" as ActivationName), RangeError, "got swish");
  assertThrows(() => new Activation("toString" as ActivationName), RangeError, "got toString");
});

cpuTest("a sequence of layers applies them in order", async (device) => {
  const [first, second] = [
    new Linear(device, 2, 3, { seed: 1 }),
    new Linear(device, 3, 1, { seed: 2 }),
  ];
  const network = new Sequential([first, new Activation("tanh"), second]);
  const x = normal(device, [4, 2], { seed: 3 });
  const wanted = await second.forward(first.forward(x).tanh()).data();
  assertEquals(await network.forward(x).data(), wanted);
  assertEquals([...network.parameters().keys()], [
    "layers.0.weight",
    "layers.0.bias",
    "layers.2.weight",
    "layers.2.bias",
  ]);
});

testOnEveryDevice(
  "dropout drops the same numbers on every device, and others at each call",
  async (device) => {
    const ones = (on: Device) => Tensor.ones(on, [1000], { requiresGrad: true });
    const cpu = await openDevice("cpu", { threads: 1, blas: false });
    const [here, there] = [0, 1].map(() => new Dropout(0.25, { seed: 42 })) as [Dropout, Dropout];
    const x = ones(device);
    const y = here.forward(x);
    const first = await y.data();
    assertEquals(first, await there.forward(ones(cpu)).data());
    assertNotEquals(first, await here.forward(x).data());
    await cpu.close();

    const dropped = [...first].filter((value) => value === 0).length;
    assert(dropped > 200 && dropped < 300, `${dropped} of 1000 were dropped`);
    assert(first.every((value) => value === 0 || Math.abs(value - 4 / 3) < 1e-6));
    y.sum().backward();
    assertEquals(await x.grad!.data(), first);
  },
);

cpuTest(
  "dropout resumes from a call count, and is the identity in evaluation mode",
  async (device) => {
    const x = Tensor.ones(device, [100]);
    const one = new Dropout(0.5, { seed: 1 });
    one.forward(x);
    const second = await one.forward(x).data();
    const resumed = new Dropout(0.5, { seed: 1 });
    resumed.calls = 1;
    assertEquals(await resumed.forward(x).data(), second);
    assert(resumed.eval().forward(x) === x);
    assertEquals(resumed.calls, 2);
  },
);

cpuTest("sizes and probabilities out of range are refused", (device) => {
  const seed = 1;
  assertThrows(
    () => new Linear(device, 0, 1, { seed }),
    RangeError,
    "wanted inputs to be 1 or more, got 0",
  );
  assertThrows(
    () => new Linear(device, 1, 1.5, { seed }),
    RangeError,
    "wanted outputs to be 1 or more",
  );
  assertThrows(
    () => new Embedding(device, 3, -1, { seed }),
    RangeError,
    "wanted width to be 1 or more",
  );
  assertThrows(() => new MLP(device, [3], { seed }), RangeError, "at least 2 widths");
  assertThrows(
    () => new Dropout(1, { seed }),
    RangeError,
    "wanted a probability from 0 to below 1, got 1",
  );
  assertThrows(() => new Linear(device, 1, 1, { seed: -1 }), RangeError);
  const layer = new Linear(device, 3, 1, { seed });
  assertThrows(() => layer.forward(Tensor.ones(device, [2, 4])), RangeError);
});
