/** The matmul algorithms of the CPU, for all problems that they support. @module */

import type { CpuDevice } from "../../device.ts";
import type { MatmulProblem } from "../../ops/matmul/problem.ts";
import { bfloat16Matmul, bfloat16Problem, blasMatmul } from "../cpu/blas_matmul.ts";
import { packedMatmul } from "../cpu/packed_matmul.ts";
import { widenedMatmul } from "../widened_matmul.ts";
import { runRows } from "../cpu/skinny_matmul.ts";

export const CPU_MATMULS: Readonly<
  Record<"packed" | "skinny" | "BLAS" | "skinny in bfloat16" | "widened" | "bfloat16", {
    /** The dtype of the matmuls. @default {"float32"} */
    readonly dtype?: "bfloat16";
    readonly supports: (problem: MatmulProblem, device: CpuDevice) => boolean;
    readonly run: (device: CpuDevice, problem: MatmulProblem) => void;
  }>
> = {
  packed: {
    supports: ({ k }) => k > 0,
    run: (device, problem) => packedMatmul.run(problem, device),
  },
  skinny: {
    supports: ({ k, b, c }) => k > 0 && (b.row === 1 || (b.column === 1 && c.column === 1)),
    run: runRows,
  },
  BLAS: {
    supports: ({ k, c }) => k > 0 && c.column === 1,
    run: (device, problem) => blasMatmul.run(problem, device),
  },
  "skinny in bfloat16": {
    dtype: "bfloat16",
    supports: ({ k, b, c }) => k > 0 && b.row === 1 && c.dtype === "bfloat16",
    run: runRows,
  },
  widened: {
    dtype: "bfloat16",
    supports: () => true,
    run: (device, problem) => widenedMatmul.run(problem, device),
  },
  bfloat16: {
    dtype: "bfloat16",
    supports: (problem, { bfloat16Speed }) =>
      bfloat16Speed > 0 && bfloat16Problem(problem) === null,
    run: (device, problem) => bfloat16Matmul.run(problem, device),
  },
};
