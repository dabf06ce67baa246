/**
 * Matrix products on WebGPU: the candidates, and which of them is taken when.
 *
 * @module
 */

import type { View, WebGpuDevice } from "../device.ts";
import { DOTS_KERNEL, hasVectorsAlongK } from "./matmul_dots_wgsl.ts";
import {
  ALIGN_KERNEL,
  type MatmulKernel,
  naiveKernel,
  registerKernel,
  rowsKernel,
  stagedKernel,
} from "./matmul_kernels_wgsl.ts";
import {
  describeProducts,
  type MatmulOptions,
  type Matrix,
  type Product,
  productWork,
  transposeProduct,
} from "./matmul_product.ts";
import { productsInWindows } from "./matmul_windows_wgsl.ts";

/** One way to compute a product. */
export interface MatmulCandidate {
  /** Whether this way is possible on a device at all. */
  readonly fits: (device: Pick<WebGpuDevice, "limits">) => boolean;
  /** Whether b has to have contiguous rows that begin at multiples of four elements. */
  readonly alignedB: boolean;
  /** The kernel for a product: the order of its elements decides, and whether half is enough. */
  readonly kernel: (product: Product, isSymmetric: boolean) => MatmulKernel;
}

/** The name of a {@linkcode MatmulCandidate}. */
export type MatmulCandidateName =
  | "naive"
  | "dots"
  | "rows"
  | "registers 4×8"
  | "registers 8×8"
  | "registers 16×8"
  | "staged 4×4 by 8×8"
  | "staged 8×8 by 8×8"
  | "staged 4×4 by 16×16"
  | "staged 8×8 by 16×16";

/** Up to so many rows, large tiles would be mostly empty. */
const FEW_ROWS = 4;
/** Up to so many rows, copying b to align it costs more than it gains. */
const VERY_FEW_ROWS = 2;
/** Products with fewer multiplications are done before tiles pay. */
const SMALL_PRODUCT = 4096;
/** Sums shorter than this are not worth sharing among threads. */
const LONG_SUM = 32;

const naive = byOrder((_, __, isSymmetric) => naiveKernel(isSymmetric));

/** All candidates: what choosing by timing has to try. */
export const WEBGPU_MATMULS: Readonly<Record<MatmulCandidateName, MatmulCandidate>> = {
  "naive": naive,
  "dots": {
    ...naive,
    kernel: (product, isSymmetric) =>
      hasVectorsAlongK(product) && !isSymmetric ? DOTS_KERNEL : naive.kernel(product, isSymmetric),
  },
  "rows": byOrder((_, rowMajorB) => rowsKernel(rowMajorB)),
  "registers 4×8": registers(4, 8),
  "registers 8×8": registers(8, 8),
  "registers 16×8": registers(16, 8),
  "staged 4×4 by 8×8": staged(8, 4, 16),
  "staged 8×8 by 8×8": staged(8, 8, 8),
  "staged 4×4 by 16×16": staged(16, 4, 16),
  "staged 8×8 by 16×16": staged(16, 8, 8),
};

/**
 * A candidate whose kernel may depend on whether the rows of a and of b are contiguous, and on
 * whether the result is symmetric.
 */
function byOrder(
  make: (rowMajorA: boolean, rowMajorB: boolean, isSymmetric: boolean) => MatmulKernel,
): MatmulCandidate {
  const either = [false, true];
  const kernels = either.flatMap((rowMajorA) =>
    either.flatMap((rowMajorB) =>
      either.map((isSymmetric) => make(rowMajorA, rowMajorB, isSymmetric))
    )
  );
  return {
    fits: () => true,
    alignedB: false,
    kernel: ({ a, b }, isSymmetric) =>
      kernels[4 * Number(a.column === 1) + 2 * Number(b.column === 1) + Number(isSymmetric)]!,
  };
}

