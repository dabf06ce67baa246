import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { normalArray, uniformArray } from "../../random.ts";
import { Tensor } from "../../tensor.ts";
import { cumulativeSum } from "./scan.ts";
import { kernelTest } from "../../../testing/every_device.ts";

function runningSums(x: Float32Array, length: number, reverse = false): Float64Array {
  const sums = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += length) {
    let sum = 0;
    for (let step = 0; step < length; step++) {
      const i = row + (reverse ? length - 1 - step : step);
      sums[i] = sum += x[i]!;
    }
  }
  return sums;
}

/** Each sum is rounded once per element of its piece, and once per earlier piece. */
function assertClose(actual: ArrayLike<number>, expected: Float64Array, length: number): void {
  const largest = expected.reduce((most, sum) => Math.max(most, Math.abs(sum)), 0);
  const tolerance = (length / 128 + Math.min(length, 128) + 1) * 2 ** -24 * 2 * largest;
  expected.forEach((sum, i) => assertAlmostEquals(actual[i]!, sum, tolerance, `element ${i}`));
}

kernelTest("a running sum and its gradient agree with double precision", async (device) => {
  const shapes = [[1], [2], [127], [128], [129], [3, 1], [2, 300], [70, 40], [1, 32_768], [
    3,
    5001,
  ]];
  for (const shape of shapes) {
    using _scope = device.scope();
    const [length, size] = [shape.at(-1)!, shape.reduce((a, b) => a * b)];
    const [values, upstream] = [normalArray(1, size), normalArray(2, size)];
    const x = Tensor.from(device, values, { shape, requiresGrad: true });
    const y = cumulativeSum(x, -1);
    assertEquals(y.shape, shape);
    y.backward(Tensor.from(device, upstream, { shape }));
    const [sums, gradient] = [await y.data(), await x.grad!.data()];
    const [wanted, wantedGradient] = [
      runningSums(values, length),
      runningSums(upstream, length, true),
    ];
    assertClose(sums, wanted, length);
    assertClose(gradient, wantedGradient, length);
  }
});

kernelTest("the running sum of a long row of equal numbers stays accurate", async (device) => {
  // Added one by one in float32, these would be off by 1 %.
  const length = 2 ** 20;
  const values = new Float32Array(length).fill(0.1);
  const sums = await cumulativeSum(Tensor.from(device, values), 0).data();
  assertClose(sums, runningSums(values, length), length);
  assertAlmostEquals(sums.at(-1)! / (values[0]! * length), 1, 1e-4);
});

kernelTest("a running sum works along any axis, and takes views", async (device) => {
  const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]], { requiresGrad: true });
  assertEquals([...await cumulativeSum(x, 0).data()], [1, 2, 3, 5, 7, 9]);
  const y = cumulativeSum(x.transpose().slice(0, 1, 3), 0);
  assertEquals(y.shape, [2, 2]);
  assertEquals([...await y.data()], [2, 5, 5, 11]);
  y.sum().backward();
  assertEquals([...await x.grad!.data()], [0, 2, 1, 0, 2, 1]);
  const repeated = Tensor.from(device, [[3]]).expand([2, 4]);
  assertEquals([...await cumulativeSum(repeated, 1).data()], [3, 6, 9, 12, 3, 6, 9, 12]);
});

kernelTest("the running sum of nothing is nothing", async (device) => {
  for (const shape of [[0], [3, 0], [0, 3]]) {
    assertEquals((await cumulativeSum(Tensor.zeros(device, shape), -1).data()).length, 0);
  }
});

kernelTest("running sums of non-negative numbers never decrease", async (device) => {
  const values = uniformArray(3, 30_001).map((u) => u < 0.5 ? 0 : u ** 20);
  const sums = await cumulativeSum(Tensor.from(device, values), 0).data();
  assertEquals(sums.every((sum, i) => i === 0 || sum >= sums[i - 1]!), true);
  // The sum does not change where the number is 0.
  assertEquals(sums.every((sum, i) => i === 0 || values[i] !== 0 || sum === sums[i - 1]), true);
});

kernelTest("a running sum along no axis is an error", (device) => {
  assertThrows(() => cumulativeSum(Tensor.zeros(device, [2]), 1), RangeError, "axis 1");
});
