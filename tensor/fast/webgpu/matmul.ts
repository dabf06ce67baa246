/** Fast matmuls of real GPUs: sums that threads share, and tiles staged in workgroup memory. @module */

import type { WebGpuDevice } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { type MatmulProblem, transposeMatmul } from "../../ops/matmul/problem.ts";
import { runTiles } from "./matmul_kernel.ts";
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
function whyPlain({ m, n, k, a, b, c }: MatmulProblem, { info }: WebGpuDevice): string | null {
  if ([a, b, c].some(({ dtype }) => dtype === "bfloat16")) return "it is in bfloat16";
  if (info.details.software === true) return "the adapter is software";
  return m * n * k < MIN_MULTIPLICATIONS ? "it is small" : null;
}

export const skinnyMatmulOnGpu: FastPath<"matmul", "webgpu"> = {
  operation: "matmul",
  name: "skinny",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; a software adapter runs the plain kernel faster" },
  refuses: (problem, device) => {
    if (Math.min(problem.m, problem.n) > MAX_SKINNY) return "it has many rows and columns";
    return problem.k < MIN_SHARED_SUM ? "the sums are short" : whyPlain(problem, device);
  },
  run: (problem, device) => {
    // Threads are distributed along n, so few columns are transposed into few rows.
    const flat = problem.m <= MAX_SKINNY ? problem : transposeMatmul(problem);
    runTiles(device, flat, rowsKernel(flat));
  },
};

export const stagedMatmul: FastPath<"matmul", "webgpu"> = {
  operation: "matmul",
  name: "staged",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; a software adapter runs the plain kernel faster" },
  refuses: (problem, device) =>
    Math.min(problem.m, problem.n) <= MAX_SKINNY
      ? "it has few rows or columns"
      : whyPlain(problem, device),
  run: (problem, device) => {
    const least = Math.min(problem.m, problem.n);
    const isLarge = least >= MIN_LARGE && fitsDevice(device, LARGE);
    const staging = isLarge ? LARGE : least >= MIN_MIDDLE ? MIDDLE : SMALL;
    runStaged(staging, problem, device);
  },
};

export function runStaged(staging: Staging, problem: MatmulProblem, device: WebGpuDevice): void {
  runTiles(device, problem, stagedKernel(staging, problem));
}
