/**
 * Attention on WebGPU for a few queries against many keys, as in decoding: a workgroup takes a query,
 * and its threads a key each, then a column of the values each.
 *
 * @module
 */

import type { WgslKernel } from "../device.ts";
import { FORWARD_BUFFERS, FORWARD_INTEGERS } from "./attention_blocks_wgsl.ts";
import { headBase, MAIN } from "./attention_tile_wgsl.ts";

/** Up to so many queries, one after the other are faster than a tile, most of which is padding. */
export const MOST_ONE_BY_ONE = 4;

const kernels = new Map<number, WgslKernel>();

/** The kernel for heads of a size. Its workgroups are [queries, heads, batch]. */
export function attendOneByOne(headSize: number): WgslKernel {
  let kernel = kernels.get(headSize);
  if (kernel === undefined) {
    kernel = {
      key: `attention of few queries, heads of ${headSize}`,
      integers: FORWARD_INTEGERS,
      floats: ["scale"],
      buffers: FORWARD_BUFFERS,
      code: () => code(headSize),
    };
    kernels.set(headSize, kernel);
  }
  return kernel;
}

function code(headSize: number): string {
  const columns = Array.from({ length: Math.ceil(headSize / 64) }, (_, part) => part);
  const each = (statement: (part: number) => string) => columns.map(statement).join("");
  return `
var<workgroup> query: array<f32, ${headSize}>;
var<workgroup> weights: array<f32, 64>;
var<workgroup> found: array<f32, 64>;

// See the kernel by tiles: at least 2^-126, and NaN stays NaN.
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

  for (var i = thread; i < ${headSize}u; i += 64u) {
    query[i] = q[qBase + i32(i)] * arguments.scale;
  }
  var maximum = -0x1.fffffep127f;
  var total = 0.0;
${each((part) => `  var sum${part} = 0.0;\n`)}
  workgroupBarrier();
  for (var key = begin; key < end; key += 64) {
    let own = key + i32(thread);
    var score = -0x1.fffffep127f;
    if (own < end) {
      let row = kBase + own * arguments.kToken;
      score = 0.0;
      for (var i = 0; i < ${headSize}; i++) {
        score += query[i] * k[row + i];
      }
    }
    found[thread] = score;
    workgroupBarrier();
    var newMaximum = maximum;
    for (var i = 0u; i < 64u; i++) {
      newMaximum = max(newMaximum, found[i]);
    }
    weights[thread] = select(0.0, power(score - newMaximum), own < end);
    workgroupBarrier();
    let factor = power(maximum - newMaximum);
    maximum = newMaximum;
    total *= factor;
${each((part) => `    sum${part} *= factor;\n`)}
    let count = min(64, end - key);
    for (var i = 0; i < count; i++) {
      let weight = weights[i];
      let row = vBase + (key + i) * arguments.vToken + i32(thread);
      total += weight;
${
    each((part) =>
      (part + 1) * 64 <= headSize
        ? `      sum${part} += weight * v[row + ${64 * part}];\n`
        : `      if (thread < ${headSize - 64 * part}u) {
        sum${part} += weight * v[row + ${64 * part}];
      }\n`
    )
  }    }
  }

  let sawNothing = total == 0.0;
  let inverse = select(1.0 / total, 0.0, sawNothing);
${
    each((part) =>
      `  if (thread < ${headSize - 64 * part}u) {
    y[yBase + i32(thread) + ${64 * part}] = sum${part} * inverse;
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
