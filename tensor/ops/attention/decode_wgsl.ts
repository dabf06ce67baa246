/**
 * Attention on WebGPU for a few queries against many keys, as in decoding: a workgroup has a query,
 * and each thread a key, then a column of the values.
 *
 * @module
 */

import type { WgslKernel } from "../../device.ts";
import { FORWARD_INTEGERS, forwardBuffers } from "./blocks_wgsl.ts";
import { headBase, kernelByParts, MAIN, type Stored } from "./tile_wgsl.ts";

/** Maximum number of queries for which this beats a tile, most of which would be padding. */
export const MAX_DECODE_QUERIES = 4;

/** Threads per workgroup: the keys at a time, and then the columns. */
const THREADS = 64;

/** The kernel for a head size. Its workgroups are [queries, heads, batch]. */
export const attendOneByOne: (headSize: number, stored: Stored) => WgslKernel = kernelByParts(
  THREADS,
  (parts, stored) => ({
    key: `attention of few queries in ${parts} parts ${stored}`,
    integers: FORWARD_INTEGERS,
    floats: ["scale"],
    buffers: forwardBuffers(stored),
    code: () => code(parts, stored),
  }),
);

function code(parts: number, stored: Stored): string {
  const columns = Array.from({ length: parts }, (_, part) => part);
  const each = (statement: (part: number) => string) => columns.map(statement).join("");
  return `
var<workgroup> query: array<f32, ${THREADS * parts}>;
var<workgroup> weights: array<f32, ${THREADS}>;
var<workgroup> found: array<f32, ${THREADS}>;

// See tile_wgsl.ts: at least 2^-126, and NaN stays NaN.
fn power(x: f32) -> f32 {
  let isNan = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(exp2(clamp(x, -126.0, 0.0)), x, isNan);
}

${MAIN} {
  let head = i32(workgroup.y);
  let batch = i32(workgroup.z);
  let keyHead = head / arguments.group;
  let token = i32(workgroup.x);
  let qBase = ${headBase("q", "head")} + token * arguments.qToken;
  let kBase = ${headBase("k", "keyHead")};
  let vBase = ${headBase("v", "keyHead")};
  let yBase = ${headBase("y", "head")} + token * arguments.yToken;
  let position = arguments.keys - arguments.queries + token;
  let begin = max(0, position - arguments.left);
  let end = min(arguments.keys, position + 1 + arguments.right);

  for (var i = thread; i < u32(arguments.headSize); i += ${THREADS}u) {
    query[i] = f32(q[qBase + i32(i)]) * arguments.scale;
  }
  var maximum = -0x1.fffffep127f;
  var total = 0.0;
${
    each((part) =>
      `  var sum${part} = 0.0;
  let column${part} = min(i32(thread) + ${THREADS * part}, arguments.headSize - 1);
`
    )
  }
  workgroupBarrier();
  for (var key = begin; key < end; key += ${THREADS}) {
    let own = key + i32(thread);
    var score = -0x1.fffffep127f;
    if (own < end) {
      let row = kBase + own * arguments.kToken;
      score = 0.0;
      for (var i = 0; i < arguments.headSize; i++) {
        score += query[i] * f32(k[row + i]);
      }
    }
    found[thread] = score;
    workgroupBarrier();
    var newMaximum = maximum;
    for (var i = 0u; i < ${THREADS}u; i++) {
      newMaximum = max(newMaximum, found[i]);
    }
    weights[thread] = select(0.0, power(score - newMaximum), own < end);
    workgroupBarrier();
    let factor = power(maximum - newMaximum);
    maximum = newMaximum;
    total *= factor;
${each((part) => `    sum${part} *= factor;\n`)}
    let count = min(${THREADS}, end - key);
    for (var i = 0; i < count; i++) {
      let weight = weights[i];
      let row = vBase + (key + i) * arguments.vToken;
      total += weight;
${each((part) => `      sum${part} += weight * f32(v[row + column${part}]);\n`)}    }
  }

  let sawNothing = total == 0.0;
  let inverse = select(1.0 / total, 0.0, sawNothing);
${
    each((part) =>
      `  if (i32(thread) + ${THREADS * part} < arguments.headSize) {
    y[yBase + column${part}] = ${stored}(sum${part} * inverse);
  }\n`
    )
  }
  if (thread == 0u) {
    let row = (batch * arguments.heads + head) * arguments.queries + token;
    logSums[arguments.logSumsOffset + row] = select(maximum + log2(total), 0.0, sawNothing);
  }
}
`;
}
