import type { Allocation, View } from "../device.ts";
import * as ex from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import { openWebGpuDevice } from "../devices/webgpu/device.ts";
import { runProgramOn } from "../ops/program.ts";

// Each figure is for REPEATS runs and one wait: the wait alone takes 11 ms in Deno.
const REPEATS = 20;

const add = defineProgram({ name: "add", inputs: ["x", "y"] }, ({ x, y }) => [ex.add(x, y)]);
const softmax = defineProgram({ name: "softmax", inputs: ["x"] }, ({ x }) => {
  const e = ex.exp(ex.subtract(x, ex.detach(ex.rowMax(x))));
  return [ex.divide(e, ex.rowSum(e))];
});
const sum = defineProgram({ name: "sum", inputs: ["x"] }, ({ x }) => [ex.rowSum(x)]);
const adamW = defineProgram(
  {
    name: "AdamW",
    inputs: ["p", "g", "m", "v"],
    scalars: ["rate", "decay", "beta1", "beta2", "epsilon"],
  },
  ({ p, g, m, v, rate, decay, beta1, beta2, epsilon }) => {
    const first = ex.add(ex.multiply(beta1, m), ex.multiply(ex.subtract(1, beta1), g));
    const second = ex.add(ex.multiply(beta2, v), ex.multiply(ex.subtract(1, beta2), ex.square(g)));
    const step = ex.divide(first, ex.add(ex.sqrt(second), epsilon));
    const kept = ex.multiply(p, ex.subtract(1, ex.multiply(rate, decay)));
    return [ex.subtract(kept, ex.multiply(rate, step)), first, second];
  },
);

const device = await openWebGpuDevice().catch(() => null);

function bench(
  name: string,
  program: Program,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[] = [],
  repeats = REPEATS,
): void {
  Deno.bench({
    name: `${repeats} × ${name}`,
    ignore: device === null,
    n: 10,
    warmup: 2,
    fn: async () => {
      for (let i = 0; i < repeats; i++) {
        runProgramOn(device!, program, inputs, outputs, scalars);
      }
      await device!.synchronize();
    },
  });
}

if (device !== null) {
  const MILLION = 1 << 20;
  const allocate = (): Allocation => device.allocate(4 * MILLION, "bench");
  const [a, b, c, d] = [allocate(), allocate(), allocate(), allocate()];
  const view = (allocation: Allocation, shape: number[], strides: number[], offset = 0): View => ({
    allocation,
    dtype: "float32",
    shape,
    strides,
    offset,
  });
  const flat = (allocation: Allocation): View => view(allocation, [MILLION], [1]);

  const four = (allocation: Allocation): View => view(allocation, [4], [1]);

  Deno.bench("the wait alone", async () => {
    runProgramOn(device, add, [four(a), four(b)], [four(c)], []);
    await device.synchronize();
  });
  bench("add of 4 elements: the overhead", add, [four(a), four(b)], [four(c)], [], 1000);
  bench("add, 1 M elements, 12 MB", add, [flat(a), flat(b)], [flat(c)]);
  bench("add at odd offsets, 1 M elements, 12 MB", add, [
    view(a, [MILLION - 1], [1], 1),
    view(b, [MILLION - 1], [1], 1),
  ], [view(c, [MILLION - 1], [1])]);
  for (const [rows, columns] of [[4096, 256], [1024, 1023]] as const) {
    const shape = [rows, columns];
    bench(`add of a row to ${rows} × ${columns}`, add, [
      view(a, shape, [columns, 1]),
      view(b, shape, [0, 1]),
    ], [view(c, shape, [columns, 1])]);
  }
  bench("add of a transpose, 1024 × 1024", add, [
    view(a, [1024, 1024], [1, 1024]),
    view(b, [1024, 1024], [1024, 1]),
  ], [view(c, [1024, 1024], [1024, 1])]);
  for (const columns of [16, 64, 256, 1024, 4096]) {
    const shape = [MILLION / columns, columns];
    bench(`softmax of ${shape[0]} × ${columns}`, softmax, [view(a, shape, [columns, 1])], [
      view(b, shape, [columns, 1]),
    ]);
  }
  for (const columns of [64, 1024, 16384]) {
    const rows = MILLION / columns;
    bench(
      `sum over axis 1 of ${rows} × ${columns}`,
      sum,
      [view(a, [rows, columns], [columns, 1])],
      [
        view(b, [rows, 1], [1, 0]),
      ],
    );
    bench(
      `sum over axis 0 of ${rows} × ${columns}`,
      sum,
      [view(a, [columns, rows], [1, columns])],
      [
        view(b, [columns, 1], [1, 0]),
      ],
    );
  }
  bench("sum of 1 M elements", sum, [view(a, [1, MILLION], [0, 1])], [view(b, [1, 1], [0, 0])]);
  bench("AdamW, 1 M elements, 28 MB", adamW, [flat(a), flat(b), flat(c), flat(d)], [
    flat(a),
    flat(c),
    flat(d),
  ], [1e-4, 0.1, 0.9, 0.99, 1e-8]);
}
