import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cpuTest } from "../testing/every_device.ts";
import * as initializers from "./initializers.ts";

const shape = [300, 200]; // outputs, inputs

const deviations: Record<string, [initializers.Initializer, number]> = {
  "uniform": [initializers.uniform(-3, 3), Math.sqrt(3)],
  "normal": [initializers.normal({ standardDeviation: 0.5 }), 0.5],
  "xavierUniform": [initializers.xavierUniform(), Math.sqrt(2 / 500)],
  "xavierNormal": [initializers.xavierNormal({ gain: 2 }), 2 * Math.sqrt(2 / 500)],
  "kaimingUniform": [initializers.kaimingUniform(), Math.sqrt(2 / 200)],
  "kaimingNormal": [initializers.kaimingNormal({ gain: 1 }), Math.sqrt(1 / 200)],
};

for (const [name, [initializer, wanted]] of Object.entries(deviations)) {
  cpuTest(`${name} has the mean 0 and the standard deviation of its formula`, async (device) => {
    const values = [...await initializer(device, shape, 42).data()];
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    assertAlmostEquals(mean, 0, 0.02 * wanted);
    assertAlmostEquals(deviation, wanted, 0.01 * wanted);
    const isBounded = name.toLowerCase().includes("uniform");
    const bound = Math.sqrt(3) * wanted * (1 + 1e-6);
    assertEquals(values.every((x) => Math.abs(x) <= bound), isBounded);
  });
}

cpuTest("constants need no seed", async (device) => {
  const filled: [initializers.Initializer, number][] = [
    [initializers.zeros, 0],
    [initializers.ones, 1],
    [initializers.constant(7), 7],
  ];
  for (const [initializer, wanted] of filled) {
    assert((await initializer(device, [3], 0).data()).every((x) => x === wanted));
  }
});

cpuTest("an initializer that scales with inputs and outputs wants a matrix", (device) => {
  assertThrows(
    () => initializers.xavierUniform()(device, [3], 0),
    RangeError,
    "wanted the shape [outputs, inputs], got [3]",
  );
});
