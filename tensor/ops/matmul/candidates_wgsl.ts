/**
 * The ways to multiply matrices on WebGPU: a ladder from the plain kernel to those that adapters of one
 * kind or another like best.
 *
 * @module
 */

import type { WebGpuDevice, WgslKernel } from "../../device.ts";
import { bytesPerElement } from "../../dtype.ts";
import { Error } from "../../errors.ts";
import {
  type Element,
  elementOf,
  integersOf,
  type KernelForm,
  type MatmulKernel,
  matricesOf,
} from "./code_wgsl.ts";
import { dotsKernel, hasVectorsAlongK } from "./dots_wgsl.ts";
import { alignKernel, naiveKernel, registerKernel, rowsKernel } from "./kernels_wgsl.ts";
import {
  ACTIVATIONS,
  mapAddends,
  type MatmulOptions,
  type Matrix,
  type Product,
  productWork,
} from "./product.ts";
import { partsOf, runInParts } from "./split_wgsl.ts";
import { prefetchedKernel, stagedKernel, type Staging } from "./staged_wgsl.ts";
import { subgroupsKernel } from "./subgroups_wgsl.ts";

/** What of a device decides whether a way is possible on it. */
export type Capabilities = Pick<WebGpuDevice, "info" | "limits">;

/** What a product is done with. */
export type ProductFlags = Pick<MatmulOptions, "accumulate" | "symmetric">;

/** One way to compute a product. */
export interface MatmulCandidate {
  /** Whether this way is possible on a device at all. */
  readonly fits: (device: Capabilities) => boolean;
  /**
   * Whether it is a way of its own to compute a product. Any product can be computed by any candidate,
   * but some are then computed as another candidate does.
   */
  readonly suits: (product: Product, form: KernelForm, device: Capabilities) => boolean;
  /** Whether b has to have contiguous rows that begin at multiples of four elements. */
  readonly alignedB: boolean;
  /** Whether the sums of products of few elements are cut in parts. */
  readonly cutsSums: boolean;
  /** The kernel for a product. */
  readonly kernel: (product: Product, form: KernelForm) => MatmulKernel;
}

/** The name of a {@linkcode MatmulCandidate}. */
export type MatmulCandidateName =
  | "naive"
  | "dots"
  | "rows"
  | `registers ${"4×8" | "8×8" | "16×8"}`
  | `${"staged" | "prefetched"} ${"4×4" | "8×8"} by ${"8×8" | "16×16"}`
  | `subgroups ${"4×4" | "8×4"}`
  | "parts of registers 4×8"
  | "parts of registers 8×8"
  | "parts of staged 4×4 by 8×8"
  | "parts of prefetched 4×4 by 8×8";

/** Beyond so many rows, computing one at a time is out of the question. */
const SEVERAL_ROWS = 16;

/** All candidates: what choosing by timing has to try. */
export const WEBGPU_MATMULS: Readonly<Record<MatmulCandidateName, MatmulCandidate>> = {
  "naive": way(naiveKernel),
  "dots": wayIf(
    (product, { isSymmetric }) => hasVectorsAlongK(product) && !isSymmetric,
    dotsKernel,
    naiveKernel,
  ),
  "rows": { ...way(rowsKernel), suits: ({ m }) => m <= SEVERAL_ROWS },
  "registers 4×8": registers(4, 8),
  "registers 8×8": registers(8, 8),
  "registers 16×8": registers(16, 8),
  "staged 4×4 by 8×8": staged({ threads: 8, tile: 4, depth: 16 }),
  "staged 8×8 by 8×8": staged({ threads: 8, tile: 8, depth: 8 }),
  "staged 4×4 by 16×16": staged({ threads: 16, tile: 4, depth: 16 }),
  "staged 8×8 by 16×16": staged({ threads: 16, tile: 8, depth: 8 }),
  "prefetched 4×4 by 8×8": prefetched({ threads: 8, tile: 4, depth: 16 }),
  "prefetched 8×8 by 8×8": prefetched({ threads: 8, tile: 8, depth: 8 }),
  "prefetched 4×4 by 16×16": prefetched({ threads: 16, tile: 4, depth: 16 }),
  "prefetched 8×8 by 16×16": prefetched({ threads: 16, tile: 8, depth: 8 }),
  "subgroups 4×4": subgroups(4),
  "subgroups 8×4": subgroups(8),
  "parts of registers 4×8": inParts(registers(4, 8)),
  "parts of registers 8×8": inParts(registers(8, 8)),
  "parts of staged 4×4 by 8×8": inParts(staged({ threads: 8, tile: 4, depth: 16 })),
  "parts of prefetched 4×4 by 8×8": inParts(prefetched({ threads: 8, tile: 4, depth: 16 })),
};

