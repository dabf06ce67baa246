import { assert, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { matmul, noGrad, normal, Tensor } from "../tensor/mod.ts";
import { Muon } from "./muon.ts";
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
