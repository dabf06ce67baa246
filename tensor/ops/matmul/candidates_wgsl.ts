/** The matmul kernels on WebGPU, and the choice among them. @module */

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
import {
  alignKernel,
  dotsKernel,
  hasVectorsAlongK,
  naiveKernel,
  registerKernel,
  rowsKernel,
} from "./kernels_wgsl.ts";
import {
  ACTIVATIONS,
  mapAddends,
  type MatmulOptions,
  type MatmulProblem,
  matmulWork,
  type Matrix,
} from "./problem.ts";
import { stagedKernel, type Staging } from "./staged_wgsl.ts";

/** The properties of a device that determine the kernel. */
export type Capabilities = Pick<WebGpuDevice, "info" | "limits">;

export type MatmulFlags = Pick<MatmulOptions, "accumulate" | "symmetric">;

export interface MatmulCandidate {
  readonly threads: number;
  /** Whether b must have contiguous rows that start at multiples of four elements. */
  readonly alignedB: boolean;
  readonly kernel: (problem: MatmulProblem, form: KernelForm) => MatmulKernel;
}

/** The name of a {@linkcode MatmulCandidate}. */
export type MatmulCandidateName =
  | "naive"
  | "dots"
  | "rows"
  | `registers ${"8×8" | "16×8"}`
  | `staged ${"4×4 by 8×8" | "8×8 by 8×8" | "8×8 by 16×16"}`;

const naive = candidate(64, naiveKernel);
const dots = candidate(64, dotsKernel);

/** All candidates. `registers` are for software adapters, `staged` for real GPUs. */
export const WEBGPU_MATMULS: Readonly<Record<MatmulCandidateName, MatmulCandidate>> = {
  naive,
  dots: {
    ...dots,
    kernel: (problem, form) => {
      const fits = hasVectorsAlongK(problem) && !form.isSymmetric;
      return (fits ? dots : naive).kernel(problem, form);
    },
  },
  rows: candidate(128, rowsKernel),
  "registers 8×8": registers(8, 8),
  "registers 16×8": registers(16, 8),
  "staged 4×4 by 8×8": staged({ threads: 8, tile: 4, depth: 16 }),
  "staged 8×8 by 8×8": staged({ threads: 8, tile: 8, depth: 8 }),
  "staged 8×8 by 16×16": staged({ threads: 16, tile: 8, depth: 8 }),
};

/** A candidate whose kernels depend on the form alone, and are created on first use. */
function candidate(threads: number, make: (form: KernelForm) => MatmulKernel): MatmulCandidate {
  const kernels: MatmulKernel[] = [];
  return {
    threads,
    alignedB: false,
    kernel: (_, form) => {
      const { rowMajorA, rowMajorB, isSymmetric, operands, result, addends, activation } = form;
      const index = Number(rowMajorA) + 2 * Number(rowMajorB) + 4 * Number(isSymmetric) +
        8 * Number(operands === "f16") + 16 * Number(result === "f16") +
        32 * (ACTIVATIONS.indexOf(activation) + ACTIVATIONS.length * addends);
      return kernels[index] ??= make(form);
    },
  };
}

function registers(tileRows: number, tileColumns: number): MatmulCandidate {
  return {
    ...candidate(64, (form) => registerKernel(tileRows, tileColumns, form)),
    alignedB: true,
  };
}

function staged(staging: Staging): MatmulCandidate {
  return candidate(staging.threads ** 2, (form) => stagedKernel(staging, form));
}

/** Maximum rows for which large tiles would be mostly empty. */
const MAX_SKINNY_ROWS = 4;
/** Maximum rows for which copying b to align it costs more than it gains. */
const MAX_UNALIGNED_ROWS = 2;
/** Matmuls with fewer multiplications are done before tiles pay off. */
const NAIVE_THRESHOLD = 4096;
/** Matmuls with more are worth the longer compilation of the largest tile. */
const LARGE_TILE_THRESHOLD = 2 ** 24;
/** Minimum length of sums that are worth sharing among threads. */
const MIN_SHARED_SUM = 32;

/**
 * Chooses the candidate for a matmul, by its sizes and the kind of adapter.
 *
 * Software adapters emulate barriers and gain nothing from workgroup memory, so they use kernels
 * without it.
 */
export function chooseBySize(device: Capabilities, problem: MatmulProblem): MatmulCandidateName {
  const { m, n, k } = problem;
  if (m * n * k < NAIVE_THRESHOLD) return "naive";
  if (device.info.details.software === true) {
    const isAlignedB = problem.b.column === 1 && isAlignedMatrix(problem.b, n);
    if (m <= MAX_UNALIGNED_ROWS && !isAlignedB) return "dots";
    return m * n * k < LARGE_TILE_THRESHOLD || m <= 8 ? "registers 8×8" : "registers 16×8";
  }
  if (m <= MAX_SKINNY_ROWS) return k >= MIN_SHARED_SUM ? "rows" : "naive";
  const large = "staged 8×8 by 16×16";
  if (m >= 512 && n >= 512 && fitsDevice(device, large)) return large;
  return m >= 64 && n >= 64 ? "staged 8×8 by 8×8" : "staged 4×4 by 8×8";
}

