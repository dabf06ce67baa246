import { assert } from "@std/assert";
import { normalArray, rmsNorm, roundToBfloat16, Tensor, widenBfloat16 } from "../mod.ts";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { FLOAT32_EPSILON } from "./rows.ts";

/**
 * A row of one element becomes ±1, so its gradient is almost 0: the difference of two numbers near dy / |x|,
 * each rounded to single precision. So it has an error of some 2⁻²⁴ of these, whatever the dtype of the
 * tensors, which is far larger than the gradient itself. PyTorch's formula cancels out alike.
 */
const ROUNDINGS = 6;

for (const [dtype, ofResult] of [["float32", 2 ** -24], ["bfloat16", 2 ** -8]] as const) {
  testOnEveryDevice(
    `the gradient of rmsNorm of a row of one element cancels out in single precision: ${dtype}`,
    async (device) => {
      const sample = (seed: number) => {
        const numbers = normalArray(seed, 256);
        return dtype === "bfloat16" ? widenBfloat16(roundToBfloat16(numbers)) : numbers;
      };
      const [xs, dys] = [sample(1), sample(2)];
      const shape = [256, 1];
      const x = Tensor.from(device, xs, { shape, dtype, requiresGrad: true });
      rmsNorm(x).backward(Tensor.from(device, dys, { shape, dtype }));
      const gradient = await x.grad!.data();
      xs.forEach((x, i) => {
        const dy = dys[i]!;
        const wanted = dy * FLOAT32_EPSILON / (x * x + FLOAT32_EPSILON) ** 1.5;
        const rounding = 2 ** -24 * Math.abs(dy / x) + ofResult * Math.abs(wanted);
        const error = Math.abs(gradient[i]! - wanted);
        assert(error <= ROUNDINGS * rounding, `${x}: wanted ${wanted}, got ${gradient[i]}`);
      });
    },
  );
}