/** The names of all candidates, the plain one first. */
export const MATMUL_CANDIDATE_NAMES: readonly MatmulCandidateName[] = Object.keys(
  WEBGPU_MATMULS,
) as MatmulCandidateName[];

/** A way whose kernels depend on the form alone. They are made when they are first asked for. */
function way(make: (form: KernelForm) => MatmulKernel): MatmulCandidate {
  const kernels: MatmulKernel[] = [];
  return {
    fits: () => true,
    suits: () => true,
    alignedB: false,
    cutsSums: false,
    kernel: (_, form) => {
      const { rowMajorA, rowMajorB, isSymmetric, operands, result, addends, activation } = form;
      const index = Number(rowMajorA) + 2 * Number(rowMajorB) + 4 * Number(isSymmetric) +
        8 * Number(operands === "f16") + 16 * Number(result === "f16") +
        32 * (ACTIVATIONS.indexOf(activation) + ACTIVATIONS.length * addends);
      return kernels[index] ??= make(form);
    },
  };
}

/** A way for some products, and another for all others. */
function wayIf(
  applies: (product: Product, form: KernelForm) => boolean,
  make: (form: KernelForm) => MatmulKernel,
  otherwise: (form: KernelForm) => MatmulKernel,
): MatmulCandidate {
  const [own, other] = [way(make), way(otherwise)];
  return {
    ...own,
    suits: applies,
    kernel: (product, form) => (applies(product, form) ? own : other).kernel(product, form),
  };
}

function registers(tileRows: number, tileColumns: number): MatmulCandidate {
  return { ...way((form) => registerKernel(tileRows, tileColumns, form)), alignedB: true };
}

function subgroups(tileRows: number): MatmulCandidate {
  return {
    ...way((form) => subgroupsKernel(tileRows, form)),
    fits: ({ info }) => `${info.details.features}`.split(" ").includes("subgroups"),
    alignedB: true,
  };
}

function staged(staging: Staging): MatmulCandidate {
  return { ...way((form) => stagedKernel(staging, form)), fits: hasRoom(staging, 1) };
}

function prefetched(staging: Staging): MatmulCandidate {
  return {
    ...wayIf(
      isAligned,
      (form) => prefetchedKernel(staging, form),
      (form) => stagedKernel(staging, form),
    ),
    fits: hasRoom(staging, 2),
  };
}

/** Whether workgroups may be as large as this, and share so many blocks of each operand. */
function hasRoom({ threads, tile, depth }: Staging, blocks: number): MatmulCandidate["fits"] {
  return ({ limits }) =>
    limits.maxComputeInvocationsPerWorkgroup >= threads ** 2 &&
    limits.maxComputeWorkgroupStorageSize >= 2 * blocks * 4 * depth * threads * tile;
}

function inParts(candidate: MatmulCandidate): MatmulCandidate {
  return {
    ...candidate,
    suits: (product, form, device) =>
      candidate.suits(product, form, device) &&
      partsOf(device, product, candidate.kernel(product, form)) > 1,
    cutsSums: true,
  };
}

/** Whether both operands can be read in vectors of four along the axis that is contiguous. */
function isAligned({ m, n, k, a, b }: Product): boolean {
  const lengthA = a.column === 1 ? k : m;
  const lengthB = b.column === 1 ? n : k;
  return isAlignedMatrix(a, lengthA) && isAlignedMatrix(b, lengthB);
}

/**
 * Whether the contiguous lines of a matrix, rows or columns, begin at multiples of four elements, in all
 * items of the batch, and are a multiple of four long.
 */
export function isAlignedMatrix(matrix: Matrix, length: number): boolean {
  const { offset, row, column, outer, inner } = matrix;
  return length % 4 === 0 && offset % 4 === 0 && outer % 4 === 0 && inner % 4 === 0 &&
    (column === 1 ? row : column) % 4 === 0;
}

/** What the kernels of a product depend on. @throws {TypeError} If its elements cannot be multiplied. */
export function formOf({ a, b, c, epilogue }: Product, isSymmetric: boolean): KernelForm {
  return {
    rowMajorA: a.column === 1,
    rowMajorB: b.column === 1,
    isSymmetric,
    operands: elementOf(a.dtype),
    result: elementOf(c.dtype),
    addends: epilogue?.addends.length ?? 0,
    activation: epilogue?.activation ?? "none",
  };
}

/**
 * Computes a product by one of {@linkcode WEBGPU_MATMULS}, in as many dispatches as limits demand.
 *
 * @returns How many dispatches it took.
 * @throws {Error} If the device does not have what this way needs.
 */