export function fitsDevice({ limits }: Capabilities, name: MatmulCandidateName): boolean {
  return WEBGPU_MATMULS[name].threads <= limits.maxComputeInvocationsPerWorkgroup;
}

/**
 * Whether the contiguous rows or columns of a matrix start at multiples of four elements in all
 * batch items, and have a multiple of four elements.
 */
function isAlignedMatrix(matrix: Matrix, length: number): boolean {
  const { offset, row, column, outer, inner } = matrix;
  return length % 4 === 0 && offset % 4 === 0 && outer % 4 === 0 && inner % 4 === 0 &&
    (column === 1 ? row : column) % 4 === 0;
}

/**
 * What the kernels of a matmul depend on. @throws {TypeError} If an element dtype is not supported.
 */
function formOf({ a, b, c, epilogue }: MatmulProblem, isSymmetric: boolean): KernelForm {
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
 * Computes a matmul by one of {@linkcode WEBGPU_MATMULS}, in as many dispatches as the limits
 * require.
 *
 * @throws {Error} If its workgroups are too large for the device.
 */
export function runCandidate(
  device: WebGpuDevice,
  name: MatmulCandidateName,
  given: MatmulProblem,
  { accumulate = false, symmetric = false }: MatmulFlags,
): void {
  if (!fitsDevice(device, name)) {
    throw new Error(
      `Cannot multiply matrices by "${name}": wanted a device with larger workgroups, got ` +
        device.info.description,
    );
  }
  const { alignedB, kernel } = WEBGPU_MATMULS[name];
  const { m, n, outer, inner } = given;
  const copy = alignedB && !(given.b.column === 1 && isAlignedMatrix(given.b, n))
    ? alignB(device, given)
    : null;
  const problem = copy === null ? given : { ...given, b: copy };
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const isWhole = ({ rows, columns }: MatmulKernel) => m <= limit * rows && n <= limit * columns;
  // Parts of the result have their diagonal elsewhere, so only the whole can use symmetry.
  const half = symmetric && m === n ? kernel(problem, formOf(problem, true)) : null;
  const isSymmetric = half !== null && isWhole(half);
  const tile = isSymmetric ? half : kernel(problem, formOf(problem, false));
  for (const part of cut(problem, limit * tile.rows, limit * tile.columns)) {
    eachBatch(outer * inner, limit, (firstItem, items) => {
      device.dispatch(
        tile.kernel,
        matricesOf(part).map(({ allocation }) => allocation),
        { integers: integersOf(part, firstItem, accumulate) },
        [Math.ceil(part.n / tile.columns), Math.ceil(part.m / tile.rows), items],
        () => matmulWork(part, { accumulate, symmetric: isSymmetric }, items),
      );
    });
  }
  if (copy !== null) device.free(copy.allocation);
}

const ALIGN_KERNELS: Readonly<Record<Element, WgslKernel>> = {
  f32: alignKernel("f32"),
  f16: alignKernel("f16"),
};

/** Copies b to contiguous, aligned rows; batch items that share b share the copy. */
function alignB(
  device: WebGpuDevice,
  { n, k, outer, inner, b }: MatmulProblem,
): Matrix {
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
  });
  return {
    ...{ allocation, dtype: b.dtype, offset: 0, row, column: 1 },
    outer: b.outer === 0 ? 0 : innerCount * k * row,
    inner: b.inner === 0 ? 0 : k * row,
  };
}

/** Calls `run` for ranges of batch items that fit a dispatch. */
function eachBatch(
  items: number,
  limit: number,
  run: (firstItem: number, items: number) => void,
): void {
  for (let first = 0; first < items; first += limit) run(first, Math.min(limit, items - first));
}

/** Cuts a matmul into parts with limited rows and columns. */
function* cut(
  problem: MatmulProblem,
  maxRows: number,
  maxColumns: number,
): Generator<MatmulProblem> {
  const { m, n, a, b, c } = problem;
  for (let row = 0; row < m; row += maxRows) {
    for (let column = 0; column < n; column += maxColumns) {
      const moved = (matrix: Matrix): Matrix => ({
        ...matrix,
        offset: matrix.offset + row * matrix.row + column * matrix.column,
      });
      yield {
        ...problem,
        m: Math.min(maxRows, m - row),
        n: Math.min(maxColumns, n - column),
        a: { ...a, offset: a.offset + row * a.row },
        b: { ...b, offset: b.offset + column * b.column },
        c: moved(c),
        ...mapAddends(problem, moved),
      };
    }
  }
}
