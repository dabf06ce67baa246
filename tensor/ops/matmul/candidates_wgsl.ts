/** The matmul kernels on WebGPU, and the choice among them. @module */

import type { WebGpuDevice } from "../../device.ts";
import { Error } from "../../errors.ts";
import { integersOf, type KernelForm, type MatmulKernel, matricesOf } from "./code_wgsl.ts";
import { elementOf } from "./plain.ts";
import { ACTIVATIONS, mapAddends, type MatmulProblem, matmulWork, type Matrix } from "./problem.ts";
import { rowsKernel } from "./rows_wgsl.ts";
import { stagedKernel, type Staging } from "./staged_wgsl.ts";

/** The properties of a device that determine the kernel. */
export type Capabilities = Pick<WebGpuDevice, "info" | "limits">;

export interface MatmulCandidate {
  readonly threads: number;
  readonly kernel: (form: KernelForm) => MatmulKernel;
}

/** The name of a {@linkcode MatmulCandidate}. */
export type MatmulCandidateName =
  | "rows"
  | `staged ${"4×4 by 8×8" | "8×8 by 8×8" | "8×8 by 16×16"}`;

/** All candidates. */
export const WEBGPU_MATMULS: Readonly<Record<MatmulCandidateName, MatmulCandidate>> = {
  rows: candidate(128, rowsKernel),
  "staged 4×4 by 8×8": staged({ threads: 8, tile: 4, depth: 16 }),
  "staged 8×8 by 8×8": staged({ threads: 8, tile: 8, depth: 8 }),
  "staged 8×8 by 16×16": staged({ threads: 16, tile: 8, depth: 8 }),
};

/** A candidate whose kernels depend on the form alone, and are created on first use. */
function candidate(threads: number, make: (form: KernelForm) => MatmulKernel): MatmulCandidate {
  const kernels: MatmulKernel[] = [];
  return {
    threads,
    kernel: (form) => {
      const { rowMajorA, rowMajorB, isSymmetric, operands, result, addends, activation } = form;
      const index = Number(rowMajorA) + 2 * Number(rowMajorB) + 4 * Number(isSymmetric) +
        8 * Number(operands === "f16") + 16 * Number(result === "f16") +
        32 * (ACTIVATIONS.indexOf(activation) + ACTIVATIONS.length * addends);
      return kernels[index] ??= make(form);
    },
  };
}

function staged(staging: Staging): MatmulCandidate {
  return candidate(staging.threads ** 2, (form) => stagedKernel(staging, form));
}

/** Maximum rows for which large tiles would be mostly empty. */
const MAX_SKINNY_ROWS = 4;
/** Matmuls with fewer multiplications are done before tiles pay off. */
const PLAIN_THRESHOLD = 4096;
/** Minimum length of sums that are worth sharing among threads. */
const MIN_SHARED_SUM = 32;

/**
 * Chooses the candidate for a matmul, by its sizes and the kind of adapter; `null` for the plain
 * kernel.
 *
 * Software adapters emulate barriers and gain nothing from workgroup memory, so they use the plain
 * kernel, which has none.
 */
export function chooseBySize(
  device: Capabilities,
  { m, n, k }: Pick<MatmulProblem, "m" | "n" | "k">,
): MatmulCandidateName | null {
  if (m * n * k < PLAIN_THRESHOLD || device.info.details.software === true) return null;
  if (m <= MAX_SKINNY_ROWS) return k >= MIN_SHARED_SUM ? "rows" : null;
  const large = "staged 8×8 by 16×16";
  if (m >= 512 && n >= 512 && fitsDevice(device, large)) return large;
  return m >= 64 && n >= 64 ? "staged 8×8 by 8×8" : "staged 4×4 by 8×8";
}

export function fitsDevice({ limits }: Capabilities, name: MatmulCandidateName): boolean {
  return WEBGPU_MATMULS[name].threads <= limits.maxComputeInvocationsPerWorkgroup;
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
  problem: MatmulProblem,
): void {
  if (!fitsDevice(device, name)) {
    throw new Error(
      `Cannot multiply matrices by "${name}": wanted a device with larger workgroups, got ` +
        device.info.description,
    );
  }
  const { kernel } = WEBGPU_MATMULS[name];
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
