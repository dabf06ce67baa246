/** The matmul kernels of WebGPU, for all problems. @module */

import type { WebGpuDevice } from "../../device.ts";
import type { MatmulProblem } from "../../ops/matmul/problem.ts";
import { fitsDevice, runStaged, skinnyMatmulOnGpu, STAGINGS } from "../webgpu/matmul.ts";

export interface WebGpuMatmul {
  readonly name: string;
  run(problem: MatmulProblem, device: WebGpuDevice): void;
}

/** The kernels whose workgroups a device allows. */
export function matmulsThatFit(device: WebGpuDevice): readonly WebGpuMatmul[] {
  const staged = STAGINGS.filter((staging) => fitsDevice(device, staging)).map((staging) => {
    const { tile, threads } = staging;
    return {
      name: `staged ${tile}×${tile} by ${threads}×${threads}`,
      run: (problem: MatmulProblem) => runStaged(staging, problem, device),
    };
  });
  return [skinnyMatmulOnGpu, ...staged];
}
