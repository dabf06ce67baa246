import { assert, assertEquals } from "@std/assert";
import type { View } from "../../device.ts";
import { openCpuDevice } from "../../devices/cpu/device.ts";
import "../mod.ts";
import { matmul, normal, Tensor } from "../../mod.ts";
import { plainMatmul } from "../../ops/matmul/plain.ts";
import { describeMatmuls } from "../../ops/matmul/problem.ts";
import { checkMatmul, MATMUL_CASES } from "../../ops/testing/matmul_cases.ts";
import { CPU_MATMULS } from "../testing/cpu_matmuls.ts";
import { bfloat16FewRows, bfloat16Matmul, MIN_BFLOAT16_SPEED } from "./blas_matmul.ts";
import { symmetricMatmul } from "./symmetric_matmul.ts";

Deno.test("each algorithm agrees with double precision wherever it is supported", async (t) => {
  const device = await openCpuDevice({ threads: 2 });
  try {
    for (const [name, { dtype, supports, run }] of Object.entries(CPU_MATMULS)) {
      if (name === "BLAS" && !device.hasBlas) continue;
      if (name === "bfloat16" && device.bfloat16Speed === 0) continue;
      await t.step(name, async () => {
        let count = 0;
        for (const case_ of MATMUL_CASES) {
          await checkMatmul(device, case_, (a, b, c, options) => {
            for (const problem of describeMatmuls(a, b, c, options)) {
              const isSupported = supports(problem, device);
              if (isSupported) count++;
              (isSupported ? run : plainMatmul)(device, problem);
            }
          }, dtype);
        }
        assertEquals(device.live, 0);
        assert(count > 100, `expected many matmuls by "${name}", got ${count}`);
      });
    }
  } finally {
    await device.close();
  }
});

Deno.test("a symmetric matmul is symmetric to the last bit", async () => {
  const device = await openCpuDevice({ threads: 2 });
  // No multiple of a strip.
  const size = 523;
  const [x, c] = [device.allocate(4 * size * 50, "x"), device.allocate(4 * size * size, "c")];
  device.write(x, 0, Float32Array.from({ length: size * 50 }, (_, i) => Math.sin(i * i)));
  const view = (allocation: View["allocation"], columns: number): View => ({
    allocation,
    dtype: "float32",
    shape: [size, columns],
    strides: [columns, 1],
    offset: 0,
  });
  const [problem] = describeMatmuls(view(x, 50), view(x, 50), view(c, size), {
    transposeA: false,
    transposeB: true,
    symmetric: true,
  });
  assertEquals(symmetricMatmul.refuses(problem!, device), null);
  symmetricMatmul.run(problem!, device);
  const result = new Float32Array(await device.read(c, 0, 4 * size * size));
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) assert(result[i * size + j] === result[j * size + i]);
  }
  await device.close();
});

Deno.test("a symmetric matmul in bfloat16 is symmetric, and equals the whole one", async () => {
  const device = await openCpuDevice({ threads: 2 });
  // No multiple of a strip, and sums that are long enough on any processor.
  const size = 203;
  const x = normal(device, [size, 4 * size], { seed: 1 }).to("bfloat16");
  const options = { transposeB: true, symmetric: true } as const;
  const c = Tensor.zeros(device, [size, size], { dtype: "bfloat16" });
  const [problem] = describeMatmuls(x, x, c, options);
  if (device.bfloat16Speed >= MIN_BFLOAT16_SPEED) {
    assertEquals(symmetricMatmul.refuses(problem!, device), null);
  }
  const [half, whole] = await Promise.all(
    [true, false].map((symmetric) => matmul(x, x, { ...options, symmetric }).data()),
  );
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const got = half![i * size + j]!;
      assert(got === half![j * size + i], `row ${i}, column ${j}`);
      // The same sums of products in another order, rounded.
      assert(Math.abs(got - whole![i * size + j]!) <= 2 ** -7 * Math.abs(got) + 1e-4);
    }
  }
  await device.close();
});

Deno.test("few rows in bfloat16 have the sums that many rows have", async () => {
  const device = await openCpuDevice({ threads: 2 });
  if (device.bfloat16Speed === 0) return await device.close();
  for (const dtype of ["bfloat16", "float32"] as const) {
    for (const [m, n, k] of [[2, 300, 256], [16, 257, 300], [32, 70, 1000]] as const) {
      // Between the columns of the result lies what must not change.
      const whole = Tensor.full(device, [m, 2 * n], 7, { dtype });
      const c = whole.slice(1, 3, n + 3);
      const a = normal(device, [m, k], { seed: 1 }).to("bfloat16");
      const b = normal(device, [n, k], { seed: 2 }).to("bfloat16");
      const [problem] = describeMatmuls(a, b, c, { transposeB: true });
      if (device.bfloat16Speed >= MIN_BFLOAT16_SPEED) {
        assertEquals(bfloat16FewRows.refuses(problem!, device), null);
      }
      bfloat16FewRows.run(problem!, device);
      const got = await c.data();
      for (const around of [whole.slice(1, 0, 3), whole.slice(1, n + 3)]) {
        assert((await around.data()).every((x) => x === 7));
      }
      bfloat16Matmul.run(problem!, device);
      const wanted = await c.data();
      // Sums in another order: they round alike but where they lie between two numbers.
      const tolerance = dtype === "bfloat16" ? 2 ** -7 : 1e-6;
      got.forEach((x, i) =>
        assert(Math.abs(x - wanted[i]!) <= tolerance * (1 + Math.abs(x)), `${m}×${n}×${k} at ${i}`)
      );
    }
  }
  await device.close();
});
