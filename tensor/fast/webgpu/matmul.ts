/** Fast matmuls of real GPUs: sums that threads share, and tiles staged in workgroup memory. @module */

import type { WebGpuDevice } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { elementOf } from "../../ops/matmul/plain.ts";
import {
  ACTIVATIONS,
  mapAddends,
  type MatmulProblem,
  matmulWork,
  type Matrix,
  transposeMatmul,
} from "../../ops/matmul/problem.ts";
import { integersOf, type KernelForm, type MatmulKernel, matricesOf } from "./matmul_kernel.ts";
import { rowsKernel } from "./skinny_kernel.ts";
import { stagedKernel, type Staging } from "./staged_kernel.ts";

/** Rows or columns of a matmul of which large tiles would be mostly empty. */
const MAX_SKINNY = 4;
/** Matmuls with fewer multiplications are done before tiles pay off. */
const MIN_MULTIPLICATIONS = 4096;
/** Minimum length of sums that are worth sharing among threads. */
const MIN_SHARED_SUM = 32;

const SMALL: Staging = { threads: 8, tile: 4, depth: 16 };
const MIDDLE: Staging = { threads: 8, tile: 8, depth: 8 };
const LARGE: Staging = { threads: 16, tile: 8, depth: 8 };
export const STAGINGS: readonly Staging[] = [SMALL, MIDDLE, LARGE];
/** Minimum rows and columns for the larger ones. */
const MIN_MIDDLE = 64;
const MIN_LARGE = 512;

export function fitsDevice({ limits }: WebGpuDevice, { threads }: Staging): boolean {
  return threads ** 2 <= limits.maxComputeInvocationsPerWorkgroup;
}

/**
 * Software adapters emulate barriers and gain nothing from workgroup memory; the plain kernel has
 * none.
 */
function isWorthwhile({ m, n, k }: MatmulProblem, { info }: WebGpuDevice): boolean {
  return info.details.software !== true && m * n * k >= MIN_MULTIPLICATIONS;
}

export const skinnyMatmulOnGpu: FastPath<"matmul", "webgpu"> = {
  operation: "matmul",
  name: "skinny",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; a software adapter runs the plain kernel faster" },
  suits: (problem, device) =>
    Math.min(problem.m, problem.n) <= MAX_SKINNY && problem.k >= MIN_SHARED_SUM &&
    isWorthwhile(problem, device),
  run: (problem, device) => {
    // Threads are distributed along n, so few columns are transposed into few rows.
    runKernel(skinnyKernels, problem.m <= MAX_SKINNY ? problem : transposeMatmul(problem), device);
  },
};

export const stagedMatmul: FastPath<"matmul", "webgpu"> = {
  operation: "matmul",
  name: "staged",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; a software adapter runs the plain kernel faster" },
  suits: (problem, device) =>
    Math.min(problem.m, problem.n) > MAX_SKINNY && isWorthwhile(problem, device),
  run: (problem, device) => {
    const least = Math.min(problem.m, problem.n);
    const isLarge = least >= MIN_LARGE && fitsDevice(device, LARGE);
    const staging = isLarge ? LARGE : least >= MIN_MIDDLE ? MIDDLE : SMALL;
    runStaged(staging, problem, device);
  },
};

/** The kernel for a form of matmul. */
type KernelFor = (form: KernelForm) => MatmulKernel;

const skinnyKernels = cached(rowsKernel);
const stagedKernels = new Map(
  STAGINGS.map((staging) => [staging, cached((form) => stagedKernel(staging, form))]),
);

export function runStaged(staging: Staging, problem: MatmulProblem, device: WebGpuDevice): void {
  runKernel(stagedKernels.get(staging)!, problem, device);
}

/** Makes each kernel when it is first used. */
function cached(make: KernelFor): KernelFor {
  const kernels: MatmulKernel[] = [];
  return (form) => {
    const { rowMajorA, rowMajorB, isSymmetric, operands, result, addends, activation } = form;
    const index = Number(rowMajorA) + 2 * Number(rowMajorB) + 4 * Number(isSymmetric) +
      8 * Number(operands === "f16") + 16 * Number(result === "f16") +
      32 * (ACTIVATIONS.indexOf(activation) + ACTIVATIONS.length * addends);
    return kernels[index] ??= make(form);
  };
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

/** Computes a matmul in as many dispatches as the limits require. */
function runKernel(kernel: KernelFor, problem: MatmulProblem, device: WebGpuDevice): void {
  const { m, n, outer, inner, symmetric } = problem;
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const isWhole = ({ rows, columns }: MatmulKernel) => m <= limit * rows && n <= limit * columns;
  // Parts of the result have their diagonal elsewhere, so only the whole can use symmetry.
  const half = symmetric ? kernel(formOf(problem, true)) : null;
  const isSymmetric = half !== null && isWhole(half);
  const tile = isSymmetric ? half : kernel(formOf(problem, false));
  for (const part of cut(problem, limit * tile.rows, limit * tile.columns)) {
    eachBatch(outer * inner, limit, (firstItem, items) => {
      device.dispatch(
        tile.kernel,
        matricesOf(part).map(({ allocation }) => allocation),
        { integers: integersOf(part, firstItem) },
        [Math.ceil(part.n / tile.columns), Math.ceil(part.m / tile.rows), items],
        () => matmulWork(part, items, isSymmetric),
      );
    });
  }
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
