/**
 * Formulas of `bfloat16` beside those of `float32` on one thread of the CPU, in its cache:
 * `deno bench -A tensor/kernel/halves_bench.ts`
 *
 * @module
 */

import { normal, openDevice, rmsNorm, rotary, rotaryAngles, Tensor } from "../mod.ts";

const device = await openDevice("cpu", { threads: 1, blas: false });
const [TOKENS, HEADS, SIZE] = [64, 16, 64];
const angles = rotaryAngles(TOKENS, SIZE);
const [cos, sin] = [angles.cos, angles.sin].map((values) =>
  Tensor.from(device, values, { shape: [TOKENS, 1, SIZE / 2] })
) as [Tensor, Tensor];

type Formula = (x: Tensor, y: Tensor, cos: Tensor, sin: Tensor) => Tensor;
const formulas: Readonly<Record<string, Formula>> = {
  add: (x, y) => x.add(y),
  mul: (x, y) => x.mul(y),
  reluSquared: (x) => x.reluSquared(),
  tanh: (x) => x.tanh(),
  rmsNorm: (x) => rmsNorm(x),
  softmax: (x) => x.softmax(),
  rotary: (x, _, cos, sin) => rotary(x, cos, sin),
  sum: (x) => x.sum(0),
};

for (const [name, formula] of Object.entries(formulas)) {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const sample = (seed: number) => normal(device, [TOKENS, HEADS, SIZE], { seed }).to(dtype);
    const operands = [sample(1), sample(2), cos.to(dtype), sin.to(dtype)] as const;
    Deno.bench({
      name: `${name} of ${dtype}`,
      group: name,
      baseline: dtype === "float32",
      fn: () => {
        using _scope = device.scope();
        formula(...operands);
      },
    });
  }
}
