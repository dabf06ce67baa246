import { assert, assertEquals } from "@std/assert";
import { bf16Test } from "../testing/bf16.ts";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { matmul, noGrad, normal, openDevice, Tensor } from "../tensor/mod.ts";
import { matricesOfStack, Muon } from "./muon.ts";
import { relativeDeviation } from "../testing/golden.ts";
import { polarExpress } from "./polar_express.ts";
import { composedPolarExpress } from "./testing/composed_polar_express.ts";

for (const [rows, columns] of [[12, 5], [5, 12], [8, 8], [1, 7]] as const) {
  testOnEveryDevice(
    `matrices of ${rows} x ${columns} become orthogonal, or nearly so`,
    async (device) => {
      const x = normal(device, [3, rows, columns], { seed: rows });
      const norm = x.square().sum([1, 2], true).sqrt();
      const y = polarExpress(x.div(norm.mul(1.01)), 5);
      assertEquals([...y.shape], [3, rows, columns]);
      const gram = await matmul(y, y, { transposeA: rows > columns, transposeB: rows <= columns })
        .data();
      const size = Math.min(rows, columns);
      gram.forEach((value, i) => {
        const isDiagonal = Math.floor(i / size) % size === i % size;
        const [low, high] = isDiagonal ? [0.5, 1.4] : [-0.35, 0.35];
        assert(low < value && value < high, `element ${i} of the Gram matrix is ${value}`);
      });
    },
  );
}

for (const [rows, columns] of [[32, 128], [96, 32], [48, 40]] as const) {
  testOnEveryDevice(
    `matrices of ${rows} x ${columns}, some of whose singular values are tiny, become what they ` +
      "would one iteration at a time",
    async (device) => {
      // Decaying, mixed columns: like gradients, which have few dominant directions.
      const size = Math.min(rows, columns);
      const decay = Float32Array.from({ length: size }, (_, i) => Math.exp(-i / 3));
      const left = normal(device, [rows, size], { seed: 1 }).mul(Tensor.from(device, decay));
      const x = left.matmul(normal(device, [size, columns], { seed: 2 }));
      const scaled = x.div(x.square().sum().sqrt().mul(1.01));
      const wanted = await composedPolarExpress(scaled).data();
      const actual = await polarExpress(scaled.unsqueeze(0).contiguous(), 5).data();
      const deviation = relativeDeviation(actual, wanted);
      assert(deviation < 3e-4, `deviates by ${deviation}`);
    },
  );
}

testOnEveryDevice(
  "an update of Muon has the norm of an orthogonal matrix, times the rate",
  async (device) => {
    const weight = normal(device, [16, 6], { seed: 1, requiresGrad: true });
    const before = noGrad(() => weight.mul(1));
    weight.grad = normal(device, [16, 6], { seed: 2, standardDeviation: 1e-3 });
    new Muon([weight], { lr: 0.1 }).step();
    const norm = await noGrad(() => weight.sub(before).square().sum()).item();
    const wanted = 0.1 ** 2 * 16 / 6 * 6; // lr² · max(1, rows / columns) · min(rows, columns)
    assert(Math.abs(norm - wanted) < 1e-4 * wanted, `wanted ${wanted}, got ${norm}`);
  },
);

testOnEveryDevice("a gradient of zeros moves nothing and makes no NaN", async (device) => {
  const weight = normal(device, [4, 6], { seed: 1, requiresGrad: true });
  const before = await weight.data();
  weight.grad = noGrad(() => weight.mul(0));
  new Muon([weight], { lr: 0.1 }).step();
  assertEquals(await weight.data(), before);
});

/** Singular values of a matrix with more columns than rows, by Jacobi rotations of its rows. */
function singularValues(matrix: Float32Array, rows: number): number[] {
  const columns = matrix.length / rows;
  const lines = Array.from(
    { length: rows },
    (_, i) => Float64Array.from(matrix.subarray(i * columns, (i + 1) * columns)),
  );
  const dot = (x: Float64Array, y: Float64Array) =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  for (let largest = 1; largest > 1e-6;) {
    largest = 0;
    for (let i = 0; i < rows; i++) {
      for (let j = i + 1; j < rows; j++) {
        const [x, y] = [lines[i]!, lines[j]!];
        const [xx, yy, xy] = [dot(x, x), dot(y, y), dot(x, y)];
        largest = Math.max(largest, Math.abs(xy) / Math.sqrt(xx * yy));
        const angle = Math.atan2(2 * xy, xx - yy) / 2;
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        for (let c = 0; c < columns; c++) {
          [x[c], y[c]] = [cos * x[c]! + sin * y[c]!, cos * y[c]! - sin * x[c]!];
        }
      }
    }
  }
  return lines.map((line) => Math.sqrt(dot(line, line)));
}

for (const [rows, columns] of [[64, 256], [256, 64]] as const) {
  bf16Test(
    `with matmuls in bf16, singular values of ${rows} x ${columns} come within 0.7 and 1.2, except ` +
      "those that were tiny, which stay below",
    async (device) => {
      const size = Math.min(rows, columns);
      // The second like gradients, which have dominant directions: three iterations at once would
      // give 18.
      for (const [scale, lowest] of [[Infinity, 0.7], [30, 0]] as const) {
        const decay = Float32Array.from({ length: size }, (_, i) => Math.exp(-i / scale));
        const left = normal(device, [rows, size], { seed: 1 }).mul(Tensor.from(device, decay));
        const right = normal(device, [size, columns], { seed: 2 });
        const x = scale === Infinity
          ? normal(device, [rows, columns], { seed: 3 })
          : left.matmul(right);
        const y = polarExpress(
          x.div(x.square().sum().sqrt().mul(1.01)).unsqueeze(0).contiguous(),
          5,
        );
        const wide = rows > columns ? y.squeeze(0).transpose().contiguous() : y;
        const values = singularValues(await wide.data() as Float32Array, size);
        const [low, high] = [Math.min(...values), Math.max(...values)];
        assert(lowest < low && high < 1.2, `got ${low} to ${high}`);
      }
    },
  );
}

Deno.test("large matrices of one shape take several stacks, and are updated as each alone", async () => {
  const device = await openDevice("cpu", { threads: 2, blas: false });
  const shape = [2049, 2048];
  assertEquals(matricesOfStack(2049 * 2048), 1);
  const make = (seed: number) => {
    const weight = Tensor.zeros(device, shape, { requiresGrad: true });
    const [column, row] = [[2049, 1], [1, 2048]].map((part) => normal(device, part, { seed }));
    weight.grad = column!.mul(row!).keep();
    return weight;
  };
  // Without iterations, as those of matrices of this size take long.
  const options = { orthogonalizationSteps: 0 };
  const both = [make(1), make(2)];
  const together = new Muon(both, options);
  together.step();
  const names = ["0.momentum", "0.variance", "1.momentum", "1.variance"];
  assertEquals([...together.stateDict().keys()], names);
  for (const [i, weight] of both.entries()) {
    const alone = make(i + 1);
    new Muon([alone], options).step();
    assertEquals(await alone.sub(weight).abs().max().item(), 0);
  }
  await device.close();
});
