import { assert, assertEquals } from "@std/assert";
import { fresh, testOnEveryDevice } from "../../testing/every_device.ts";
import { linear, Tensor } from "../mod.ts";

fresh.testOnEveryDevice("backward keeps the output of ReLU², and not its input", (device) => {
  const weight = Tensor.ones(device, [128, 32], { requiresGrad: true });
  const x = Tensor.ones(device, [64, 32]);
  const before = device.memory.liveBytes;
  using scope = device.scope();
  using _inner = device.scope();
  scope.keep(linear(x, weight).reluSquared());
  _inner[Symbol.dispose]();
  assertEquals(device.memory.liveBytes - before, 4 * 64 * 128);
});

testOnEveryDevice(
  "the gradient of ReLU² is 2 relu(x), also where the gradient above is infinite",
  async (device) => {
    const x = Tensor.from(device, [-Infinity, -2, -0, 0, 1e-3, 3, 1e15, Infinity, NaN], {
      requiresGrad: true,
    });
    x.reluSquared().backward(Tensor.ones(device, x.shape));
    const got = await x.grad!.data();
    const wanted = [0, 0, 0, 0, 2e-3, 6, 2e15, Infinity, NaN];
    wanted.forEach((value, i) => {
      const isClose = Object.is(got[i], value) || Math.abs(got[i]! / value - 1) < 1e-6;
      assert(isClose, `element ${i}: wanted ${value}, got ${got[i]}`);
    });
    const y = Tensor.from(device, [-1, 0], { requiresGrad: true });
    y.reluSquared().backward(Tensor.from(device, [Infinity, Infinity]));
    assertEquals([...await y.grad!.data()], [0, 0]);
  },
);
