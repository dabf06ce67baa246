import { assertAlmostEquals, assertEquals } from "@std/assert";
import { testOnEveryDevice } from "../../testing/every_device.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { Tensor } from "../tensor.ts";
import { max, mean, min, sum } from "./reduce.ts";

/** Numbers with a unique maximum and minimum, at positions that depend on the row. */
function numbers(rows: number, length: number): Float32Array<ArrayBuffer> {
  const data = Float32Array.from({ length: rows * length }, (_, i) => 1 + Math.sin(i * 0.7));
  for (let row = 0; row < rows; row++) {
    data[(row + 1) * length - 1 - row] = 5;
    data[row * length + row] = -5;
  }
  return data;
}

testOnEveryDevice("few long rows of any length are reduced as a whole", async (device) => {
  // Primes, twice a prime, a power of two and its neighbors.
  for (const [rows, length] of [[1, 10_007], [3, 20_014], [2, 65_537], [1, 65_535], [2, 65_536]]) {
    const data = numbers(rows!, length!);
    const x = Tensor.from(device, data, { shape: [rows!, length!], requiresGrad: true });
    const [sums, means] = [sum(x, -1), mean(x, -1)];
    const [largest, smallest] = [max(x, -1), min(x, -1)];
    // Row 0 counts once, row 1 twice, and so on.
    const weights = Tensor.from(device, Array.from({ length: rows! }, (_, row) => row + 1));
    sums.add(largest.mul(10)).add(smallest.mul(100)).mul(weights).sum().backward();
    const gradient = await x.grad!.data();
    for (let row = 0; row < rows!; row++) {
      const own = data.subarray(row * length!, (row + 1) * length!);
      const total = own.reduce((total, value) => total + value, 0);
      assertAlmostEquals((await sums.data())[row]!, total, 1e-6 * length!);
      assertAlmostEquals((await means.data())[row]!, total / length!, 1e-6);
      assertEquals((await largest.data())[row], 5);
      assertEquals((await smallest.data())[row], -5);
      const wanted = own.map((value) =>
        (row + 1) * (1 + 10 * Number(value === 5) + 100 * Number(value === -5))
      );
      assertEquals(gradient.subarray(row * length!, (row + 1) * length!), wanted);
    }
  }
});

gpuTest(
  "one long row of prime length keeps many workgroups busy",
  async (device) => {
    const length = 100_003;
    const x = Tensor.ones(device, [length]);
    const { events } = await device.profile(() => {
      using _scope = device.scope();
      x.sum();
    });
    // Of the pieces, of the remainder, and of these sums.
    assertEquals(events.filter(({ name }) => name === "sum").length, 3);
    assertEquals(await x.sum().item(), length);
  },
);
