/** Matmul on WebGPU. `candidates_wgsl.ts` holds the kernels and chooses among them. @module */

import type { View, WebGpuDevice } from "../../device.ts";
import { chooseBySize, runCandidate } from "./candidates_wgsl.ts";
import { describeMatmuls, type Epilogue, type MatmulOptions, transposeMatmul } from "./problem.ts";
import { matmulsInRanges } from "./binding_ranges_wgsl.ts";

/** Up to this many columns, a tall matmul is transposed into a skinny one. */
const MAX_SKINNY_COLUMNS = 4;

/**
 * Computes `c = op(a) · op(b)` in float32, or adds it to `c`. The epilogue is fused into the
 * kernel.
 *
 * @param a Shape [..., m, k], or [..., k, m] if transposed. One of its last two strides is 1.
 * @param b Shape [..., k, n], or [..., n, k] if transposed. One of its last two strides is 1.
 * @param c Shape [..., m, n], with a last stride of 1, in an allocation that neither a nor b uses.
 * The batch axes of all three are equal; those of a and b may have stride 0.
 * @param epilogue Its addends have the shape and dtype of c, and any strides; none is in c's
 * allocation.
 * @throws {RangeError} If the shapes do not match, or c shares an allocation with a or b.
 * @throws {TypeError} If a dtype is not float32.
 * @throws {Error} If the strides are not supported.
 *
 * @example
 * ```ts ignore
 * import { openDevice } from "../../mod.ts";
 * import { matmulOnWebGpu } from "./wgsl.ts";
 *
 * const device = await openDevice("webgpu");
 * if (device.kind !== "webgpu") throw new Error("asked for a GPU");
 * const [a, c] = [device.allocate(16, "a"), device.allocate(16, "c")];
 * device.write(a, 0, new Float32Array([1, 2, 3, 4]));
 * const view = { dtype: "float32" as const, shape: [2, 2], strides: [2, 1], offset: 0 };
 * const [left, result] = [{ allocation: a, ...view }, { allocation: c, ...view }];
 * matmulOnWebGpu(device, left, left, result, { transposeA: false, transposeB: true });
 * console.log(new Float32Array(await device.read(c, 0, 16))); // 5, 11, 11, 25
 * await device.close();
 * ```
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
    matmulsInRanges(device, problem, options)
  );
  for (const { problem, options } of problems) {
    // Kernels for few rows distribute threads along n, so transpose few columns into few rows.
    const turned = problem.n <= MAX_SKINNY_COLUMNS && problem.m > problem.n
      ? transposeMatmul(problem)
      : problem;
    runCandidate(device, chooseBySize(device, turned), turned, options);
  }
}
