import { assertEquals } from "@std/assert";
import { goldenTest, readGoldenJson, readGoldenTensors, relativeDeviation } from "./golden.ts";

Deno.test("the deviation is relative to the largest expected magnitude", () => {
  assertEquals(relativeDeviation([1, 2], [1, 2]), 0);
  assertEquals(relativeDeviation([1, 3], [0, 4]), 0.25);
  assertEquals(relativeDeviation([1], [0]), Infinity);
});

Deno.test("the deviation is infinite where lengths or non-finite values differ", () => {
  assertEquals(relativeDeviation([1], [1, 2]), Infinity);
  assertEquals(relativeDeviation([NaN], [1]), Infinity);
  assertEquals(relativeDeviation([1], [NaN]), Infinity);
  assertEquals(relativeDeviation([Infinity], [-Infinity]), Infinity);
  assertEquals(relativeDeviation([NaN, -Infinity, 1], [NaN, -Infinity, 2]), 0.5);
});

goldenTest("every golden tensor has the dtype and shape that its list states", () => {
  for (const name of ["golden-g1", "golden-g2"]) {
    const { tensors: listed } = readGoldenJson<{ tensors: Record<string, [string, number[]]> }>(
      name,
    );
    const read = [...readGoldenTensors(name)].map((
      [key, { dtype, shape }],
    ) => [key, [dtype === "float32" ? "F32" : "I32", shape]]);
    assertEquals(Object.fromEntries(read), listed);
  }
});
