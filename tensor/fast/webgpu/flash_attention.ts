/**
 * Flash attention on WebGPU, forward: tiles of scores are never stored in memory.
 *
 * Source: Dao, "FlashAttention-2: Faster Attention with Better Parallelism" (2023), algorithm 1.
 *
 * @module
 */

import type { FastPath } from "../../fast_paths.ts";
import {
  areBindable,
  defineTiledAttention,
  dotProducts,
  NOT_BINDABLE,
} from "./flash_attention_tile.ts";

/** Minimum number of queries for a tile, most of which would be padding otherwise. */
const MIN_QUERIES = 5;

export const flashAttention: FastPath<"attention", "webgpu"> = {
  operation: "attention",
  name: "flash",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; with it, a layer takes 1 dispatch instead of 3" },
  refuses: ({ queries, views }, device) => {
    if (views.q.dtype === "bfloat16") return "it is in bfloat16";
    if (queries < MIN_QUERIES) return "it has few queries";
    return areBindable(device, views) ? null : NOT_BINDABLE;
  },
  run: (call, device) => attendByTiles(device, call, { ...call.views }),
};

const attendByTiles = defineTiledAttention({
  name: "attention",
  rows: "queries",
  dots: [["q", "k"]],
  sums: [{ weights: "weights", operand: "v", result: "y", factor: "1.0" }],
  perQuery: [{ name: "logSums", type: "f32", writes: true }],
  declarations: `
// Partial results of eight threads, for four queries each.
var<workgroup> maxima: array<vec4<f32>, 64>;
var<workgroup> totals: array<vec4<f32>, 64>;

fn largest(x: vec4<f32>) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}
`,
  begin: `
  // Statistics of this thread's four queries, the same in eight threads.
  var maximum = vec4<f32>(-0x1.fffffep127f);
  var total = vec4<f32>(0.0);
  let eight = 8u * (thread / 8u);
`,
  step: (scaleSums) => `
    var weights = ${dotProducts(["q", "k"])} * arguments.scoreScale;
    var seen: array<vec4<bool>, 4>;
    var top: vec4<f32>;
    for (var i = 0; i < 4; i++) {
      seen[i] = sees(row + i, columns);
      top[i] = largest(select(vec4<f32>(-0x1.fffffep127f), weights[i], seen[i]));
    }
    maxima[thread] = top;
    workgroupBarrier();
    var newMaximum = maximum;
    for (var i = 0u; i < 8u; i++) {
      newMaximum = max(newMaximum, maxima[eight + i]);
    }
    let factor = power4(maximum - newMaximum);
    maximum = newMaximum;
    for (var i = 0; i < 4; i++) {
      weights[i] = select(vec4<f32>(0.0), power4(weights[i] - newMaximum[i]), seen[i]);
    }
    let shares = transpose(weights);
    totals[thread] = shares[0] + shares[1] + shares[2] + shares[3];
    workgroupBarrier();
    total *= factor;
    for (var i = 0u; i < 8u; i++) {
      total += totals[eight + i];
    }
${scaleSums("factor")}`,
  end: (scaleSums) => `
  let sawNothing = total == vec4<f32>(0.0);
  let inverse = select(1.0 / total, vec4<f32>(0.0), sawNothing);
${scaleSums("inverse")}
  if (thread % 8u == 0u) {
    let logSum = select(maximum + log2(total), vec4<f32>(0.0), sawNothing);
    let first = arguments.logSumsOffset + (batch * arguments.heads + rowHead) * arguments.queries;
    for (var i = 0; i < 4; i++) {
      if (row + i < arguments.queries) {
        logSums[first + row + i] = logSum[i];
      }
    }
  }
`,
});
