import { assert, assertEquals, assertRejects } from "@std/assert";
import { bf16Test } from "../../../testing/bf16.ts";
import { type Device, matmul, openDevice, Tensor, uniform } from "../../mod.ts";

const size = 256;

/** A matmul and the gradients of its operands. */
async function multiply(
  device: Device,
  operands: readonly Float32Array<ArrayBuffer>[],
  precision?: "f32",
): Promise<readonly ArrayLike<number>[]> {
  const [a, b] = operands.map((data) =>
    Tensor.from(device, data, { shape: [size, size], requiresGrad: true })
  ) as [Tensor, Tensor];
  const c = matmul(a, b, precision === undefined ? {} : { precision });
  c.square().sum().backward();
  return await Promise.all([c, a.grad!, b.grad!].map((x) => x.data()));
}

bf16Test(
  "a matmul that asks for f32, or is inside inF32, has it on a device for bf16, and so has its gradient",
  async (device) => {
    const operands = await Promise.all(
      [1, 2].map((seed) => uniform(device, [size, size], { seed, low: -1, high: 1 }).data()),
    ) as Float32Array<ArrayBuffer>[];
    const plain = await openDevice("cpu", { threads: 1, blas: false });
    const wanted = await multiply(plain, operands);
    const [exact, inside, rounded] = [
      await multiply(device, operands, "f32"),
      await device.inF32(() => multiply(device, operands)),
      await multiply(device, operands),
    ];
    assertEquals(inside, exact);
    wanted.forEach((values, i) => {
      const largest = Math.max(...Array.from(values, Math.abs));
      const off = (got: ArrayLike<number>) =>
        Math.max(...Array.from(values, (x, at) => Math.abs(x - got[at]!))) / largest;
      assert(off(exact[i]!) < 1e-5, `result ${i} in f32 is off by ${off(exact[i]!)}`);
      assert(off(rounded[i]!) > 1e-4, `result ${i} in bf16 is off by ${off(rounded[i]!)}`);
    });
    await plain.close();
  },
);

Deno.test("an unknown precision of matmuls is an error", async () => {
  await assertRejects(
    () => openDevice("cpu", { matmulPrecision: "f16" as "f32" }),
    RangeError,
    'wanted matmulPrecision f32, bf16 or auto, got "f16"',
  );
});
