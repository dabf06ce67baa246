import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { AdamW } from "../optim/mod.ts";
import { normal, Tensor } from "../tensor/mod.ts";
import { Activation } from "./activation.ts";
import { Conv1d, Conv2d, ConvTranspose2d } from "./convolution.ts";
import { GroupNorm } from "./group_norm.ts";
import { Linear } from "./linear.ts";
import { meanSquaredError } from "./losses.ts";
import { AvgPool2d, Flatten, MaxPool2d, Unflatten } from "./pool.ts";
import { Sequential } from "./sequential.ts";

cpuTest("convolutions have PyTorch's parameters and bounds", async (device) => {
  const layers = [
    new Conv2d(device, 6, 8, [3, 5], { seed: 1, groups: 2 }),
    new Conv1d(device, 6, 8, 3, { seed: 2, bias: false }),
    new ConvTranspose2d(device, 6, 8, 3, { seed: 3, groups: 2, outputPadding: 1, stride: 2 }),
  ];
  const shapes = layers.map((layer) =>
    [...layer.parameters()].map(([name, { shape }]) => [name, shape])
  );
  assertEquals(shapes as unknown, [
    [["weight", [8, 3, 3, 5]], ["bias", [8]]],
    [["weight", [8, 6, 3]]],
    [["weight", [6, 4, 3, 3]], ["bias", [8]]],
  ]);
  for (const [i, inputs] of [45, 18, 36].entries()) {
    const largest = Math.max(...(await layers[i]!.weight.data()).map(Math.abs));
    const bound = 1 / Math.sqrt(inputs);
    assert(largest <= bound && largest > 0.9 * bound, `${largest} of ${bound}`);
  }
  assertEquals(layers[0]!.forward(Tensor.ones(device, [2, 6, 7, 8])).shape, [2, 8, 5, 4]);
  assertEquals(layers[1]!.forward(Tensor.ones(device, [2, 6, 9])).shape, [2, 8, 7]);
  assertEquals(layers[2]!.forward(Tensor.ones(device, [2, 6, 4, 4])).shape, [2, 8, 10, 10]);
  assertThrows(
    () => new Conv2d(device, 3, 4, 0, { seed: 1 }),
    RangeError,
    "kernel to be 1 or more, got 0",
  );
  assertThrows(() => new Conv2d(device, 3, 4, 3, {} as never), TypeError, "seed");
});

testOnEveryDevice("a group norm gives each group mean 0 and variance 1", async (device) => {
  const x = normal(device, [2, 6, 3, 5], { seed: 1 }).mul(3).add(4);
  const layer = new GroupNorm(device, 3, 6);
  const groups = layer.forward(x).reshape([6, 30]);
  for (const mean of await groups.mean(1).data()) assertAlmostEquals(mean, 0, 1e-5);
  for (const variance of await groups.variance(1).data()) {
    assertAlmostEquals(variance, 30 / 29, 1e-3);
  }
  assertThrows(
    () => layer.forward(x.reshape([2, 3, 6, 5])),
    RangeError,
    "wanted [B, 6, …], got [2, 3, 6, 5]",
  );
  assertThrows(
    () => new GroupNorm(device, 4, 6),
    RangeError,
    "groups that divide 6 channels, got 4",
  );
});

fresh.cpuTest("a small network of convolutions learns where a square is", async (device) => {
  // Images of one bright square of 2 × 2; wanted are its row and column.
  const places = Array.from({ length: 49 }, (_, i) => [Math.floor(i / 7), i % 7] as const);
  const images = places.map(([row, column]) =>
    Array.from(
      { length: 8 },
      (_, y) =>
        Array.from({ length: 8 }, (_, x) => Number(y - row >> 1 === 0 && x - column >> 1 === 0)),
    )
  );
  const x = Tensor.from(device, images.map((image) => [image]));
  const y = Tensor.from(device, places.map((place) => place.map((at) => at / 3 - 1)));
  const network = new Sequential([
    new Conv2d(device, 1, 8, 3, { padding: 1, seed: 1 }),
    new Activation("relu"),
    new MaxPool2d(2),
    new Conv2d(device, 8, 8, 3, { padding: 1, seed: 2 }),
    new Activation("relu"),
    new AvgPool2d(2),
    new Flatten(),
    new Linear(device, 32, 2, { seed: 3 }),
  ]);
  const optimizer = new AdamW(network.parameters(), { lr: 0.01 });
  let live: number | undefined;
  for (let step = 0; step < 150; step++) {
    using _scope = device.scope();
    optimizer.zeroGrad();
    meanSquaredError(network.forward(x), y).backward();
    optimizer.step();
    if (step === 20) live = device.live;
    if (step > 20) assertEquals(device.live, live);
  }
  const loss = await meanSquaredError(network.forward(x), y).item();
  assert(loss < 0.02, `the loss is ${loss}`);
});

cpuTest("Unflatten undoes Flatten", async (device) => {
  const x = normal(device, [2, 3, 4, 5], { seed: 1 });
  const flat = new Flatten().forward(x);
  for (const lengths of [[3, 4, 5], [3, -1, 5]]) {
    const back = new Unflatten(-1, lengths).forward(flat);
    assertEquals(back.shape, x.shape);
    assertEquals(await back.data(), await x.data());
  }
  assertEquals(new Unflatten(0, [1, 2]).forward(x).shape, [1, 2, 3, 4, 5]);
  assertThrows(() => new Unflatten(1, [7, 9]).forward(flat), RangeError, "[2, 7, 9]");
  assertThrows(() => new Unflatten(2, [60]).forward(flat), RangeError, "axis 2");
});
