/** Attention on WebGPU: chooses the kernel and its arguments. @module */

import type { View, WebGpuDevice } from "../../device.ts";
import { attendByTiles } from "./blocks_wgsl.ts";
import { attend } from "./body.ts";
import { type AttentionProblem, attentionWork, type ForwardViews, LOG2_E } from "./problem.ts";
import { place, type Stored, TILE } from "./tile_wgsl.ts";

/** Minimum number of queries for a tile, most of which would be padding otherwise. */
const MIN_QUERIES = 5;

export function attentionOnWebGpu(
  device: WebGpuDevice,
  views: ForwardViews,
  problem: AttentionProblem,
): void {
  const { q, k, v, y, logSums } = views;
  const { batch, queries, heads, headSize, scale } = problem;
  if (queries < MIN_QUERIES) return attend(device, views, problem);
  device.dispatch(
    attendByTiles(headSize, storedAs(q)),
    [q, k, v, y, logSums].map((view) => view.allocation),
    {
      integers: [...[q, k, v, y].flatMap(place), logSums.offset, ...sizes(problem)],
      floats: [scale * LOG2_E],
    },
    [Math.ceil(queries / TILE), heads, batch],
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
