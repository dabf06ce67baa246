/** Attention on WebGPU: chooses the kernel and its arguments. @module */

import type { View, WebGpuDevice } from "../../device.ts";
import { attendByTiles } from "./blocks_wgsl.ts";
import { attendOneByOne, MAX_DECODE_QUERIES } from "./decode_wgsl.ts";
import { type AttentionProblem, attentionWork, LOG2_E } from "./problem.ts";
import { place, type Stored, TILE } from "./tile_wgsl.ts";
import type { ForwardViews } from "./wasm.ts";
import { attendInRanges } from "./binding_ranges_wgsl.ts";

export function attentionOnWebGpu(
  device: WebGpuDevice,
  views: ForwardViews,
  problem: AttentionProblem,
): void {
  if (problem.batch * problem.queries === 0) return;
  attendInRanges(
    device,
    views,
    ["y", "logSums"],
    problem,
    (views, problem) => attend(device, views, problem),
  );
}

function attend(
  device: WebGpuDevice,
  views: ForwardViews,
  problem: AttentionProblem,
): void {
  const { q, k, v, y, logSums } = views;
  const { batch, queries, heads, headSize, scale } = problem;
  const oneByOne = queries <= MAX_DECODE_QUERIES;
  device.dispatch(
    (oneByOne ? attendOneByOne : attendByTiles)(headSize, storedAs(q)),
    [q, k, v, y, logSums].map((view) => view.allocation),
    {
      integers: [...[q, k, v, y].flatMap(place), logSums.offset, ...sizes(problem)],
      floats: [scale * LOG2_E],
    },
    [oneByOne ? queries : Math.ceil(queries / TILE), heads, batch],
    () => attentionWork("attention", problem, 2, [q, k, v, y, logSums]),
  );
}

export function storedAs({ dtype }: View): Stored {
  return dtype === "float16" ? "f16" : "f32";
}

export function sizes(problem: AttentionProblem): number[] {
  const { queries, keys, heads, keyHeads, headSize, left, right } = problem;
  return [queries, keys, heads, heads / keyHeads, headSize, left, right];
}
