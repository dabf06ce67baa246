/**
 * The gradient of attention on WebGPU. Scores are recomputed tile by tile, twice: by a kernel that
 * sums over the keys of each query, and by one that sums over the queries of each key. So no two
 * workgroups add to the same element, and the order of additions is fixed.
 *
 * Source: Dao, "FlashAttention-2: Faster Attention with Better Parallelism" (2023), algorithm 2.
 *
 * @module
 */

import { allocateView, viewAs } from "../../device.ts";
import * as ex from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import type { FastPath } from "../../fast_paths.ts";
import { runProgramOn } from "../../ops/program.ts";
import {
  areBindable,
  defineTiledAttention,
  dotProducts,
  NOT_BINDABLE,
  type WeightedSum,
} from "./flash_attention_tile.ts";

export const flashAttentionGradient: FastPath<"attention gradient", "webgpu"> = {
  operation: "attention gradient",
  name: "flash",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; with it, a layer takes 3 dispatches instead of 8" },
  refuses: ({ views }, device) => {
    if (views.q.dtype === "bfloat16") return "it is in bfloat16";
    return areBindable(device, views) ? null : NOT_BINDABLE;
  },
  run: (call, device) => {
    const { batch, queries, heads, views } = call;
    const deltas = allocateView(device, "float32", [batch, heads, queries, 1], rowSums.name);
    const byToken = viewAs(deltas, [batch, queries, heads, 1], [heads * queries, 1, queries, 1]);
    runProgramOn(device, rowSums, [views.y, views.dy], [byToken]);
    for (const compute of [gradientOfQueries, gradientsOfKeys]) {
      compute(device, call, { ...views, deltas });
    }
    device.free(deltas.allocation);
  },
};

/** Σ dO·O of each query. */
const rowSums = defineProgram(
  { name: "sums for the gradient of attention", inputs: ["y", "dy"] },
  ({ y, dy }) => [ex.rowSum(ex.multiply(y, dy))],
);

const gradientOfQueries = gradientOf("queries", [
  { weights: "changes", operand: "k", result: "dq", factor: "arguments.scale" },
]);
const gradientsOfKeys = gradientOf("keys", [
  { weights: "weights", operand: "dy", result: "dv", factor: "1.0" },
  { weights: "changes", operand: "q", result: "dk", factor: "arguments.scale" },
]);

function gradientOf(rows: "queries" | "keys", sums: readonly WeightedSum[]) {
  const areQueries = rows === "queries";
  const [scores, slopes] = areQueries
    ? [["q", "k"], ["dy", "v"]] as const
    : [["k", "q"], ["v", "dy"]] as const;
  const load = `
    var logSum: vec4<f32>;
    var delta: vec4<f32>;
    for (var i = 0; i < 4; i++) {
      let own = ${areQueries ? "row + i" : "columns[i]"};
      if (own < arguments.queries) {
        let at = (batch * arguments.heads + ${
    areQueries ? "rowHead" : "head"
  }) * arguments.queries + own;
        logSum[i] = logSums[arguments.logSumsOffset + at];
        delta[i] = deltas[arguments.deltasOffset + at];
      }
    }
`;
  // A value of a row is one number for all columns.
  const ofRow = areQueries ? "[i]" : "";
  return defineTiledAttention({
    name: `gradient of attention, ${rows}`,
    rows,
    sums,
    dots: [scores, slopes],
    perQuery: ["logSums", "deltas"].map((name) => ({ name, type: "f32", writes: false })),
    begin: areQueries ? load : "",
    step: () =>
      `${areQueries ? "" : load}
    var weights = ${dotProducts(scores)} * arguments.scoreScale;
    var changes = ${dotProducts(slopes)};
    for (var i = 0; i < 4; i++) {
      let seen = sees(row + i, columns);
      let weight = power4(weights[i] - logSum${ofRow});
      weights[i] = select(vec4<f32>(0.0), weight, seen);
      changes[i] = select(vec4<f32>(0.0), weight * (changes[i] - delta${ofRow}), seen);
    }
`,
  });
}
