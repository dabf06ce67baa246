import { assertAlmostEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { Tensor } from "../mod.ts";

testOnEveryDevice("sigmoid and silu have finite gradients where they are flat", async (device) => {
  const at = [-1e30, -1e4, -100, -89, 0, 89, 100, 1e4, 1e30, NaN];
  const expected = {
    sigmoid: at.map((x) => x < 0 ? 0 : x === 0 ? 0.25 : x > 0 ? 0 : NaN),
    silu: at.map((x) => x < 0 ? 0 : x === 0 ? 0.5 : x > 0 ? 1 : NaN),
  };
  for (const name of ["sigmoid", "silu"] as const) {
    const x = Tensor.from(device, at, { requiresGrad: true });
    x[name]().backward(Tensor.ones(device, [at.length]));
    const slopes = await x.grad!.data();
    expected[name].forEach((slope, i) =>
      assertAlmostEquals(slopes[i]!, slope, 1e-35, `${name} at ${at[i]}`)
    );
  }
});
