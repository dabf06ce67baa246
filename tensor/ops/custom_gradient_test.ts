import { assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { customGradient, Tensor } from "../mod.ts";

testOnEveryDevice("a gradient of one's own replaces the derived one", async (device) => {
  // Hard tanh with the slope of tanh, of two inputs.
  const scaled = customGradient(
    "scaled hard tanh",
    (x, scale) => x.clamp(-1, 1).mul(scale!),
    (upstream, [x, scale], output) => {
      const slope = x!.tanh().square().neg().add(1);
      return [upstream.mul(scale!).mul(slope), upstream.mul(output.div(scale!)).sum()];
    },
  );
  const x = Tensor.from(device, [-2, 0, 0.5], { requiresGrad: true });
  const scale = Tensor.from(device, 3, { requiresGrad: true });
  const y = scaled(x, scale);
  assertEquals([...await y.data()], [-3, 0, 1.5]);
  y.sum().backward();
  const slopes = [-2, 0, 0.5].map((value) => Math.fround(3 * (1 - Math.tanh(value) ** 2)));
  const got = await x.grad!.data();
  slopes.forEach((slope, i) => assertEquals(Math.abs(slope - got[i]!) < 1e-6, true));
  assertEquals(await scale.grad!.item(), -0.5);
});

testOnEveryDevice("forward may return an input, and backward its upstream", async (device) => {
  const reversed = customGradient("reverse", (x) => x, (upstream) => [upstream.neg()]);
  const same = customGradient("same", (x) => x, (upstream) => [upstream]);
  const x = Tensor.from(device, [1, 2], { requiresGrad: true });
  // Twice, so that gradients are added up.
  same(reversed(x)).add(same(x).mul(3)).sum().backward();
  assertEquals([...await x.grad!.data()], [2, 2]);
  const both = customGradient("both", (a, b) => a.add(b!), (upstream) => [upstream, upstream]);
  const [a, b] = [1, 2].map((value) => Tensor.from(device, value, { requiresGrad: true }));
  both(a!, b!).mul(2).backward();
  assertEquals([await a!.grad!.item(), await b!.grad!.item()], [2, 2]);
  assertEquals(await both(a!, b!).item(), 3);
});

testOnEveryDevice("nothing in forward is recorded, and a null gives no gradient", (device) => {
  const none = customGradient("none", (x) => x.exp(), () => [null]);
  const x = Tensor.from(device, [1, 2], { requiresGrad: true });
  none(x).sum().backward();
  assertEquals(x.grad, null);
  assertEquals(none(x.detach()).requiresGrad, false);
});

testOnEveryDevice("wrong gradients are named with the operation", (device) => {
  const x = Tensor.from(device, [1, 2], { requiresGrad: true });
  const run = (backward: Parameters<typeof customGradient>[2]) => () =>
    customGradient("mine", (x) => x.mul(2), backward)(x).sum().backward();
  assertThrows(
    run((upstream) => [upstream.sum()]),
    RangeError,
    'Cannot compute the gradient of "mine": wanted gradient 0 of the shape [2], got []',
  );
  assertThrows(run(() => []), RangeError, "wanted a gradient for each of 1 inputs, got 0");
  assertThrows(run((upstream) => upstream as never), TypeError, "wanted backward to return a list");
  assertThrows(
    () => customGradient("mine", (() => 3) as never, () => [])(x),
    TypeError,
    "Cannot compute mine: wanted forward to return a tensor, got 3",
  );
});
