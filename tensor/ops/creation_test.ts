import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { normalArray, permutationArray, uniformArray } from "../random.ts";
import { normal, permutation, uniform } from "./creation.ts";
import { kernelTest } from "../../testing/every_device.ts";

kernelTest("random tensors have the bits of their seed", async (device) => {
  const u = uniform(device, [3, 5], { seed: 1, low: -2, high: 3 });
  assertEquals([u.shape, u.dtype, u.requiresGrad], [[3, 5], "float32", false]);
  assertEquals(await u.data(), uniformArray(1, 15, -2, 3));
  const n = normal(device, [7, 1], { seed: 2 ** 40, mean: 1, standardDeviation: 2 });
  assertEquals(n.shape, [7, 1]);
  assertEquals(await n.data(), normalArray(2 ** 40, 7, 1, 2));
  const p = permutation(device, 100, { seed: 3 });
  assertEquals([p.shape, p.dtype], [[100], "int32"]);
  assertEquals(await p.data(), permutationArray(3, 100));
});

kernelTest("random tensors can be parameters, scalars, or empty", async (device) => {
  assertEquals(normal(device, [2], { seed: 1, requiresGrad: true }).requiresGrad, true);
  assertEquals((await uniform(device, [], { seed: 1 }).data()).length, 1);
  assertEquals((await normal(device, [0, 3], { seed: 1 }).data()).length, 0);
  assertEquals((await permutation(device, 0, { seed: 1 }).data()).length, 0);
});

kernelTest("random tensors have the requested moments", async (device) => {
  const x = normal(device, [400, 500], { seed: 9, mean: -1, standardDeviation: 0.02 });
  assertAlmostEquals(await x.mean().item(), -1, 5 * 0.02 / Math.sqrt(200_000));
  assertAlmostEquals(await x.variance().item(), 4e-4, 5 * 4e-4 * Math.sqrt(2 / 200_000));
});

kernelTest("bad shapes, seeds and ranges are errors", (device) => {
  assertThrows(() => normal(device, [-1], { seed: 1 }), RangeError, "got [-1]");
  assertThrows(() => permutation(device, 1.5, { seed: 1 }), RangeError, "got [1.5]");
  assertThrows(() => uniform(device, [1], { seed: 0.5 }), RangeError, "got 0.5");
  assertThrows(() => uniform(device, [1], { seed: 1, low: 2 }), RangeError, "low 2 and high 1");
});
