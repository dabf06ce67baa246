/**
 * The softmax between the products of attention, and its gradient, in WGSL: a thread takes a query, whose
 * scores are a column, so that no thread waits for another.
 *
 * @module
 */

import type { WgslBuffer, WgslKernel } from "../../device.ts";

/** Queries of a workgroup. */
export const SOFTMAX_QUERIES = 64;

const INTEGERS = [
  ...["queries", "keys", "item", "row", "left", "right"],
  // The position of the first key, counted from that of the first query.
  "distance",
  // Where the log-sums of the block begin, and how far apart those of items and of heads are.
  ...["sumsOffset", "sumsItem", "sumsHead", "heads"],
];

const floats = (name: string, writes: boolean): WgslBuffer => ({ name, type: "f32", writes });

/** The thread's query, its column of the scores, and the rows that it sees: from `begin` to `end`. */
const BEGIN = `
@compute @workgroup_size(${SOFTMAX_QUERIES})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let query = i32(workgroup.x) * ${SOFTMAX_QUERIES} + i32(thread);
  if (query >= arguments.queries) {
    return;
  }
  let item = i32(workgroup.y);
  let column = item * arguments.item + query;
  let sums = arguments.sumsOffset + query + (item / arguments.heads) * arguments.sumsItem +
    (item % arguments.heads) * arguments.sumsHead;
  let own = query - arguments.distance;
  let begin = clamp(own - arguments.left, 0, arguments.keys);
  let end = clamp(own + arguments.right + 1, begin, arguments.keys);
`;

/** See the kernels by tiles: at least 2^-126, and NaN stays NaN. */
const POWER = `
fn power(x: f32) -> f32 {
  let isNan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(exp2(clamp(x, -126.0, 0.0)), x, isNan);
}
`;

/**
 * Turns scores into weights, in place, and stores log₂ Σ 2^score. Weights of what is not seen are 0.
 * Its workgroups are [64 queries, items].
 */
export const SOFTMAX: WgslKernel = {
  key: "attention softmax",
  integers: INTEGERS,
  floats: ["scale"],
  buffers: [floats("scores", true), floats("logSums", true)],
  code: () =>
    `${POWER}${BEGIN}
  var maximum = -0x1.fffffep127f;
  for (var key = begin; key < end; key++) {
    maximum = max(maximum, scores[column + key * arguments.row] * arguments.scale);
  }
  var total = 0.0;
  for (var key = 0; key < arguments.keys; key++) {
    let at = column + key * arguments.row;
    let isSeen = key >= begin && key < end;
    let weight = select(0.0, power(scores[at] * arguments.scale - maximum), isSeen);
    scores[at] = weight;
    total += weight;
  }
  logSums[sums] = select(maximum + log2(total), 0.0, begin == end);
  let inverse = 1.0 / total;
  for (var key = begin; key < end; key++) {
    scores[column + key * arguments.row] *= inverse;
  }
}
`,
};

/**
 * Turns scores into weights, and the products of values and gradients into the gradients of scores, both
 * in place. Its workgroups are [64 queries, items].
 */
export const SOFTMAX_GRADIENT: WgslKernel = {
  key: "gradient of attention softmax",
  // Sums lie as log-sums do, from the beginning.
  integers: [...INTEGERS, "logSumsOffset"],
  floats: ["scale", "factor"],
  buffers: [
    ...[floats("scores", true), floats("changes", true)],
    ...[floats("logSums", false), floats("deltas", false)],
  ],
  code: () =>
    `${POWER}${BEGIN}
  let logSum = logSums[sums];
  let delta = deltas[sums - arguments.logSumsOffset];
  for (var key = 0; key < arguments.keys; key++) {
    let at = column + key * arguments.row;
    let isSeen = key >= begin && key < end;
    let weight = power(scores[at] * arguments.scale - logSum);
    scores[at] = select(0.0, weight, isSeen);
    changes[at] = select(0.0, weight * (changes[at] - delta) * arguments.factor, isSeen);
  }
}
`,
};