function registers(tileRows: number, tileColumns: number): MatmulCandidate {
  const candidate = byOrder((_, __, isSymmetric) =>
    registerKernel(tileRows, tileColumns, isSymmetric)
  );
  return { ...candidate, alignedB: true };
}

function staged(threads: number, tile: number, depth: number): MatmulCandidate {
  const staging = {
    tileRows: tile,
    tileColumns: tile,
    threadsX: threads,
    threadsY: threads,
    depth,
  };
  return {
    ...byOrder((rowMajorA, rowMajorB, isSymmetric) =>
      stagedKernel({ ...staging, rowMajorA, rowMajorB, isSymmetric })
    ),
    fits: ({ limits }) =>
      limits.maxComputeInvocationsPerWorkgroup >= threads * threads &&
      limits.maxComputeWorkgroupStorageSize >= 2 * 4 * depth * threads * tile,
  };
}

/**
 * Computes `c = op(a) · op(b)`, or adds it to `c`, in float32.
 *
 * @param a Shape [..., m, k], or [..., k, m] where it is transposed. One of its last two strides is 1.
 * @param b Shape [..., k, n], or [..., n, k] where it is transposed. One of its last two strides is 1.
 * @param c Shape [..., m, n], the last stride 1; an allocation that neither a nor b is in. The batch
 * axes of all three are equal; those of a and b may have stride 0.
 * @throws {RangeError} If the shapes do not belong together, or c shares an allocation with a or b.
 * @throws {TypeError} If a dtype is not float32.
 * @throws {Error} If the strides are others than these.
 *
 * @example
 * ```ts ignore
 * import { openDevice } from "../mod.ts";
 * import { matmulOnWebGpu } from "./matmul_wgsl.ts";
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
): void {
  const products = describeProducts(a, b, c, options).flatMap((product) =>
    productsInWindows(device, product, options)
  );
  for (const { product, options } of products) {
    // Kernels for few rows spread threads along n: few columns are computed as few rows.
    const turned = product.n <= FEW_ROWS && product.m > product.n
      ? transposeProduct(product)
      : product;
    runCandidate(device, chooseCandidate(device, turned), turned, options);
  }
}

/**
 * The candidate that is taken for a product, by its sizes and by what kind of adapter there is.
 *
 * A processor that pretends to be a GPU pays for every barrier and has its caches anyway, so it gets
 * kernels without workgroup memory.
 */
export function chooseCandidate(
  device: Pick<WebGpuDevice, "info" | "limits">,
  product: Product,
): MatmulCandidateName {
  const { m, n, k } = product;
  if (m * n * k < SMALL_PRODUCT) return "naive";
  if (device.info.details.software === true) {
    if (m <= VERY_FEW_ROWS && !isAligned(product)) return "dots";
    return m <= FEW_ROWS ? "registers 4×8" : "registers 8×8";
  }
  if (m <= FEW_ROWS) return k >= LONG_SUM ? "rows" : "naive";
  const large = "staged 8×8 by 16×16";
  if (m >= 512 && n >= 512 && WEBGPU_MATMULS[large].fits(device)) return large;
  return m >= 64 && n >= 64 ? "staged 8×8 by 8×8" : "staged 4×4 by 8×8";
}

/**
 * Computes a product by one of {@linkcode WEBGPU_MATMULS}, in as many dispatches as limits demand.
 *
 * @throws {Error} If the device does not have what this way needs.
 */
