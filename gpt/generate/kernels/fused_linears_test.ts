import { assertAlmostEquals, assertEquals } from "@std/assert";
import { gpuTest, tinyDevice } from "../../../testing/gpu.ts";
import { type Device, linear, noGrad, rmsNorm, Tensor } from "../../../tensor/mod.ts";
import { linears } from "./linears.ts";
import { linearsOnWebGpu } from "./linears_kernel.ts";

/** Pseudorandom numbers between −1 and 1. */
function tensor(device: Device, shape: readonly [number, number], seed: number): Tensor {
  const length = shape[0] * shape[1];
  const values = Float32Array.from({ length }, (_, i) => Math.sin(1 + i * 12.9898 + seed * 78.233));
  return Tensor.from(device, values, { shape });
}

gpuTest("a few rows take one kernel if no gradient is needed", (device) => {
  const x = tensor(device, [1, 64], 1);
  const weights = [tensor(device, [64, 64], 2), tensor(device, [32, 12], 3)];
  const before = device.statistics.dispatches;
  noGrad(() => linears(x, weights, { normalize: true, activation: "reluSquared" }));
  assertEquals(device.statistics.dispatches - before, 1);
});

for (const options of [{}, tinyDevice]) {
  const where = options === tinyDevice ? " (tiny device)" : "";
  gpuTest(`every sharing of columns among threads gives the same${where}`, async (device) => {
    const [rows, depth, columns] = [2, 1000, 37];
    const [x, weight] = [tensor(device, [rows, depth], 1), tensor(device, [columns, depth], 2)];
    const residual = tensor(device, [rows, columns], 3);
    const wanted = await linear(rmsNorm(x), weight).add(residual).data();
    for (
      const team of [
        { threads: 8, lanes: 1, columns: 8 },
        { threads: 128, lanes: 32, columns: 1 },
        { threads: 64, lanes: 16, columns: 3 },
      ]
    ) {
      const y = Tensor.zeros(device, [rows, columns]);
      linearsOnWebGpu(
        device,
        { x, weights: [weight], options: { normalize: true, residual } },
        [y],
        team,
      );
      (await y.data()).forEach((value, i) =>
        assertAlmostEquals(
          value,
          wanted[i]!,
          1e-5 * Math.max(1, Math.abs(wanted[i]!)),
          `${JSON.stringify(team)}, element ${i}`,
        )
      );
    }
  }, options);
}
