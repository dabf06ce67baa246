import { assertEquals } from "@std/assert";
import { gpuTest } from "../../../testing/gpu.ts";
import { Tensor } from "../../mod.ts";
import { describeMatmuls } from "../../ops/matmul/problem.ts";
import { checkMatmul, MATMUL_CASES } from "../../ops/testing/matmul_cases.ts";
import { matmulsThatFit } from "../testing/webgpu_matmuls.ts";
import { runStaged, STAGINGS } from "./matmul.ts";

for (
  const [where, limits] of [
    ["", {}],
    [" with small workgroups", {
      maxComputeInvocationsPerWorkgroup: 128,
      maxComputeWorkgroupStorageSize: 16 * 1024,
    }],
  ] as const
) {
  gpuTest(
    `each kernel that fits a device${where} agrees with double precision`,
    async (device, t) => {
      const dtypes = device.hasFloat16 ? ["float32", "float16"] as const : ["float32"] as const;
      for (const kernel of matmulsThatFit(device)) {
        for (const dtype of dtypes) {
          await t.step(`${kernel.name}, ${dtype}`, async () => {
            await Promise.all(
              MATMUL_CASES.map((case_) =>
                checkMatmul(device, case_, (a, b, c, options) => {
                  for (const problem of describeMatmuls(a, b, c, options)) {
                    kernel.run(problem, device);
                  }
                }, dtype)
              ),
            );
            assertEquals(device.live, 0);
          });
        }
      }
    },
    { limits },
  );
}

gpuTest(
  "a batch, and rows, of more tiles than a dimension of a dispatch are all computed",
  async (device) => {
    for (const [left, right] of [[[70_000, 2, 3], [70_000, 3, 5]], [[70_000, 3], [3, 5]]]) {
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
);
