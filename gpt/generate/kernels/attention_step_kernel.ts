/**
 * A decoding step of attention on WebGPU: everything between a token's projections and the heads'
 * outputs, in one kernel.
 *
 * A workgroup has a query head of a sequence. Each thread runs an online softmax over its own keys;
 * the partial results are merged at the end, so the loop has no barriers. The new token, which is
 * not read from the cache, is one more partial result.
 *
 * @module
 */

import type { WebGpuDevice, WgslKernel } from "../../../tensor/device.ts";
import { beginMain } from "../../../tensor/kernel/wgsl.ts";

/** Threads of a workgroup, if its memory has room for them. */
const MAX_THREADS = 64;

/**
 * Keys per thread whose scores are computed before the first of their values is read. A single loop
 * over keys and values would have twice the code, which exceeds small instruction caches.
 */
const KEYS_TOGETHER = 16;

/** Workgroup memory of a kernel, in bytes. */
function memoryOf(headSize: number, threads: number): number {
  return 4 * (headSize * (threads + 3) + (2 + KEYS_TOGETHER) * threads);
}

/**
 * The kernel; its workgroups are [heads, batch], and all offsets are in units of vec4.
 *
 * @param headSize A multiple of 8.
 * @param embeds Whether a value embedding is mixed into the new value.
 */
export function attentionStepKernel(
  { limits }: WebGpuDevice,
  headSize: number,
  embeds: boolean,
): WgslKernel {
  let threads = MAX_THREADS;
  while (memoryOf(headSize, threads) > limits.maxComputeWorkgroupStorageSize) threads /= 2;
  const key = `attention step ${headSize} by ${threads}${embeds ? ", with an embedding" : ""}`;
  const input = (name: string, type = "vec4<f32>") => ({ name, type, writes: false });
  return {
    key,
    integers: [
      "q",
      "k",
      "v",
      "cos",
      "sin",
      "keys",
      "values",
      "cacheBatch",
      "cacheHead",
      "cacheToken",
      "position",
      "begin",
      "group",
      "gate",
      "ids",
      "table",
    ],
    floats: ["epsilon", "scale", "gateScale"],
    buffers: [
      input("projected"),
      input("angles"),
      { name: "keys", type: "vec4<f32>", writes: true },
      { name: "values", type: "vec4<f32>", writes: true },
      ...(embeds ? [input("table"), input("ids", "i32")] : []),
      { name: "y", type: "vec4<f32>", writes: true },
    ],
    code: () => attentionStepCode(headSize, threads, embeds),
  };
}

function attentionStepCode(headSize: number, threads: number, embeds: boolean): string {
  const sizes: Sizes = { headSize, parts: headSize / 4, threads };
  return `
${declarations(sizes)}
${beginMain(threads, "group", "local")}
${offsets(sizes)}
${cacheNewToken(sizes, embeds)}
${attendToCache(sizes)}
${combineThreads(sizes)}
}
`;
}

/** Sizes that the code is made for; a part has four numbers of a head. */
interface Sizes {
  readonly headSize: number;
  readonly parts: number;
  readonly threads: number;
}

function declarations({ headSize, parts, threads }: Sizes): string {
  return `var<workgroup> query: array<vec4<f32>, ${parts}>;
var<workgroup> newKey: array<vec4<f32>, ${parts}>;
var<workgroup> newValue: array<vec4<f32>, ${parts}>;
var<workgroup> sums: array<vec4<f32>, ${threads * parts}>;
var<workgroup> scores: array<f32, ${KEYS_TOGETHER * threads}>;
var<workgroup> maxima: array<f32, ${threads}>;
var<workgroup> totals: array<f32, ${threads}>;

// Scale of a row of projections to a mean square of 1, which rotation does not change.
fn normFactor(at: i32) -> f32 {
  var squares = 0.0;
  for (var i = 0; i < ${parts}; i++) {
    squares += dot(projected[at + i], projected[at + i]);
  }
  return 1.0 / sqrt(squares / ${headSize}.0 + arguments.epsilon);
}
`;
}

/** Offsets of the workgroup's head and sequence. */
function offsets({ parts }: Sizes): string {
  return `  let thread = i32(local);
  let head = i32(workgroup.x);
  let heads = i32(grid.x);
  let batch = i32(workgroup.y);
  let keyHead = head / arguments.group;
  let keyHeads = heads / arguments.group;
  let qAt = arguments.q + (batch * heads + head) * ${parts};
  let row = batch * keyHeads + keyHead;
  let kAt = arguments.k + row * ${parts};
  let vAt = arguments.v + row * ${parts};
  let place = batch * arguments.cacheBatch + keyHead * arguments.cacheHead;
  let keysAt = arguments.keys + place;
  let valuesAt = arguments.values + place;
  let newAt = arguments.position * arguments.cacheToken;
  // The query heads of a group share a key head, which the first of them caches.
  let remembers = head % arguments.group == 0;
`;
}

