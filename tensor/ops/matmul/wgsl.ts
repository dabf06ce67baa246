/** Matmul on WebGPU. `candidates_wgsl.ts` holds the kernels and chooses among them. @module */

import type { View, WebGpuDevice } from "../../device.ts";
import { chooseBySize, runCandidate } from "./candidates_wgsl.ts";
import { describeMatmuls, type Epilogue, type MatmulOptions, transposeMatmul } from "./problem.ts";
import { plainMatmul } from "./plain.ts";
import { matmulsInRanges } from "./binding_ranges_wgsl.ts";

/** Up to this many columns, a tall matmul is transposed into a skinny one. */
const MAX_SKINNY_COLUMNS = 4;

/**
 * Computes `c = op(a) · op(b)` in float32, or adds it to `c`, [..., m, n] with a last stride of 1,
 * with the epilogue fused into the kernel. One of the last two strides of a and b is 1; batch axes
 * are equal, with strides 0 where they are shared. The addends of the epilogue have the shape and
 * dtype of c. No operand or addend may be in the allocation of c.
 */
export function matmulOnWebGpu(
  device: WebGpuDevice,
  a: View,
  b: View,
  c: View,
  options: MatmulOptions,
  epilogue?: Epilogue<View>,
): void {
  const problems = describeMatmuls(a, b, c, options, epilogue).flatMap((problem) =>
    matmulsInRanges(device, problem)
  );
  for (const problem of problems) {
    // Kernels for few rows distribute threads along n, so transpose few columns into few rows.
    const turned = problem.n <= MAX_SKINNY_COLUMNS && problem.m > problem.n
      ? transposeMatmul(problem)
      : problem;
    const name = chooseBySize(device, turned);
    if (name === null) plainMatmul(device, turned);
    else runCandidate(device, name, turned);
  }
}
