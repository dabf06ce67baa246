import { assertEquals } from "@std/assert";
import { gpuTest } from "../../../testing/gpu.ts";
import type { WebGpuDevice } from "../../device.ts";
import { Tensor } from "../../mod.ts";
import { describeMatmuls } from "../../ops/matmul/problem.ts";
import { checkMatmul, MATMUL_CASES, type MatmulCase } from "../../ops/testing/matmul_cases.ts";
import { matmulsThatFit, type WebGpuMatmul } from "../testing/webgpu_matmuls.ts";
import { runStaged, skinnyMatmulOnGpu, STAGINGS } from "./matmul.ts";

/** Results that have more rows and columns than this are never skinny; the default case has 17 by 24. */
const SKINNY = 20;

/** The cases of a kernel: for skinny matmuls those with few rows or columns. */
function casesOf(kernel: WebGpuMatmul, cases: readonly MatmulCase[]): readonly MatmulCase[] {
  if (kernel !== skinnyMatmulOnGpu) return cases;
  return cases.filter(({ m, n }) => Math.min(m, n) <= SKINNY);
}

async function checkKernel(
  device: WebGpuDevice,
  kernel: WebGpuMatmul,
  cases: readonly MatmulCase[],
  dtype: "float32" | "float16",
): Promise<void> {
  await Promise.all(
    cases.map((case_) =>
      checkMatmul(device, case_, (a, b, c, options) => {
        for (const problem of describeMatmuls(a, b, c, options)) kernel.run(problem, device);
      }, dtype)
    ),
  );
  assertEquals(device.live, 0);
}

const isBatched = ({ batch, margin, columnMajorA, columnMajorB }: MatmulCase): boolean =>
  batch.length > 0 || margin > 0 || columnMajorA || columnMajorB;

const isTransposed = ({ options }: MatmulCase): boolean =>
  options.transposeA === true || options.transposeB === true;

const kinds: readonly (readonly [string, (case_: MatmulCase) => boolean])[] = [
  ["", (case_) => !isBatched(case_) && !isTransposed(case_)],
  [" on transposed operands", (case_) => !isBatched(case_) && isTransposed(case_)],
  [" on batches and slices of tensors", isBatched],
];

for (const [which, isWanted] of kinds) {
  gpuTest(
    `each kernel that fits a device agrees${which} with double precision`,
    async (device, t) => {
      const dtypes = device.hasFloat16 ? ["float32", "float16"] as const : ["float32"] as const;
      const cases = MATMUL_CASES.filter(isWanted);
      for (const kernel of matmulsThatFit(device)) {
        for (const dtype of dtypes) {
          await t.step(
            `${kernel.name}, ${dtype}`,
            () => checkKernel(device, kernel, casesOf(kernel, cases), dtype),
          );
        }
      }
    },
  );
}

gpuTest(
  "a device with small workgroups takes the kernels that fit it",
  async (device) => {
    const kernels = matmulsThatFit(device);
    assertEquals(kernels.length, STAGINGS.length);
    // The kernels are those above: that they fit is what is tested.
    const cases = MATMUL_CASES.filter(({ m, n, k }) => m === 64 && n === 64 && k === 64);
    for (const kernel of kernels) await checkKernel(device, kernel, cases, "float32");
  },
  { limits: { maxComputeInvocationsPerWorkgroup: 128, maxComputeWorkgroupStorageSize: 16 * 1024 } },
);

gpuTest(
  "a batch, and rows, of more tiles than a dimension of a dispatch are all computed",
  async (device) => {
    for (const [left, right] of [[[100, 2, 3], [100, 3, 5]], [[2500, 3], [3, 5]]]) {
      const [a, b] = [Tensor.ones(device, left!), Tensor.ones(device, right!)];
      const shape = left!.with(-1, 5);
      const c = Tensor.arange(device, 0, 5, 1, "float32").expand(shape).contiguous();
      const options = { transposeA: false, transposeB: false, accumulate: true };
      const [problem] = describeMatmuls(a, b, c, options);
      const before = device.statistics.dispatches;
      runStaged(STAGINGS[0]!, problem!, device);
      assertEquals(device.statistics.dispatches - before, 1);
      const values = await c.data();
      assertEquals(values.every((value, i) => value === 3 + i % 5), true);
    }
  },
  { limits: { maxComputeWorkgroupsPerDimension: 64 } },
);
