/**
 * Top-k on WebGPU: finds the k-th largest element, collects the elements from it up, and sorts
 * them.
 *
 * @module
 */

import type { WgslKernel } from "../../device.ts";
import { rowsInRanges } from "../../devices/webgpu/split.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import type { FastPath } from "../../fast_paths.ts";
import { sizeOf } from "../../shape.ts";

const LANES = 128;

/** The largest elements of rows, each by one workgroup. */
export const radixSelectTopK: FastPath<"top k", "webgpu"> = {
  operation: "top k",
  name: "radix select",
  device: "webgpu",
  gain: {
    unmeasured: "no GPU was at hand; the largest 50 of 32,768 take 1 dispatch instead of 12",
  },
  suits: () => true,
  run: ({ x, values, indices }, device) => {
    const k = values.shape.at(-1)!;
    const rows = sizeOf(x.shape.slice(0, -1));
    for (const piece of rowsInRanges(device, [x, values, indices], rows, "topK")) {
      const [x, values] = piece;
      const [pieceRows, length] = x!.shape as [number, number];
      // The values and indices of a row start at the same offset of their buffers.
      device.dispatch(
        TOP_K,
        piece.map((view) => view.allocation),
        { integers: [x!.offset, values!.offset, pieceRows, length, k] },
        workgroupGrid(pieceRows, device.limits.maxComputeWorkgroupsPerDimension),
      );
    }
  },
};

/** Maps floats to integers of the same order: zeros of both signs are equal, NaN is largest. */
const keys = `
fn keyOf(column: u32) -> u32 {
  let bits = x[column];
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  if (bits > 0x80000000u) { return ~bits; }
  return bits | 0x80000000u;
}
`;

/**
 * Radix select of the k-th largest key, eight bits per pass: a histogram of the next digit, among
 * the elements with the digits found so far.
 */
const findThreshold = `
var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> threshold: u32;
// How many are wanted of those that begin with the digits of the threshold.
var<workgroup> wanted: u32;

fn findThreshold(lane: u32, row: u32) {
  let length = u32(arguments.length);
  if (lane == 0u) { wanted = u32(arguments.k); }
  for (var place = 0u; place < 4u; place++) {
    let shift = 24u - 8u * place;
    for (var digit = lane; digit < 256u; digit += ${LANES}u) {
      atomicStore(&histogram[digit], 0u);
    }
    workgroupBarrier();
    for (var column = lane; column < length; column += ${LANES}u) {
      let digits = keyOf(row + column) >> shift;
      if (digits >> 8u == threshold) { atomicAdd(&histogram[digits & 255u], 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var digit = 255u;
      var count = atomicLoad(&histogram[digit]);
      while (count < wanted) {
        wanted -= count;
        digit--;
        count = atomicLoad(&histogram[digit]);
      }
      threshold = (threshold << 8u) | digit;
    }
    workgroupBarrier();
  }
}
`;

/** Collects all elements above the threshold, in any order, and the first of those equal to it. */
const collect = `
var<workgroup> collected: atomic<u32>;
var<workgroup> equalBefore: array<u32, ${LANES}>;

fn collect(lane: u32, row: u32, output: u32) {
  let length = u32(arguments.length);
  let piece = (length + ${LANES - 1}u) / ${LANES}u;
  let first = min(lane * piece, length);
  let last = min(first + piece, length);
  var equal = 0u;
  for (var column = first; column < last; column++) {
    equal += select(0u, 1u, keyOf(row + column) == threshold);
  }
  equalBefore[lane] = equal;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0u;
    for (var other = 0u; other < ${LANES}u; other++) {
      let own = equalBefore[other];
      equalBefore[other] = total;
      total += own;
    }
  }
  workgroupBarrier();
  equal = equalBefore[lane];
  for (var column = first; column < last; column++) {
    let key = keyOf(row + column);
    if (key > threshold) {
      put(output + atomicAdd(&collected, 1u), key, column);
    } else if (key == threshold) {
      if (equal < wanted) { put(output + u32(arguments.k) - wanted + equal, key, column); }
      equal++;
    }
  }
}

fn put(place: u32, key: u32, column: u32) {
  values[place] = key;
  indices[place] = column;
}
`;

/**
 * Sorts the collected elements in place by a bitonic network in which the better of two always
 * moves to the front, so that positions beyond the end can be skipped. Source: Batcher (1968).
 */
const sort = `
fn sort(lane: u32, output: u32) {
  let k = u32(arguments.k);
  for (var size = 2u; size / 2u < k; size *= 2u) {
    // Two sorted halves: the second one is taken backwards.
    for (var pair = lane; pair / (size / 2u) * size < k; pair += ${LANES}u) {
      let block = pair / (size / 2u) * size;
      let step = pair % (size / 2u);
      order(output, block + step, block + size - 1u - step);
    }
    storageBarrier();
    for (var half = size / 4u; half > 0u; half /= 2u) {
      for (var pair = lane; pair / half * 2u * half < k; pair += ${LANES}u) {
        let place = pair / half * 2u * half + pair % half;
        order(output, place, place + half);
      }
      storageBarrier();
    }
  }
}

fn order(output: u32, front: u32, back: u32) {
  if (back >= u32(arguments.k)) { return; }
  let frontKey = values[output + front];
  let backKey = values[output + back];
  let frontColumn = indices[output + front];
  let backColumn = indices[output + back];
  if (frontKey < backKey || (frontKey == backKey && frontColumn > backColumn)) {
    put(output + front, backKey, backColumn);
    put(output + back, frontKey, frontColumn);
  }
}
`;

/**
 * One workgroup per row. Elements are handled as bits, because compilers may assume the absence of
 * NaN.
 */
const TOP_K: WgslKernel = {
  key: "top k",
  integers: ["xOffset", "outputOffset", "rows", "length", "k"],
  buffers: [
    { name: "x", type: "u32", writes: false },
    { name: "values", type: "u32", writes: true },
    { name: "indices", type: "u32", writes: true },
  ],
  code: () => `
${keys}${findThreshold}${collect}${sort}
${beginMain(LANES, "index")}
  if (index >= u32(arguments.rows)) { return; }
  let row = u32(arguments.xOffset) + index * u32(arguments.length);
  let output = u32(arguments.outputOffset) + index * u32(arguments.k);
  findThreshold(lane, row);
  collect(lane, row, output);
  storageBarrier();
  sort(lane, output);
  for (var i = output + lane; i < output + u32(arguments.k); i += ${LANES}u) {
    values[i] = x[row + indices[i]];
  }
}
`,
};
