import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { noGrad, normal, Tensor } from "../tensor/mod.ts";
import { BatchNorm1d, BatchNorm2d } from "./batch_norm.ts";

testOnEveryDevice("after eval, a batch norm uses the running mean and variance", async (device) => {
  const layer = new BatchNorm2d(device, 2, { momentum: 1 });
  const x = normal(device, [16, 2, 5, 5], { seed: 1, mean: 3, standardDeviation: 2 });
  layer.forward(x);
  // One image is normalized by what the batch left.
  const y = await layer.eval().forward(x.slice(0, 0, 1)).data();
  const [mean, variance] = [await layer.running_mean.data(), await layer.running_var.data()];
  const values = await x.slice(0, 0, 1).data();
  y.forEach((value, i) => {
    const channel = Math.floor(i / 25);
    const wanted = (values[i]! - mean[channel]!) / Math.sqrt(variance[channel]! + 1e-5);
    assertAlmostEquals(value, wanted, 1e-5);
  });
  const before = await layer.running_mean.data();
  layer.forward(x.mul(9));
  assertEquals(await layer.running_mean.data(), before);
  assertEquals(await layer.num_batches_tracked.item(), 1);
});

testOnEveryDevice("without a momentum, the running mean is that of all batches", async (device) => {
  const layer = new BatchNorm1d(device, 3, { momentum: null });
  const parts = [1, 2, 3].map((seed) => normal(device, [8, 3], { seed, mean: seed }));
  for (const part of parts) layer.forward(part);
  const means = await Promise.all(parts.map((part) => part.mean(0).data()));
  const running = await layer.running_mean.data();
  running.forEach((value, c) => {
    assertAlmostEquals(value, means.reduce((sum, each) => sum + each[c]! / 3, 0), 1e-5);
  });
});

fresh.testOnEveryDevice("running a batch norm leaves nothing behind", (device) => {
  const layer = new BatchNorm2d(device, 3);
  const x = normal(device, [4, 3, 4, 4], { seed: 1, requiresGrad: true });
  const step = () => {
    using _scope = device.scope();
    layer.forward(x).square().sum().backward();
    layer.zeroGrad();
    x.zeroGrad();
  };
  step();
  const { live } = device;
  for (let i = 0; i < 20; i++) step();
  assertEquals(device.live, live);
});

cpuTest("wrong shapes and options of a batch norm are named", (device) => {
  const layer = new BatchNorm2d(device, 3);
  assertThrows(
    () => layer.forward(Tensor.ones(device, [2, 4, 5, 5])),
    RangeError,
    "Cannot run a BatchNorm2d: wanted [B, 3, H, W], got [2, 4, 5, 5]",
  );
  assertThrows(
    () => layer.forward(Tensor.ones(device, [1, 3, 1, 1])),
    RangeError,
    "wanted more than one value a channel to train on, got the shape [1, 3, 1, 1]",
  );
  assertThrows(() => new BatchNorm1d(device, 0), RangeError, "channels to be 1 or more");
  assertThrows(() => new BatchNorm1d(device, 2, { momentum: 2 }), RangeError, "from 0 to 1, got 2");
  assert(new BatchNorm1d(device, 2).eval().forward(Tensor.ones(device, [1, 2])).size === 2);
});

testOnEveryDevice(
  "a running variance may exceed what the dtype of the batch holds",
  async (device) => {
    const layer = new BatchNorm1d(device, 1, { momentum: 1 });
    const x = Tensor.from(device, [[300], [-300], [600], [-600]], { dtype: "float16" });
    const y = layer.forward(x);
    assertEquals(y.dtype, "float16");
    const wanted = [0.6325, -0.6325, 1.265, -1.265];
    (await y.data()).forEach((value, i) => assertAlmostEquals(value, wanted[i]!, 1e-3));
    assertAlmostEquals(await layer.running_var.item(), 300_000, 0.1);
  },
);

fresh.testOnEveryDevice("a batch norm of few bits keeps nothing but its result", (device) => {
  const layer = new BatchNorm2d(device, 3).eval();
  const x = Tensor.ones(device, [2, 3, 4, 4], { dtype: "float16" });
  const run = () => {
    using _scope = device.scope();
    noGrad(() => layer.forward(x));
    return device.live;
  };
  const after = run();
  assertEquals(run(), after);
});
