/** Attention on the CPU: chooses the kernel and its arguments. @module */

import type { CpuDevice } from "../../device.ts";
import { attendByBlas, checkHeads, suitsBlas } from "./blas.ts";
import { attendByBlocks } from "./blocks_wasm.ts";
import { attendOneByOne, MAX_DECODE_QUERIES } from "./decode_wasm.ts";
import { type AttentionProblem, attentionWork, type ForwardViews, LOG2_E } from "./problem.ts";
import { QUERIES } from "./tile_wasm.ts";
import { ALWAYS, place } from "./words_wasm.ts";

/** Below this many operations, another thread costs more than it gains. */
const OPERATIONS_PER_THREAD = 200_000;

export function attentionOnCpu(
  device: CpuDevice,
  views: ForwardViews,
  problem: AttentionProblem,
): void {
  if (!suitsBlas(device, { ...views }, problem)) return runKernel(device, views, problem, ALWAYS);
  attendByBlas(device, views, problem);
  checkHeads(device, "attention", [views.v], problem, (flags) => {
    runKernel(device, views, problem, flags);
  });
}

function runKernel(
  device: CpuDevice,
  { q, k, v, y, logSums }: ForwardViews,
  problem: AttentionProblem,
  flags: number,
): void {
  const { batch, queries, keys, heads, keyHeads, headSize, left, right, scale } = problem;
  const integers = [
    ...[q, k, v, y].flatMap((view) => place(device, view)),
    ...[device.address(logSums), queries, keys, heads, heads / keyHeads, left, right, flags],
  ];
  const visible = Math.min(keys, left + right + 1);
  const oneByOne = queries <= MAX_DECODE_QUERIES;
  const blocks = oneByOne ? queries : Math.ceil(queries / QUERIES);
  const operations = 4 * headSize * visible * (oneByOne ? 1 : Math.min(queries, QUERIES));
  const kernel = oneByOne ? attendOneByOne : attendByBlocks;
  device.dispatch(
    kernel.at(headSize, device.relaxedSimd),
    { integers, floats: [scale * LOG2_E] },
    batch * heads * blocks,
    {
      grain: Math.max(1, Math.ceil(OPERATIONS_PER_THREAD / operations)),
      scratchBytes: kernel.scratchBytes(headSize, keys),
      work: () =>
        flags === ALWAYS
          ? attentionWork("attention", problem, 2, [q, k, v, y, logSums])
          : { name: "attention" },
    },
  );
}
