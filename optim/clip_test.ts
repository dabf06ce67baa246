import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, fresh, testOnEveryDevice } from "../testing/every_device.ts";
import { type Device, normal, Tensor } from "../tensor/mod.ts";
import { clipGradientNorm } from "./clip.ts";

function withGradient(device: Device, shape: number[], seed: number): Tensor {
  const parameter = Tensor.zeros(device, shape, { requiresGrad: true });
  parameter.grad = normal(device, shape, { seed });
  return parameter;
}

async function gradientsOf(parameters: Tensor[]): Promise<number[]> {
  return (await Promise.all(parameters.map(async ({ grad }) => [...await grad!.data()]))).flat();
}

const normOf = (values: number[]) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

testOnEveryDevice(
  "gradients of any shapes are scaled together to the largest norm allowed",
  async (device) => {
    const parameters = [[7, 5], [3], [], [300, 40]].map((shape, i) =>
      withGradient(device, shape, i)
    );
    const before = await gradientsOf(parameters);
    const norm = await clipGradientNorm(parameters, 2).item();
    const after = await gradientsOf(parameters);
    assertAlmostEquals(norm, normOf(before), 1e-5 * norm);
    assertAlmostEquals(normOf(after), 2, 1e-5);
    after.forEach((x, i) => assertAlmostEquals(x, before[i]! * 2 / norm, 1e-7));
  },
);

cpuTest("gradients below the maximum norm stay unchanged, bit for bit", async (device) => {
  const parameters = [
    withGradient(device, [4], 1),
    Tensor.zeros(device, [2], { requiresGrad: true }),
  ];
  const before = await parameters[0]!.grad!.data();
  clipGradientNorm(new Map([["a", parameters[0]!], ["b", parameters[1]!]]), 100);
  assertEquals(await parameters[0]!.grad!.data(), before);
  assertEquals(parameters[1]!.grad, null);
});

cpuTest("a NaN in one gradient shows in the norm and in all gradients", async (device) => {
  const parameters = [withGradient(device, [4], 1), withGradient(device, [2], 2)];
  parameters[1]!.grad = Tensor.from(device, [NaN, 1]);
  assert(Number.isNaN(await clipGradientNorm(parameters, 1).item()));
  assert((await gradientsOf(parameters)).every(Number.isNaN));
});

fresh.cpuTest("clipping allocates nothing but the norm", (device) => {
  const parameters = [withGradient(device, [40], 1), withGradient(device, [2, 3], 2)];
  const { live } = device;
  const norm = clipGradientNorm(parameters, 1);
  assertEquals(device.live, live + 1);
  norm.dispose();
  assertEquals(device.live, live);
});

cpuTest("an invalid maximum norm is refused, and so is a call without gradients", (device) => {
  const parameter = Tensor.zeros(device, [2], { requiresGrad: true });
  assertThrows(() => clipGradientNorm([parameter], 1), RangeError, "wanted gradients, got none");
  assertThrows(
    () => clipGradientNorm([parameter], NaN),
    RangeError,
    "wanted a norm above 0, got NaN",
  );
});

testOnEveryDevice(
  "float16 gradients are clipped, whose squares are no float16 numbers",
  async (device) => {
    for (const [values, norm] of [[[300, 400], 500], [[3e-4, 4e-4], 5e-4]] as const) {
      const x = Tensor.zeros(device, [2], { dtype: "float16", requiresGrad: true });
      x.grad = Tensor.from(device, values, { dtype: "float16" });
      assertAlmostEquals(await clipGradientNorm([x], norm / 5).item(), norm, norm / 1000);
      const [a, b] = await x.grad.data();
      assertAlmostEquals(a! / norm, 0.12, 0.001);
      assertAlmostEquals(b! / norm, 0.16, 0.001);
    }
  },
);
