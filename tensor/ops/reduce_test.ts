import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
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

testOnEveryDevice("the deviation of float16 numbers, whose squares are none", async (device) => {
  const x = Tensor.from(device, [0, 255, 510, 1020], { dtype: "float16", requiresGrad: true });
  x.std().backward();
  assertEquals(x.std().dtype, "float16");
  assertEquals(await x.std().item(), 435.5);
  const slopes = [-0.3416, -0.1464, 0.0488, 0.4392];
  (await x.grad!.data()).forEach((slope, i) => assertAlmostEquals(slope, slopes[i]!, 2e-4));
  const small = Tensor.from(device, [1e-4, -1e-4], { dtype: "float16" });
  assertAlmostEquals(await small.std().item(), 1e-4 * Math.SQRT2, 2e-7);
});

testOnEveryDevice(
  "a variance has no negative count, and that of nothing is NaN",
  async (device) => {
    assertEquals(await Tensor.from(device, [1, 2]).variance(0, false, 3).item(), Infinity);
    assertEquals(await Tensor.zeros(device, [0]).variance().item(), NaN);
  },
);

testOnEveryDevice("nothing has no smallest element, and none has an index", (device) => {
  for (const name of ["max", "min", "argmax", "argmin"] as const) {
    const message = `Cannot take the ${name} of nothing`;
    assertThrows(() => Tensor.zeros(device, [2, 0])[name](1), RangeError, message);
  }
});

testOnEveryDevice(
  "a number divided by infinity leaves itself, or infinity, as in Python",
  async (device) => {
    const x = Tensor.from(device, [1, -1, 0]);
    assertEquals(await x.remainder(Infinity).data(), Float32Array.of(1, Infinity, 0));
    assertEquals(await x.floorDivide(Infinity).data(), Float32Array.of(0, -1, 0));
    assertEquals(await x.remainder(-Infinity).data(), Float32Array.of(-Infinity, -1, 0));
    assertEquals(await x.floorDivide(-Infinity).data(), Float32Array.of(-1, 0, 0));
  },
);
