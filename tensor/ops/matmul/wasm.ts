/** Matmul on the CPU. @module */

import type { CpuDevice, View } from "../../device.ts";
import { findFastPath } from "../../fast_paths.ts";
import { plainMatmul } from "./plain.ts";
import { describeMatmuls, type MatmulOptions, type MatmulProblem } from "./problem.ts";

/**
 * Computes `c = op(a) · op(b)` in float32, or adds it to `c`, [..., m, n] with a last stride of 1.
 * One of the last two strides of a and b is 1; batch axes are equal, with strides 0 where they are
 * shared. The order of additions does not depend on the number of threads, except with a BLAS.
 */
export function matmulOnCpu(
  device: CpuDevice,
  a: View,
  b: View,
  c: View,
  options: MatmulOptions,
): void {
  for (const problem of describeMatmuls(a, b, c, options)) multiplyOnCpu(device, problem);
}

export function multiplyOnCpu(device: CpuDevice, problem: MatmulProblem): void {
  const path = findFastPath("matmul", problem, device);
  if (path === undefined) plainMatmul(device, problem);
  else path.run(problem, device);
}
