/**
 * Matrix products on WebGPU.
 *
 * `candidates_wgsl.ts` holds the ways to compute one, and chooses among them.
 *
 * @module
 */

import type { View, WebGpuDevice } from "../../device.ts";
import { chooseBySize, runCandidate } from "./candidates_wgsl.ts";
import {
  describeProducts,
  type Epilogue,
  type MatmulOptions,
  transposeProduct,
} from "./product.ts";
import { matmulsInRanges } from "./binding_ranges_wgsl.ts";

/** Up to so many columns, a product with more rows is computed as one of few rows. */
const FEW_COLUMNS = 4;

/**
 * Computes `c = op(a) · op(b)`, or adds it to `c`, in float32. The epilogue comes last, in the same kernel.
 *
 * @param a Shape [..., m, k], or [..., k, m] where it is transposed. One of its last two strides is 1.
 * @param b Shape [..., k, n], or [..., n, k] where it is transposed. One of its last two strides is 1.
 * @param c Shape [..., m, n], the last stride 1; an allocation that neither a nor b is in. The batch
 * axes of all three are equal; those of a and b may have stride 0.
 * @param epilogue Its addends have the shape and the type of c, and any strides; none is in its allocation.
 * @throws {RangeError} If the shapes do not belong together, or c shares an allocation with a or b.
 * @throws {TypeError} If a dtype is not float32.
 * @throws {Error} If the strides are others than these.
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
  const products = describeProducts(a, b, c, options, epilogue).flatMap((product) =>
    matmulsInRanges(device, product, options)
  );
  for (const { product, options } of products) {
    // Kernels for few rows spread threads along n: few columns are computed as few rows.
    const turned = product.n <= FEW_COLUMNS && product.m > product.n
      ? transposeProduct(product)
      : product;
    runCandidate(device, chooseBySize(device, turned), turned, options);
  }
}
