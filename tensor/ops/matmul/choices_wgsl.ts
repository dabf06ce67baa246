/** Which way to multiply matrices is taken on a device. @module */

import {
  type Capabilities,
  isAlignedMatrix,
  type MatmulCandidateName,
  WEBGPU_MATMULS,
} from "./candidates_wgsl.ts";
import type { Product } from "./product.ts";

/** Up to so many rows, large tiles would be mostly empty. */
const FEW_ROWS = 4;
/** Up to so many rows, copying b to align it costs more than it gains. */
const VERY_FEW_ROWS = 2;
/** Products with fewer multiplications are done before tiles pay: there is nothing to choose. */
const SMALL_PRODUCT = 4096;
/** Products with more are worth the longer compilation of the largest tile. */
const LARGE_PRODUCT = 2 ** 24;
/** Sums shorter than this are not worth sharing among threads. */
const LONG_SUM = 32;

/**
 * The candidate that is taken for a product, by its sizes and by the kind of adapter.
 *
 * A processor that pretends to be a GPU pays for every barrier and has its caches anyway, so it gets
 * kernels without workgroup memory.
 */
export function chooseBySize(device: Capabilities, product: Product): MatmulCandidateName {
  const { m, n, k } = product;
  if (m * n * k < SMALL_PRODUCT) return "naive";
  if (device.info.details.software === true) {
    const isAlignedB = product.b.column === 1 && isAlignedMatrix(product.b, n);
    if (m <= VERY_FEW_ROWS && !isAlignedB) return "dots";
    if (m <= FEW_ROWS) return "registers 4×8";
    return m * n * k < LARGE_PRODUCT ? "registers 8×8" : "registers 16×8";
  }
  if (m <= FEW_ROWS) return k >= LONG_SUM ? "rows" : "naive";
  const large = "staged 8×8 by 16×16";
  if (m >= 512 && n >= 512 && WEBGPU_MATMULS[large].fits(device)) return large;
  return m >= 64 && n >= 64 ? "staged 8×8 by 8×8" : "staged 4×4 by 8×8";
}
