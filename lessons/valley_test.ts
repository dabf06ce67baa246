import { assertAlmostEquals, assertEquals } from "@std/assert";
import { openDevice, Tensor } from "../tensor/mod.ts";
import { singularValues, slopeAt } from "./valley.ts";

Deno.test("the valley is steep one way and flat the other", () => {
  assertEquals(slopeAt({ steep: 0, flat: 0 }), { loss: 0, gradient: { steep: 0, flat: 0 } });
  const { gradient: { steep, flat } } = slopeAt({ steep: 1, flat: 1 });
  assertEquals([steep, flat], [100, 1]);
});

Deno.test("singular values are the roots of the eigenvalues of the matrix times its transpose", async () => {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  try {
    for (
      const matrix of [[[3, 1], [1, 0.5]], [[-2, 0], [0, 5]], [[1, 2], [-3, 4]], [[1, 1], [1, 1]]]
    ) {
      const x = Tensor.from(device, matrix);
      const [a, b, c, d] = [...await x.matmul(x.transpose(0, 1)).data()].map(Number);
      const [trace, determinant] = [a! + d!, a! * d! - b! * c!];
      const root = Math.sqrt(Math.max(0, trace * trace / 4 - determinant));
      const [most, least] = singularValues(matrix);
      assertAlmostEquals(most, Math.sqrt(trace / 2 + root), 1e-6);
      assertAlmostEquals(least, Math.sqrt(Math.max(0, trace / 2 - root)), 1e-3);
    }
  } finally {
    await device.close();
  }
});
