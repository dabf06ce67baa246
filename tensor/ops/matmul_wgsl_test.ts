import { assert, assertEquals, assertThrows } from "@std/assert";
import { gpuTest } from "../../testing/gpu.ts";
import type { WebGpuDevice } from "../device.ts";
import { describeProducts } from "./matmul_product.ts";
import {
  chooseCandidate,
  type MatmulCandidateName,
  matmulOnWebGpu,
  runCandidate,
  WEBGPU_MATMULS,
} from "./matmul_wgsl.ts";
import { checkMatmul, MATMUL_CASES, type Multiply } from "./testing/matmul_cases.ts";

/** Records all cases, and waits once. */
async function checkAll(device: WebGpuDevice, multiply: Multiply): Promise<void> {
  await Promise.all(MATMUL_CASES.map((case_) => checkMatmul(device, case_, multiply)));
  assertEquals(device.live, 0);
}

gpuTest("products agree with double precision", async (device) => {
  await checkAll(device, (a, b, c, options) => matmulOnWebGpu(device, a, b, c, options));
});

gpuTest("each candidate that fits agrees with double precision", async (device, t) => {
  const names = Object.keys(WEBGPU_MATMULS) as MatmulCandidateName[];
  for (const name of names.filter((name) => WEBGPU_MATMULS[name].fits(device))) {
    await t.step(name, () =>
      checkAll(device, (a, b, c, options) => {
        for (const product of describeProducts(a, b, c, options)) {
          runCandidate(device, name, product, options);
        }
      }));
  }
});

gpuTest(
  "a device with small workgroups computes the same, by candidates that fit",
  async (device) => {
    const matrix = {
      allocation: { bytes: 0 },
      offset: 0,
      row: 1024,
      column: 1,
      outer: 0,
      inner: 0,
    };
    const sizes = [1, 8, 64, 1024];
    for (const m of sizes) {
      for (const n of sizes) {
        const product = { m, n, k: 64, outer: 1, inner: 1, a: matrix, b: matrix, c: matrix };
        for (const software of [false, true]) {
          const info = { ...device.info, details: { ...device.info.details, software } };
          const name = chooseCandidate({ info, limits: device.limits }, product);
          assert(WEBGPU_MATMULS[name].fits(device), `${name} should fit`);
        }
      }
    }
    assertThrows(
      () =>
        runCandidate(device, "staged 8×8 by 16×16", {
          ...{ m: 64, n: 64, k: 64, outer: 1, inner: 1, a: matrix, b: matrix, c: matrix },
        }, {}),
      Error,
      "the device's workgroups are too small",
    );
    await checkAll(device, (a, b, c, options) => matmulOnWebGpu(device, a, b, c, options));
  },
  {
    limits: { maxComputeInvocationsPerWorkgroup: 128, maxComputeWorkgroupStorageSize: 16 * 1024 },
  },
);
