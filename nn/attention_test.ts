import { assert, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { attention, type Device, normal, Tensor } from "../tensor/mod.ts";
import { Attention } from "./attention.ts";
import { SelfAttention } from "./self_attention.ts";

async function assertSame(a: Tensor, b: Tensor, within = 1e-6): Promise<void> {
  assertEquals(a.shape, b.shape);
  const [x, y] = [await a.data(), await b.data()];
  x.forEach((value, i) => assert(Math.abs(value - y[i]!) <= within, `${i}: ${value}, ${y[i]}`));
}

const tensors = (device: Device) =>
  [1, 2, 3].map((seed) => normal(device, [2, 6, 2, 4], { seed, requiresGrad: true })) as [
    Tensor,
    Tensor,
    Tensor,
  ];

testOnEveryDevice(
  "a mask that shows everything changes nothing, nor the gradients",
  async (device) => {
    const options = [{ causal: true }, { causal: false }, { causal: true, window: 2, scale: 0.3 }];
    for (const each of options) {
      const [plain, masked] = [tensors(device), tensors(device)];
      const y = attention(...plain, each);
      const z = attention(...masked, { ...each, mask: Tensor.ones(device, [1]) });
      await assertSame(y, z, 1e-5);
      for (const result of [y, z]) result.square().sum().backward();
      for (const i of [0, 1, 2]) await assertSame(plain[i]!.grad!, masked[i]!.grad!, 1e-4);
    }
  },
);

testOnEveryDevice("a query that sees no key gets zeros, and no gradient", async (device) => {
  const [q, k, v] = tensors(device);
  const mask = Tensor.from(device, [[1], [1], [0], [1], [1], [1]]);
  const y = attention(q, k, v, { causal: false, mask });
  assertEquals(new Set(await y.at([], 2).data()), new Set([0]));
  y.sum().backward();
  for (const { grad } of [q, k, v]) {
    assert((await grad!.data()).every(Number.isFinite));
  }
  assertEquals(new Set(await q.grad!.at([], 2).data()), new Set([0]));
});

testOnEveryDevice("padding does not change what precedes it", async (device) => {
  const layer = new SelfAttention(device, 8, { heads: 2, causal: false, rotary: true, seed: 1 });
  const x = normal(device, [1, 5, 8], { seed: 2 });
  const padded = Tensor.zeros(device, [1, 7, 8]).add(100).mul(1);
  const both = Tensor.from(device, [...await x.data(), ...(await padded.at(0, [0, 2]).data())], {
    shape: [1, 7, 8],
  });
  const mask = Tensor.from(device, [1, 1, 1, 1, 1, 0, 0]);
  const y = layer.forward(both, { mask }).slice(1, 0, 5);
  await assertSame(y, layer.forward(x), 1e-5);
});

testOnEveryDevice("attention to a context reads all of it, but for the mask", async (device) => {
  const layer = new Attention(device, 8, { heads: 4, contextWidth: 6, seed: 1 });
  assertEquals([...layer.parameters()].map(([name, { shape }]) => `${name} ${shape}`), [
    ...["query.weight 8,8", "query.bias 8", "key.weight 8,6", "key.bias 8"],
    ...["value.weight 8,6", "value.bias 8", "projection.weight 8,8", "projection.bias 8"],
  ]);
  const x = normal(device, [2, 3, 8], { seed: 2 });
  const context = normal(device, [2, 5, 6], { seed: 3 });
  const mask = Tensor.from(device, [1, 1, 1, 0, 0]);
  await assertSame(
    layer.forward(x, context, { mask }),
    layer.forward(x, context.slice(1, 0, 3)),
    1e-5,
  );
});

cpuTest("wrong shapes of a context are named", (device) => {
  const layer = new Attention(device, 8, { heads: 4, seed: 1 });
  assertThrows(
    () => layer.forward(Tensor.ones(device, [2, 3, 8]), Tensor.ones(device, [1, 3, 8])),
    RangeError,
    "wanted [batch, queries, width] and [batch, keys, width], got [2, 3, 8] and [1, 3, 8]",
  );
  assertThrows(() => new Attention(device, 8, { heads: 3, seed: 1 }), RangeError, "got 3");
});