/** Rotates and scales the query and the new key, and writes key and value to the cache. */
function cacheNewToken({ parts, threads }: Sizes, embeds: boolean): string {
  const half = parts / 2;
  return `  let queryFactor = normFactor(qAt) * arguments.scale;
  let keyFactor = normFactor(kAt);
  for (var i = thread; i < ${half}; i += ${threads}) {
    let cos = angles[arguments.cos + i];
    let sin = angles[arguments.sin + i];
    let q0 = projected[qAt + i];
    let q1 = projected[qAt + ${half} + i];
    query[i] = queryFactor * (q0 * cos + q1 * sin);
    query[${half} + i] = queryFactor * (q1 * cos - q0 * sin);
    let k0 = projected[kAt + i];
    let k1 = projected[kAt + ${half} + i];
    let first = keyFactor * (k0 * cos + k1 * sin);
    let second = keyFactor * (k1 * cos - k0 * sin);
    newKey[i] = first;
    newKey[${half} + i] = second;
    if (remembers) {
      keys[keysAt + newAt + i] = first;
      keys[keysAt + newAt + ${half} + i] = second;
    }
  }
  ${
    embeds
      ? `let gate = projected[(arguments.gate + row) / 4][(arguments.gate + row) % 4];
  let decay = exp(-abs(gate));
  let share = arguments.gateScale * select(1.0, decay, gate < 0.0) / (1.0 + decay);
  let embeddedAt = arguments.table +
    (ids[arguments.ids + batch] * keyHeads + keyHead) * ${parts};`
      : ""
  }
  for (var i = thread; i < ${parts}; i += ${threads}) {
    let value = projected[vAt + i]${embeds ? " + share * table[embeddedAt + i]" : ""};
    newValue[i] = value;
    if (remembers) {
      values[valuesAt + newAt + i] = value;
    }
  }
  workgroupBarrier();
`;
}

/** The online softmax of each thread over its own keys of the cache. */
function attendToCache({ parts, threads }: Sizes): string {
  const each = (statement: (part: number) => string) =>
    Array.from({ length: parts }, (_, part) => `    ${statement(part)}\n`).join("");
  return `  var maximum = -0x1.fffffep127f;
  var total = 0.0;
${each((part) => `let q${part} = query[${part}];`)}${
    each((part) => `var sum${part} = vec4<f32>();`)
  }
  for (
    var first = arguments.begin + thread;
    first < arguments.position;
    first += ${KEYS_TOGETHER * threads}
  ) {
    let end = min(first + ${KEYS_TOGETHER * threads}, arguments.position);
    var newMaximum = maximum;
    var at = thread;
    for (var key = first; key < end; key += ${threads}) {
      let keyAt = keysAt + key * arguments.cacheToken;
      var products = vec4<f32>();
${each((part) => `  products += q${part} * keys[keyAt + ${part}];`)}
      let score = (products.x + products.y) + (products.z + products.w);
      newMaximum = max(newMaximum, score);
      scores[at] = score;
      at += ${threads};
    }
    let factor = power1(maximum - newMaximum);
    maximum = newMaximum;
    total *= factor;
${each((part) => `sum${part} *= factor;`)}
    at = thread;
    for (var key = first; key < end; key += ${threads}) {
      let valueAt = valuesAt + key * arguments.cacheToken;
      let weight = power1(scores[at] - maximum);
      total += weight;
${each((part) => `  sum${part} += weight * values[valueAt + ${part}];`)}
      at += ${threads};
    }
  }
  maxima[thread] = maximum;
  totals[thread] = total;
${each((part) => `sums[thread * ${parts} + ${part}] = sum${part};`)}
  workgroupBarrier();
`;
}

/** Adds the new token to the sums of all threads. */
function combineThreads({ parts, threads }: Sizes): string {
  return `  var products = vec4<f32>();
  for (var i = 0; i < ${parts}; i++) {
    products += query[i] * newKey[i];
  }
  let newScore = (products.x + products.y) + (products.z + products.w);
  var largest = newScore;
  for (var i = 0; i < ${threads}; i++) {
    largest = max(largest, maxima[i]);
  }
  let newWeight = power1(newScore - largest);
  for (var part = thread; part < ${parts}; part += ${threads}) {
    var all = newWeight;
    var value = newWeight * newValue[part];
    for (var i = 0; i < ${threads}; i++) {
      let factor = power1(maxima[i] - largest);
      all += factor * totals[i];
      value += factor * sums[i * ${parts} + part];
    }
    y[(batch * heads + head) * ${parts} + part] = value / all;
  }`;
}
