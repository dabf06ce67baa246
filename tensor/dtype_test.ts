import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { cpuTest, testOnEveryDevice } from "../testing/every_device.ts";
import { assignTensors } from "./assign.ts";
import {
  attention,
  decodeState,
  defineProgram,
  type DType,
  fill,
  normal,
  runProgram,
  Tensor,
  tril,
  triu,
  writeSafetensors,
} from "./mod.ts";

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

cpuTest(
  "tests of small floats are 0 and 1 in float32, so that many can be counted",
  async (device) => {
    for (const dtype of ["float16", "bfloat16"] as const) {
      const ones = Tensor.ones(device, [70_001], { dtype });
      const tests = [
        ones.gt(0),
        ones.ge(ones),
        ones.eq(1),
        ones.ne(0),
        ones.lt(2),
        ones.le(1),
        ones.isFinite(),
      ];
      for (const test of [...tests, ones.isNaN().eq(0)]) {
        assertEquals([test.dtype, await test.sum().item()], ["float32", 70_001]);
      }
      assertEquals([ones.any().dtype, ones.all().dtype], ["float32", "float32"]);
    }
  },
);

testOnEveryDevice(
  "choosing by a mask of any dtype keeps the dtype of the values",
  async (device) => {
    const x = Tensor.from(device, [[1, 2], [3, 4]]).to("bfloat16");
    const mask = Tensor.from(device, [[1, 0], [0, 1]]);
    for (const test of [mask, mask.to("int32"), mask.to("bfloat16")]) {
      const chosen = test.where(x, 0);
      assertEquals([chosen.dtype, ...await chosen.to("float32").data()], ["bfloat16", 1, 0, 0, 4]);
      assertEquals(x.maskedFill(test, 9).dtype, "bfloat16");
    }
    assertEquals(mask.where(x, Tensor.zeros(device, [2, 2])).dtype, "float32");
    assertEquals([tril(x).dtype, triu(x).dtype], ["bfloat16", "bfloat16"]);
  },
);

testOnEveryDevice("attention with a mask is of the dtype of its operands", async (device) => {
  const q = normal(device, [1, 3, 2, 4], { seed: 1 });
  const mask = Tensor.from(device, [1, 1, 0]);
  const wanted = await attention(q, q, q, { mask, causal: false }).data();
  const half = q.to("bfloat16");
  for (const shown of [mask, mask.to("bfloat16"), mask.to("int32")]) {
    const y = attention(half, half, half, { mask: shown, causal: false });
    assertEquals(y.dtype, "bfloat16");
    (await y.to("float32").data()).forEach((value, i) =>
      assertAlmostEquals(value, wanted[i]!, 0.02)
    );
  }
});

cpuTest("files of float16 and float32 are loaded into parameters of float16", async (device) => {
  for (const data of [new Float16Array([1, 2, 3, 4]), new Float32Array([1, 2, 3, 4.0001])]) {
    const bytes = writeSafetensors(
      new Map([["weight", {
        dtype: data instanceof Float16Array ? "F16" : "F32",
        shape: [2, 2],
        data,
      }]]),
    );
    const weight = Tensor.zeros(device, [2, 2], { dtype: "float16" });
    assignTensors(new Map([["weight", weight]]), decodeState(bytes), "load");
    assertEquals([...await weight.to("float32").data()], [1, 2, 3, 4]);
  }
});
