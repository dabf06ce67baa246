import { assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { defineProgram, type DType, fill, runProgram, Tensor } from "./mod.ts";

testOnEveryDevice("an unknown dtype is refused, and the device goes on", async (device) => {
  const x = Tensor.from(device, [1, 2]);
  const identity = defineProgram({ name: "identity", inputs: ["x"] }, ({ x }) => [x]);
  for (const name of ["float64", "float", "cuda", 32, null]) {
    const dtype = name as DType;
    const attempts: Record<string, () => unknown> = {
      from: () => Tensor.from(device, [1], { dtype }),
      "from a typed array": () => Tensor.from(device, Int32Array.of(1), { dtype }),
      to: () => x.to(dtype),
      zeros: () => Tensor.zeros(device, [2], { dtype }),
      ones: () => Tensor.ones(device, [2], { dtype }),
      full: () => Tensor.full(device, [2], 3, { dtype }),
      arange: () => Tensor.arange(device, 0, 3, 1, dtype),
      fill: () => fill(device, [2], 3, dtype),
      runProgram: () => runProgram(identity, [x], [], dtype),
    };
    for (const [what, attempt] of Object.entries(attempts)) {
      const wanted = `wanted the dtype float32, bfloat16, float16 or int32, got ${
        JSON.stringify(name)
      }`;
      assertThrows(attempt, TypeError, wanted, what);
    }
  }
  assertEquals([...await x.add(1).data()], [2, 3]);
});

testOnEveryDevice("values of a dtype that no tensor has are not assigned", (device) => {
  const values = Float64Array.of(1) as unknown;
  assertThrows(
    () => Tensor.zeros(device, [1]).assign(values as Float32Array<ArrayBuffer>),
    TypeError,
    "wanted a Float32Array, Float16Array or Int32Array, got Float64Array",
  );
});
