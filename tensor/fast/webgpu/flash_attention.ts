/**
 * Flash attention on WebGPU, forward: tiles of scores are never stored in memory.
 *
 * Source: Dao, "FlashAttention-2: Faster Attention with Better Parallelism" (2023), algorithm 1.
 *
 * @module
 */

import type { WgslKernel } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { attentionWork, LOG2_E } from "../../ops/attention/problem.ts";
import {
  accumulators,
  addWeightedRows,
  areBindable,
  BEGIN_KEYS,
  beginQueries,
  declareAccumulators,
  dotProducts,
  floats,
  kernelByParts,
  loadFunction,
  MAIN,
  type Operand,
  place,
  placeNames,
  SEES,
  SHARED,
  SIZE_NAMES,
  sizes,
  storeAccumulators,
  type Stored,
  storedAs,
  TILE,
} from "./flash_attention_tile.ts";

/** Minimum number of queries for a tile, most of which would be padding otherwise. */
const MIN_QUERIES = 5;

export const flashAttention: FastPath<"attention", "webgpu"> = {
  operation: "attention",
  name: "flash",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; with it, a layer takes 1 dispatch instead of 3" },
  suits: ({ queries, views }, device) => queries >= MIN_QUERIES && areBindable(device, views),
  run: (call, device) => {
    const { q, k, v, y, logSums } = call.views;
    device.dispatch(
      attendByTiles(call.headSize, storedAs(q)),
      [q, k, v, y, logSums].map((view) => view.allocation),
      {
        integers: [...[q, k, v, y].flatMap(place), logSums.offset, ...sizes(call)],
        floats: [call.scale * LOG2_E],
      },
      [Math.ceil(call.queries / TILE), call.heads, call.batch],
      () => attentionWork("attention", call, 2, [q, k, v, y, logSums]),
    );
  },
};

const Q: Operand = { buffer: "q", tokens: "queries" };
const K: Operand = { buffer: "k", tokens: "keys" };
const V: Operand = { buffer: "v", tokens: "keys" };
const Y: Operand = { buffer: "y", tokens: "queries" };

/** The kernel for a head size. Its workgroups are [tiles of 32 queries, heads, batch]. */
const attendByTiles: (headSize: number, stored: Stored) => WgslKernel = kernelByParts(
  TILE,
  (parts, stored) => ({
    key: `attention in ${parts} parts ${stored}`,
    integers: [...["q", "k", "v", "y"].flatMap(placeNames), "logSumsOffset", ...SIZE_NAMES],
    floats: ["scale"],
    buffers: [
      ...["q", "k", "v"].map((name) => floats(name, stored)),
      ...[floats("y", stored, true), floats("logSums", "f32", true)],
    ],
    code: () => code(parts, stored),
  }),
);

function code(parts: number, stored: Stored): string {
  const sums = accumulators("sums", parts);
  return `${SHARED}
// [32 keys, 8 vectors of queries]
var<workgroup> weights: array<vec4<f32>, 256>;
// Partial results of eight threads, for four queries each.
var<workgroup> maxima: array<vec4<f32>, 64>;
var<workgroup> totals: array<vec4<f32>, 64>;
${[Q, K, V].map(loadFunction).join("")}
${dotProducts("products", Q, K)}${SEES}
fn largest(x: vec4<f32>) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}

${MAIN} {${beginQueries([Q, K, V, Y])}
  // Statistics of this thread's four queries, the same in eight threads.
  var maximum = vec4<f32>(-0x1.fffffep127f);
  var total = vec4<f32>(0.0);
${declareAccumulators("sums", parts)}
  for (var key = begin; key < end; key += ${TILE}) {${BEGIN_KEYS}    var scores = products(qBase, first, kBase, key, thread) * arguments.scale;
    var seen: array<vec4<bool>, 4>;
    var top: vec4<f32>;
    for (var i = 0; i < 4; i++) {
      seen[i] = sees(position + i32(4u * rows) + i, keys);
      top[i] = largest(select(vec4<f32>(-0x1.fffffep127f), scores[i], seen[i]));
    }
    maxima[thread] = top;
    workgroupBarrier();
    var newMaximum = maximum;
    for (var i = 0u; i < 8u; i++) {
      newMaximum = max(newMaximum, maxima[8u * rows + i]);
    }
    let factor = power(maximum - newMaximum);
    maximum = newMaximum;
    for (var i = 0; i < 4; i++) {
      scores[i] = select(vec4<f32>(0.0), power(scores[i] - newMaximum[i]), seen[i]);
    }
    var columns = transpose(scores);
    totals[thread] = columns[0] + columns[1] + columns[2] + columns[3];
    for (var i = 0u; i < 4u; i++) {
      weights[(4u * (thread % 8u) + i) * 8u + rows] = columns[i];
    }
    workgroupBarrier();
    total *= factor;
    for (var i = 0u; i < 8u; i++) {
      total += totals[8u * rows + i];
    }
${sums.map((each) => `    ${each} = scaleRows(${each}, factor);\n`).join("")}${
    addWeightedRows(V, {
      ...{ weights: "weights", sums: "sums", base: "vBase", token: "key", count: "count", parts },
    })
  }
  }

  let sawNothing = total == vec4<f32>(0.0);
  let inverse = select(1.0 / total, vec4<f32>(0.0), sawNothing);
${sums.map((each) => `  ${each} = scaleRows(${each}, inverse);\n`).join("")}${
    storeAccumulators(Y, {
      ...{ sums: "sums", base: "yBase", first: "first", factor: "1.0", parts, stored },
    })
  }
  if (thread % 8u == 0u) {
    let logSum = select(maximum + log2(total), vec4<f32>(0.0), sawNothing);
    let row = arguments.logSumsOffset + (batch * arguments.heads + head) * arguments.queries;
    for (var i = 0; i < 4; i++) {
      let query = first + i32(4u * rows) + i;
      if (query < arguments.queries) {
        logSums[row + query] = logSum[i];
      }
    }
  }
}
`;
}
