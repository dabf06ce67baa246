import { openCpuDevice } from "../../devices/cpu/device.ts";
import { checkMatmul, MATMUL_CASES } from "../testing/matmul_cases.ts";
import { withoutRelaxedSimd } from "../testing/without_relaxed_simd.ts";
import { plainMatmul } from "./plain.ts";
import { describeMatmuls } from "./problem.ts";

// On WebGPU it is what software adapters use.
Deno.test("the plain matmul agrees with double precision on the CPU", async () => {
  const given = await openCpuDevice({ threads: 2, blas: false });
  for (const device of [given, withoutRelaxedSimd(given)]) {
    for (const case_ of MATMUL_CASES) {
      await checkMatmul(device, case_, (a, b, c, options) => {
        for (const problem of describeMatmuls(a, b, c, options)) {
          plainMatmul(device, problem);
        }
      });
    }
  }
  await given.close();
});