export function runCandidate(
  device: WebGpuDevice,
  name: MatmulCandidateName,
  product: Product,
  options: Pick<MatmulOptions, "accumulate" | "symmetric">,
): void {
  const { fits, alignedB, kernel } = WEBGPU_MATMULS[name];
  if (!fits(device)) {
    throw new Error(`Cannot multiply matrices by "${name}": the device's workgroups are too small`);
  }
  const { m, n, outer, inner } = product;
  const [b, scratch] = alignedB && !isAligned(product)
    ? alignB(device, product)
    : [product.b, null];
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const isWhole = ({ rows, columns }: MatmulKernel) => m <= limit * rows && n <= limit * columns;
  // Only a whole result has its diagonal where rows and columns are equal.
  const half = options.symmetric && m === n ? kernel({ ...product, b }, true) : null;
  const isSymmetric = half !== null && isWhole(half);
  const tile = isSymmetric ? half : kernel({ ...product, b }, false);
  const flags = { accumulate: options.accumulate ?? false, symmetric: isSymmetric };
  for (const part of parts({ ...product, b }, limit * tile.rows, limit * tile.columns)) {
    eachBatch(outer * inner, limit, (firstItem, items) =>
      device.dispatch(
        tile.kernel,
        [part.a.allocation, part.b.allocation, part.c.allocation],
        { integers: integersOf(part, firstItem, flags.accumulate) },
        [Math.ceil(part.n / tile.columns), Math.ceil(part.m / tile.rows), items],
        () => productWork(part, flags, items),
      ));
  }
  if (scratch !== null) device.free(scratch);
}

/** The arguments of a kernel: {@linkcode MATMUL_ARGUMENTS}, in that order. */
function integersOf(
  { a, b, c, m, n, k, inner }: Product,
  firstItem: number,
  accumulate: boolean,
): number[] {
  const place = (
    { offset, row, column, outer, inner }: Matrix,
  ) => [offset, row, column, outer, inner];
  return [
    ...[...place(a), ...place(b), ...place(c)],
    ...[m, n, k, inner, firstItem, Number(accumulate)],
  ];
}

/** Whether each row of b begins, in all items, at a multiple of four elements and ends at one. */
function isAligned({ n, b }: Product): boolean {
  return b.column === 1 && [n, b.offset, b.row, b.outer, b.inner].every((x) => x % 4 === 0);
}

/** Copies b to contiguous, aligned rows; items that share one b share the copy. */
function alignB(
  device: WebGpuDevice,
  { n, k, outer, inner, b }: Product,
): [Matrix, Matrix["allocation"]] {
  const [outerCount, innerCount] = [b.outer === 0 ? 1 : outer, b.inner === 0 ? 1 : inner];
  const row = 4 * Math.ceil(n / 4);
  const copies = outerCount * innerCount;
  const allocation = device.allocate(4 * copies * k * row, "the aligned operand of a matmul");
  eachBatch(
    copies,
    device.limits.maxComputeWorkgroupsPerDimension,
    (first, items) =>
      device.dispatch(ALIGN_KERNEL, [b.allocation, allocation], {
        integers: [b.offset, b.row, b.column, b.outer, b.inner, innerCount, k, n, first],
      }, [Math.ceil(row / 32), Math.ceil(k / 32), items]),
  );
  return [{
    allocation,
    offset: 0,
    row,
    column: 1,
    outer: b.outer === 0 ? 0 : innerCount * k * row,
    inner: b.inner === 0 ? 0 : k * row,
  }, allocation];
}

/** Calls `run` for ranges of batch items that one dispatch may have. */
function eachBatch(
  items: number,
  limit: number,
  run: (firstItem: number, items: number) => void,
): void {
  for (let first = 0; first < items; first += limit) run(first, Math.min(limit, items - first));
}

/** Cuts a product into parts of at most so many rows and columns. */
function* parts(product: Product, mostRows: number, mostColumns: number): Generator<Product> {
  const { m, n, a, b, c } = product;
  for (let row = 0; row < m; row += mostRows) {
    for (let column = 0; column < n; column += mostColumns) {
      yield {
        ...product,
        m: Math.min(mostRows, m - row),
        n: Math.min(mostColumns, n - column),
        a: { ...a, offset: a.offset + row * a.row },
        b: { ...b, offset: b.offset + column * b.column },
        c: { ...c, offset: c.offset + row * c.row + column * c.column },
      };
    }
  }
}