export function runCandidate(
  device: WebGpuDevice,
  name: MatmulCandidateName,
  product: Product,
  flags: ProductFlags,
): number {
  const candidate = WEBGPU_MATMULS[name];
  if (!candidate.fits(device)) {
    throw new Error(
      `Cannot multiply matrices by "${name}": wanted a device with larger workgroups or subgroups, ` +
        `got ${device.info.description}`,
    );
  }
  const parts = candidate.cutsSums
    ? partsOf(device, product, candidate.kernel(product, formOf(product, false)))
    : 1;
  if (parts === 1) return runTiles(device, candidate, product, flags);
  return runInParts(
    device,
    product,
    formOf(product, false),
    flags,
    parts,
    (product, flags) => runTiles(device, candidate, product, flags),
  );
}

/** Computes a product tile by tile. */
function runTiles(
  device: WebGpuDevice,
  { alignedB, kernel }: MatmulCandidate,
  given: Product,
  { accumulate = false, symmetric = false }: ProductFlags,
): number {
  let dispatches = 0;
  const { m, n, outer, inner } = given;
  const copy = alignedB && !(given.b.column === 1 && isAlignedMatrix(given.b, n))
    ? alignB(device, given)
    : null;
  const product = copy === null ? given : { ...given, b: copy.matrix };
  dispatches += copy?.dispatches ?? 0;
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const isWhole = ({ rows, columns }: MatmulKernel) => m <= limit * rows && n <= limit * columns;
  // Only a whole result has its diagonal where rows and columns are equal.
  const half = symmetric && m === n ? kernel(product, formOf(product, true)) : null;
  const isSymmetric = half !== null && isWhole(half);
  const tile = isSymmetric ? half : kernel(product, formOf(product, false));
  for (const part of cut(product, limit * tile.rows, limit * tile.columns)) {
    eachBatch(outer * inner, limit, (firstItem, items) => {
      device.dispatch(
        tile.kernel,
        matricesOf(part).map(({ allocation }) => allocation),
        { integers: integersOf(part, firstItem, accumulate) },
        [Math.ceil(part.n / tile.columns), Math.ceil(part.m / tile.rows), items],
        () => productWork(part, { accumulate, symmetric: isSymmetric }, items),
      );
      dispatches++;
    });
  }
  if (copy !== null) device.free(copy.matrix.allocation);
  return dispatches;
}

const ALIGN_KERNELS: Readonly<Record<Element, WgslKernel>> = {
  f32: alignKernel("f32"),
  f16: alignKernel("f16"),
};

/** Copies b to contiguous, aligned rows; items that share one b share the copy. */
function alignB(
  device: WebGpuDevice,
  { n, k, outer, inner, b }: Product,
): { readonly matrix: Matrix; readonly dispatches: number } {
  let dispatches = 0;
  const [outerCount, innerCount] = [b.outer === 0 ? 1 : outer, b.inner === 0 ? 1 : inner];
  const row = 4 * Math.ceil(n / 4);
  const copies = outerCount * innerCount;
  const allocation = device.allocate(
    bytesPerElement(b.dtype) * copies * k * row,
    "the aligned operand of a matmul",
  );
  eachBatch(copies, device.limits.maxComputeWorkgroupsPerDimension, (first, items) => {
    device.dispatch(ALIGN_KERNELS[elementOf(b.dtype)], [b.allocation, allocation], {
      integers: [b.offset, b.row, b.column, b.outer, b.inner, innerCount, k, n, first],
    }, [Math.ceil(row / 32), Math.ceil(k / 32), items]);
    dispatches++;
  });
  const matrix: Matrix = {
    ...{ allocation, dtype: b.dtype, offset: 0, row, column: 1 },
    outer: b.outer === 0 ? 0 : innerCount * k * row,
    inner: b.inner === 0 ? 0 : k * row,
  };
  return { matrix, dispatches };
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
function* cut(product: Product, mostRows: number, mostColumns: number): Generator<Product> {
  const { m, n, a, b, c } = product;
  for (let row = 0; row < m; row += mostRows) {
    for (let column = 0; column < n; column += mostColumns) {
      const moved = (matrix: Matrix): Matrix => ({
        ...matrix,
        offset: matrix.offset + row * matrix.row + column * matrix.column,
      });
      yield {
        ...product,
        m: Math.min(mostRows, m - row),
        n: Math.min(mostColumns, n - column),
        a: { ...a, offset: a.offset + row * a.row },
        b: { ...b, offset: b.offset + column * b.column },
        c: moved(c),
        ...mapAddends(product, moved),
      };
    }
  }
}
