import { assertEquals, assertThrows } from "@std/assert";
import { cpuTest, kernelTest, testOnEveryDevice } from "../../../testing/every_device.ts";
import { Tensor } from "../../mod.ts";
import type { FloatType, TypedArray } from "../../layout.ts";
import { float16Test, gpuTest } from "../../../testing/gpu.ts";
import type { CpuDevice, Device, View } from "../../device.ts";
import { openCpuDevice } from "../../devices/cpu/device.ts";
import { withoutRelaxedSimd } from "../testing/without_relaxed_simd.ts";
import { multiplyViews } from "./multiply.ts";
import { plainMatmul } from "./plain.ts";
import { describeMatmuls } from "./problem.ts";
import {
  checkMatmul,
  MATMUL_CASES,
  type MatmulCase,
  type Multiply,
} from "../testing/matmul_cases.ts";

async function checkAll(
  device: CpuDevice,
  multiply: Multiply,
  cases: readonly MatmulCase[] = MATMUL_CASES,
): Promise<TypedArray[]> {
  const results: TypedArray[] = [];
  for (const case_ of cases) results.push(await checkMatmul(device, case_, multiply));
  assertEquals(device.live, 0);
  return results;
}

const onCpu = (device: CpuDevice): Multiply => (...operands) => multiplyViews(device, ...operands);

for (const blas of [false, true]) {
  Deno.test(`matmuls ${blas ? "by a BLAS if there is one" : "without a BLAS"} agree with double precision`, async (t) => {
    const results: TypedArray[][] = [];
    for (const threads of [1, 2, 3]) {
      await t.step(`on ${threads} threads`, async (t) => {
        const device = await openCpuDevice({ threads, blas });
        try {
          results.push(await checkAll(device, onCpu(device)));
          if (blas) return;
          await t.step("and without relaxed SIMD", async () => {
            await checkAll(device, onCpu(withoutRelaxedSimd(device)));
          });
        } finally {
          await device.close();
        }
      });
    }
    if (!blas) {
      await t.step("with the same bits on any number of threads", () => {
        for (const other of results) assertEquals(other, results[0]);
      });
    }
  });
}

/** Records all cases, and waits once. */
async function checkAllAtOnce(
  device: Device,
  multiply: Multiply,
  dtype: FloatType = "float32",
): Promise<void> {
  await Promise.all(
    MATMUL_CASES.map((case_) => checkMatmul(device, case_, multiply, dtype)),
  );
  assertEquals(device.live, 0);
}

gpuTest("matmuls on WebGPU agree with double precision", async (device) => {
  await checkAllAtOnce(device, (...operands) => multiplyViews(device, ...operands));
});

float16Test("matmuls in half precision agree with double precision", async (device) => {
  await checkAllAtOnce(
    device,
    (...operands) => multiplyViews(device, ...operands),
    "float16",
  );
});

testOnEveryDevice("matmuls in bfloat16 agree with double precision", async (device) => {
  await checkAllAtOnce(
    device,
    (...operands) => multiplyViews(device, ...operands),
    "bfloat16",
  );
});

cpuTest("plain matmuls of 16 bits agree with double precision on the CPU", async (device) => {
  for (const dtype of ["bfloat16", "float16"] as const) {
    await checkAllAtOnce(device, (a, b, c, options) => {
      for (const problem of describeMatmuls(a, b, c, options)) plainMatmul(device, problem);
    }, dtype);
  }
});

kernelTest("zeros of the first operand skip NaN and infinity, if asked for", async (device) => {
  for (const n of [1, 9]) {
    const a = Tensor.from(device, [[0, 2, -0], [1, 0, 3], [0, 0, 0]]);
    const values = [NaN, 5, Infinity].map((value) => Array.from({ length: n }, () => value));
    const [b, c] = [Tensor.from(device, values), Tensor.ones(device, [3, n])];
    const options = { transposeA: false, transposeB: false, skipZeros: true };
    multiplyViews(device, a, b, c, options);
    const wanted = [10, NaN, 0].flatMap((value) => Array.from({ length: n }, () => value));
    assertEquals(Array.from(await c.data()), wanted);
  }
});

Deno.test("views with unsupported strides are refused", async () => {
  const device = await openCpuDevice({ threads: 1, blas: false });
  const allocation = device.allocate(400, "a test");
  const view = (shape: number[], strides: number[], dtype: View["dtype"] = "float32"): View => ({
    allocation,
    shape,
    strides,
    dtype,
    offset: 0,
  });
  const multiply = (a: View, b: View, c: View) =>
    multiplyViews(device, a, b, c, { transposeA: false, transposeB: false });
  const square = view([3, 3], [3, 1]);
  assertThrows(
    () => multiply(view([3, 3], [6, 2]), square, square),
    Error,
    "wanted the first operand with stride 1 along one of its last two axes",
  );
  assertThrows(
    () => multiply(square, view([3, 3], [1, 2]), square),
    Error,
    "wanted the second operand with stride 1 along one of its last two axes and no overlap",
  );
  assertThrows(
    () => multiply(square, square, view([3, 3], [1, 3])),
    Error,
    "wanted a result whose last axis has stride 1, got strides [1, 3]",
  );
  await device.close();
});
