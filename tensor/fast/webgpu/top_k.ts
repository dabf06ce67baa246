/** Top-k on WebGPU: finds the k-th largest element, collects the elements from it up, and sorts them. @module */

import type { WgslKernel } from "../../device.ts";
import { rowsInRanges, workgroupGrid } from "../../kernel/run.ts";
import { beginMain } from "../../kernel/wgsl.ts";
import type { FastPath } from "../../fast_paths.ts";
import { sizeOf } from "../../layout.ts";

const LANES = 128;
/** As many elements fit the workgroup's memory: 8 bytes each. A power of two. */
const MAX_K = 1024;

/** The largest elements of rows, each by one workgroup. */
export const radixSelectTopK: FastPath<"top k", "webgpu"> = {
  operation: "top k",
  name: "radix select",
  device: "webgpu",
  gain: {
    unmeasured: "no GPU was at hand; the largest 50 of 32,768 take 1 dispatch instead of 12",
  },
  refuses: ({ values }) => {
    const [k = 0] = values.shape.slice(-1);
    return k > 0 && k <= MAX_K ? null : "k is 0 or large";
  },
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

/** Elements are handled as bits, because compilers may assume the absence of NaN. */
const DECLARATIONS = `
var<workgroup> histogram: array<atomic<u32>, 256>;
// The digits found so far, before zeros.
var<workgroup> least: vec2<u32>;
// How many are wanted of those that begin with these digits; 0 if all.
var<workgroup> wanted: u32;
var<workgroup> count: atomic<u32>;
var<workgroup> collected: array<vec2<u32>, ${MAX_K}>;

// Maps elements to pairs of the same order: zeros of both signs are equal, NaN is largest, and of
// equal ones the first is the largest.
fn elementAt(row: u32, column: u32) -> vec2<u32> {
  let bits = x[row + column];
  var key = bits | 0x80000000u;
  if (bits > 0x80000000u) { key = ~bits; }
  if ((bits & 0x7fffffffu) > 0x7f800000u) { key = 0xffffffffu; }
  return vec2<u32>(key, ~column);
}

fn isLess(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.x < b.x || (a.x == b.x && a.y < b.y);
}
`;

/**
 * Radix select of the k-th largest element, eight bits per pass: a histogram of the next digit, among
 * the elements with the digits found so far. It ends once all of these are among the k largest, which
 * are never equal, because their columns differ.
 */
const SELECT = `  if (lane == 0u) { wanted = k; }
  for (var place = 0u; place < 8u; place++) {
    let word = place / 4u;
    let shift = 24u - 8u * (place % 4u);
    for (var digit = lane; digit < 256u; digit += ${LANES}u) {
      atomicStore(&histogram[digit], 0u);
    }
    workgroupBarrier();
    let known = least;
    for (var column = lane; column < length; column += ${LANES}u) {
      let element = elementAt(row, column);
      let digits = element[word] >> shift;
      if (digits >> 8u == (known[word] >> shift) >> 8u && (word == 0u || element.x == known.x)) {
        atomicAdd(&histogram[digits & 255u], 1u);
      }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var digit = 255u;
      var equal = atomicLoad(&histogram[digit]);
      while (equal < wanted) {
        wanted -= equal;
        digit--;
        equal = atomicLoad(&histogram[digit]);
      }
      least[word] |= digit << shift;
      if (equal == wanted) { wanted = 0u; }
    }
    if (workgroupUniformLoad(&wanted) == 0u) { break; }
  }`;

/** Gathers the k largest, in any order. */
const COLLECT = `  let smallest = least;
  for (var column = lane; column < length; column += ${LANES}u) {
    let element = elementAt(row, column);
    if (!isLess(element, smallest)) { collected[atomicAdd(&count, 1u)] = element; }
  }
  workgroupBarrier();`;

/** Sorts them by a bitonic network, beyond whose end are zeros, the least of all. Source: Batcher (1968). */
const SORT = `  var places = 1u;
  while (places < k) { places *= 2u; }
  for (var size = 2u; size <= places; size *= 2u) {
    for (var half = size / 2u; half > 0u; half /= 2u) {
      for (var pair = lane; pair < places / 2u; pair += ${LANES}u) {
        let front = pair + pair / half * half;
        let a = collected[front];
        let b = collected[front + half];
        if (isLess(a, b) == ((front & size) == 0u)) {
          collected[front] = b;
          collected[front + half] = a;
        }
      }
      workgroupBarrier();
    }
  }`;

const STORE = `  for (var i = lane; i < k; i += ${LANES}u) {
    let place = u32(arguments.outputOffset) + index * k + i;
    let column = ~collected[i].y;
    values[place] = x[row + column];
    indices[place] = column;
  }`;

/** One workgroup per row. */
const TOP_K: WgslKernel = {
  key: "top k",
  integers: ["xOffset", "outputOffset", "rows", "length", "k"],
  buffers: [
    { name: "x", type: "u32", writes: false },
    { name: "values", type: "u32", writes: true },
    { name: "indices", type: "u32", writes: true },
  ],
  code: () =>
    `${DECLARATIONS}
${beginMain(LANES, "index")}
  if (index >= u32(arguments.rows)) { return; }
  let length = u32(arguments.length);
  let k = u32(arguments.k);
  let row = u32(arguments.xOffset) + index * length;
${[SELECT, COLLECT, SORT, STORE].join("\n")}
}
`,
};
