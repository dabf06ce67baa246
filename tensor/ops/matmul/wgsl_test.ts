import { assert, assertEquals, assertThrows } from "@std/assert";
import { float16Test, gpuTest } from "../../../testing/gpu.ts";
import type { WebGpuDevice } from "../../device.ts";
import { describeMatmuls } from "./problem.ts";
import {
  chooseBySize,
  fitsDevice,
  type MatmulCandidateName,
  runCandidate,
  WEBGPU_MATMULS,
} from "./candidates_wgsl.ts";
import { matmulOnWebGpu } from "./wgsl.ts";
import {
  checkMatmul,
  EPILOGUE_CASES,
  EPILOGUES_OF_LINEAR,
  MATMUL_CASES,
  type MatmulCase,
  type Multiply,
} from "../testing/matmul_cases.ts";

/** Records all cases, and waits once. */
async function checkAll(
  device: WebGpuDevice,
  multiply: Multiply,
  epilogues: readonly MatmulCase[],
  dtype: "float32" | "float16" = "float32",
): Promise<void> {
  await Promise.all(
    [...MATMUL_CASES, ...epilogues].map((case_) => checkMatmul(device, case_, multiply, dtype)),
  );
  assertEquals(device.live, 0);
}

gpuTest("matmuls agree with double precision", async (device) => {
  await checkAll(device, (...operands) => matmulOnWebGpu(device, ...operands), EPILOGUE_CASES);
});

float16Test("matmuls in half precision agree with double precision", async (device) => {
  await checkAll(
    device,
    (...operands) => matmulOnWebGpu(device, ...operands),
    EPILOGUE_CASES,
    "float16",
  );
});

gpuTest("each kernel that fits agrees with double precision", async (device, t) => {
  const dtypes = device.hasFloat16 ? ["float32", "float16"] as const : ["float32"] as const;
  const names = Object.keys(WEBGPU_MATMULS) as MatmulCandidateName[];
  for (const name of names.filter((name) => fitsDevice(device, name))) {
    for (const dtype of dtypes) {
      await t.step(`${name}, ${dtype}`, () =>
        checkAll(
          device,
          (a, b, c, options, epilogue) => {
            for (const problem of describeMatmuls(a, b, c, options, epilogue)) {
              runCandidate(device, name, problem);
            }
          },
          EPILOGUES_OF_LINEAR,
          dtype,
        ));
    }
  }
});

gpuTest(
  "a device with small workgroups computes the same, by kernels that fit",
  async (device) => {
    const matrix = {
      allocation: { bytes: 0 },
      dtype: "float32" as const,
      offset: 0,
      row: 1024,
      column: 1,
      outer: 0,
      inner: 0,
    };
    const others = {
      ...{ k: 64, outer: 1, inner: 1, a: matrix, b: matrix, c: matrix },
      ...{ accumulate: false, symmetric: false },
    };
    const sizes = [1, 8, 64, 1024];
    for (const m of sizes) {
      for (const n of sizes) {
        const problem = { m, n, ...others };
        for (const software of [false, true]) {
          const info = { ...device.info, details: { ...device.info.details, software } };
          const name = chooseBySize({ info, limits: device.limits }, problem);
          assert(name === null || fitsDevice(device, name), `${name} should fit`);
        }
      }
    }
    assertThrows(
      () => runCandidate(device, "staged 8×8 by 16×16", { m: 64, n: 64, ...others }),
      Error,
      "wanted a device with larger workgroups",
    );
    await checkAll(device, (...operands) => matmulOnWebGpu(device, ...operands), EPILOGUE_CASES);
  },
  {
    limits: { maxComputeInvocationsPerWorkgroup: 128, maxComputeWorkgroupStorageSize: 16 * 1024 },
  },
);
