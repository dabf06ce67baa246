/**
 * The gradient of attention on WebGPU. Scores are recomputed tile by tile, twice: by a kernel that
 * sums over the keys of each query, and by one that sums over the queries of each key. So no two
 * workgroups add to the same element, and the order of additions is fixed.
 *
 * Source: Dao, "FlashAttention-2: Faster Attention with Better Parallelism" (2023), algorithm 2.
 *
 * @module
 */

import { viewAs } from "../../apply.ts";
import { allocateView, type View, type WebGpuDevice } from "../../device.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram } from "../../expression/program.ts";
import type { FastPath } from "../../fast_paths.ts";
import {
  type AttentionProblem,
  attentionWork,
  type GradientViews,
  LOG2_E,
} from "../../ops/attention/problem.ts";
import { runProgramOn } from "../../ops/program.ts";
import {
  addWeightedRows,
  areBindable,
  BEGIN_KEYS,
  beginQueries,
  declareAccumulators,
  dotProducts,
  floats,
  headBase,
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

const Q: Operand = { buffer: "q", tokens: "queries" };
const K: Operand = { buffer: "k", tokens: "keys" };
const V: Operand = { buffer: "v", tokens: "keys" };
const DY: Operand = { buffer: "dy", tokens: "queries" };
const DQ: Operand = { buffer: "dq", tokens: "queries" };
const DK: Operand = { buffer: "dk", tokens: "keys" };
const DV: Operand = { buffer: "dv", tokens: "keys" };
const OPERANDS = [Q, K, V, DY];

export const flashAttentionGradient: FastPath<"attention gradient", "webgpu"> = {
  operation: "attention gradient",
  name: "flash",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; with it, a layer takes 3 dispatches instead of 8" },
  suits: ({ views }, device) => areBindable(device, views),
  run: (call, device) => computeGradients(device, call.views, call),
};

function computeGradients(
  device: WebGpuDevice,
  views: GradientViews,
  problem: AttentionProblem,
): void {
  const { q, k, v, y, dy, dq, dk, dv, logSums } = views;
  const { batch, queries, keys, heads, keyHeads, headSize, scale } = problem;
  const stored = storedAs(q);
  const rows = batch * heads * queries;
  const deltas = allocateView(device, "float32", [batch, heads, queries, 1], rowSums.name);
  const operands = [q, k, v, dy];
  const saved = [logSums.allocation, deltas.allocation];
  const rest = [logSums.offset, ...sizes(problem)];
  const numbers = { floats: [scale, scale * LOG2_E] };
  const tilesOfQueries = Math.ceil(queries / TILE);
  const tilesOfKeys = Math.ceil(keys / TILE);
  const work = (name: string, products: number, views: readonly View[]) => () =>
    attentionWork(name, problem, products, views);
  if (rows > 0) {
    const byToken = viewAs(deltas, y.shape.with(3, 1), [heads * queries, 1, queries, 1]);
    runProgramOn(device, rowSums, [y, dy], [byToken]);
    device.dispatch(
      queryKernel(headSize, stored),
      [...operands.map((view) => view.allocation), ...saved, dq.allocation],
      { integers: [...operands, dq].flatMap(place).concat(rest), ...numbers },
      [tilesOfQueries, heads, batch],
      work("gradient of attention, queries", 3, [...operands, dq, logSums]),
    );
  }
  if (batch * keys > 0) {
    device.dispatch(
      keyKernel(headSize, stored),
      [...operands.map((view) => view.allocation), ...saved, dk.allocation, dv.allocation],
      { integers: [...operands, dk, dv].flatMap(place).concat(rest), ...numbers },
      [tilesOfKeys, keyHeads, batch],
      work("gradient of attention, keys", 4, [...operands, dk, dv, logSums]),
    );
  }
  device.free(deltas.allocation);
}

/** Σ dO·O of each query. */
const rowSums = defineProgram(
  { name: "sums for the gradient of attention", inputs: ["y", "dy"] },
  ({ y, dy }) => [ex.rowSum(ex.multiply(y, dy))],
);

/** Arguments and buffers of the two large kernels. */
function interfaceOf(outputs: readonly Operand[], stored: Stored) {
  return {
    integers: [
      ...[...OPERANDS, ...outputs].flatMap(({ buffer }) => placeNames(buffer)),
      "logSumsOffset",
      ...SIZE_NAMES,
    ],
    floats: ["scale", "scoreScale"],
    buffers: [
      ...OPERANDS.map(({ buffer }) => floats(buffer, stored)),
      ...["logSums", "deltas"].map((name) => floats(name, "f32")),
      ...outputs.map(({ buffer }) => floats(buffer, stored, true)),
    ],
  };
}

/** dq. Its workgroups are [tiles of 32 queries, heads, batch]; rows are queries, columns keys. */
const queryKernel = kernelByParts(TILE, (parts, stored) => ({
  key: `gradient of attention by queries in ${parts} parts ${stored}`,
  ...interfaceOf([DQ], stored),
  code: () =>
    `${SHARED}
// [32 keys, 8 vectors of queries]
var<workgroup> weights: array<vec4<f32>, 256>;
${OPERANDS.map(loadFunction).join("")}
${dotProducts("dotScores", Q, K)}
${dotProducts("dotValues", DY, V)}${SEES}
${MAIN} {${beginQueries([...OPERANDS, DQ])}
  var logSum: vec4<f32>;
  var delta: vec4<f32>;
  let row = (batch * arguments.heads + head) * arguments.queries;
  for (var i = 0; i < 4; i++) {
    let query = first + i32(4u * rows) + i;
    if (query < arguments.queries) {
      logSum[i] = logSums[arguments.logSumsOffset + row + query];
      delta[i] = deltas[row + query];
    }
  }
${declareAccumulators("sums", parts)}
  for (var key = begin; key < end; key += ${TILE}) {${BEGIN_KEYS}    var scores = dotScores(qBase, first, kBase, key, thread) * arguments.scoreScale;
    var changes = dotValues(dyBase, first, vBase, key, thread);
    for (var i = 0; i < 4; i++) {
      let change = power(scores[i] - logSum[i]) * (changes[i] - delta[i]);
      changes[i] = select(vec4<f32>(0.0), change, sees(position + i32(4u * rows) + i, keys));
    }
    var columns = transpose(changes);
    for (var i = 0u; i < 4u; i++) {
      weights[(4u * (thread % 8u) + i) * 8u + rows] = columns[i];
    }
${
      addWeightedRows(K, {
        ...{ weights: "weights", sums: "sums", base: "kBase", token: "key", count: "count", parts },
      })
    }
  }
${
      storeAccumulators(DQ, {
        ...{
          sums: "sums",
          base: "dqBase",
          first: "first",
          factor: "arguments.scale",
          parts,
          stored,
        },
      })
    }
}
`,
}));

/**
 * dk and dv. Its workgroups are [tiles of 32 keys, key heads, batch]; rows are keys, columns
 * queries.
 */
const keyKernel = kernelByParts(TILE, (parts, stored) => ({
  key: `gradient of attention by keys in ${parts} parts ${stored}`,
  ...interfaceOf([DK, DV], stored),
  code: () =>
    `${SHARED}
// [32 queries, 8 vectors of keys]
var<workgroup> weights: array<vec4<f32>, 256>;
var<workgroup> weightGradients: array<vec4<f32>, 256>;
${OPERANDS.map(loadFunction).join("")}
${dotProducts("dotScores", K, Q)}
${dotProducts("dotValues", V, DY)}
${MAIN} {
  let first = i32(workgroup.x) * ${TILE};
  let keyHead = i32(workgroup.y);
  let batch = i32(workgroup.z);
  let kBase = ${headBase("k", "keyHead")};
  let vBase = ${headBase("v", "keyHead")};
  let dkBase = ${headBase("dk", "keyHead")};
  let dvBase = ${headBase("dv", "keyHead")};
  let offset = arguments.keys - arguments.queries;
  let begin = max(0, first - arguments.right - offset);
  let end = min(arguments.queries, first + ${TILE} + arguments.left - offset);
  let rows = thread / 8u;
${declareAccumulators("keySums", parts)}${declareAccumulators("valueSums", parts)}
  for (var member = 0; member < arguments.group; member++) {
    let head = keyHead * arguments.group + member;
    let qBase = ${headBase("q", "head")};
    let dyBase = ${headBase("dy", "head")};
    let row = (batch * arguments.heads + head) * arguments.queries;
    for (var query = begin; query < end; query += ${TILE}) {
      let count = u32(min(${TILE}, end - query));
      let position = offset + query;
      let seesAll = query + ${TILE} <= end && first + ${TILE} <= arguments.keys &&
        first + ${TILE - 1} <= position + arguments.right &&
        first >= position + ${TILE - 1} - arguments.left;
      var scores = dotScores(kBase, first, qBase, query, thread) * arguments.scoreScale;
      var changes = dotValues(vBase, first, dyBase, query, thread);
      let queries = vec4<i32>(query + i32(4u * (thread % 8u))) + vec4<i32>(0, 1, 2, 3);
      var logSum: vec4<f32>;
      var delta: vec4<f32>;
      for (var i = 0; i < 4; i++) {
        if (queries[i] < arguments.queries) {
          logSum[i] = logSums[arguments.logSumsOffset + row + queries[i]];
          delta[i] = deltas[row + queries[i]];
        }
      }
      let positions = queries + vec4<i32>(offset);
      for (var i = 0; i < 4; i++) {
        let own = vec4<i32>(first + i32(4u * rows) + i);
        let seen = (own >= positions - vec4<i32>(arguments.left)) &
          (own <= positions + vec4<i32>(arguments.right)) &
          (queries < vec4<i32>(arguments.queries)) & (own < vec4<i32>(arguments.keys));
        let weight = power(scores[i] - logSum);
        scores[i] = select(vec4<f32>(0.0), weight, seen);
        changes[i] = select(vec4<f32>(0.0), weight * (changes[i] - delta), seen);
      }
      var weightColumns = transpose(scores);
      var changeColumns = transpose(changes);
      for (var i = 0u; i < 4u; i++) {
        let at = (4u * (thread % 8u) + i) * 8u + rows;
        weights[at] = weightColumns[i];
        weightGradients[at] = changeColumns[i];
      }
${
      addWeightedRows(DY, {
        ...{
          weights: "weights",
          sums: "valueSums",
          base: "dyBase",
          token: "query",
          count: "count",
          parts,
        },
      })
    }${
      addWeightedRows(Q, {
        ...{
          weights: "weightGradients",
          sums: "keySums",
          base: "qBase",
          token: "query",
          count: "count",
          parts,
        },
      })
    }
    }
  }
${
      storeAccumulators(DK, {
        ...{
          sums: "keySums",
          base: "dkBase",
          first: "first",
          factor: "arguments.scale",
          parts,
          stored,
        },
      })
    }${
      storeAccumulators(DV, {
        ...{ sums: "valueSums", base: "dvBase", first: "first", factor: "1.0", parts, stored },
      })
    }
}
`,
}));
