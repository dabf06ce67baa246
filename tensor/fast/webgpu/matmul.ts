/** Fast matmuls of real GPUs: sums that threads share, and tiles staged in workgroup memory. @module */

import type { WebGpuDevice } from "../../device.ts";
import { workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import type { FastPath } from "../../fast_paths.ts";
import { elementOf } from "../../ops/matmul/plain.ts";
import { type MatmulProblem, matmulWork, transposeMatmul } from "../../ops/matmul/problem.ts";
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
    runKernel(rowsKernel, problem.m <= MAX_SKINNY ? problem : transposeMatmul(problem), device);
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

export function runStaged(staging: Staging, problem: MatmulProblem, device: WebGpuDevice): void {
  runKernel((form) => stagedKernel(staging, form), problem, device);
}

/**
 * What the kernels of a matmul depend on. @throws {TypeError} If an element dtype is not supported.
 */
function formOf({ a, b, c, addends, activation, symmetric }: MatmulProblem): KernelForm {
  return {
    rowMajorA: a.column === 1,
    rowMajorB: b.column === 1,
    isSymmetric: symmetric,
    operands: elementOf(a.dtype),
    result: elementOf(c.dtype),
    addends: addends.length,
    activation,
  };
}

function runKernel(
  kernelFor: (form: KernelForm) => MatmulKernel,
  problem: MatmulProblem,
  device: WebGpuDevice,
): void {
  const { m, n, outer, inner, symmetric } = problem;
  const { kernel, rows, columns } = kernelFor(formOf(problem));
  const tiles = outer * inner * Math.ceil(m / rows) * Math.ceil(n / columns);
  device.dispatch(
    kernel,
    matricesOf(problem).map(({ allocation }) => allocation),
    { integers: integersOf(problem) },
    workgroupGrid(tiles, device.limits.maxComputeWorkgroupsPerDimension),
    () => matmulWork(problem, symmetric),
  );
}
