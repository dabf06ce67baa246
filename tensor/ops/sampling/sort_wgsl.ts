/**
 * Sorting on WebGPU: a stable sort of indices by key.
 *
 * A radix sort, eight bits at a time from the lowest. In each pass every block counts its digits, a
 * prefix sum of the counts gives the start of each digit of each block, and the blocks scatter
 * their indices there. Source: Cormen et al., "Introduction to Algorithms", 8.3.
 *
 * @module
 */

import type { Allocation, View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import { sizeOf } from "../../shape.ts";

/** Indices per block, and threads per workgroup. */
const BLOCK = 128;
const DIGIT_BITS = 8;
const DIGITS = 1 << DIGIT_BITS;

/**
 * The key of an index, in WGSL: its id, or `keys`, the number of valid ids, if it is invalid. Needs
 * the buffer `ids` and the arguments `idsOffset` and `keys`.
 */
export const keyOfWgsl = `
fn keyOf(position: u32) -> u32 {
  // Negative ids become large ones.
  return min(u32(ids[u32(arguments.idsOffset) + position]), u32(arguments.keys));
}
`;

/** Maximum number of indices to sort at once: their counts must fit a binding. */
export function maxPositions({ limits }: WebGpuDevice): number {
  return BLOCK * Math.floor(limits.maxStorageBufferBindingSize / (4 * DIGITS));
}

/**
 * Sorts the indices of ids by id. Ids outside 0 to `keys` − 1 come last.
 *
 * @param ids `int32`, contiguous, at most {@linkcode maxPositions}.
 * @returns The indices, `u32`; the caller frees them.
 *
 * @example
 * ```ts
 * import { openWebGpuDevice } from "../../devices/webgpu/device.ts";
 * import { sortPositions } from "./sort_wgsl.ts";
 *
 * const device = await openWebGpuDevice().catch((error: Error) => error);
 * if (device instanceof Error) {
 *   console.log(device.message);
 * } else {
 *   const allocation = device.allocate(16, "ids");
 *   device.write(allocation, 0, Int32Array.of(7, 300, 7, 2));
 *   const ids = { allocation, dtype: "int32", shape: [4], strides: [1], offset: 0 } as const;
 *   const sorted = new Uint32Array(await device.read(sortPositions(device, ids, 1000), 0, 16));
 *   if (sorted.join() !== "3,0,2,1") throw new Error(`expected 3, 0, 2, 1, got ${sorted}`);
 *   await device.close();
 * }
 * ```
 */
export function sortPositions(device: WebGpuDevice, ids: View, keys: number): Allocation {
  const count = sizeOf(ids.shape);
  const blocks = Math.ceil(count / BLOCK);
  const counts = device.allocate(4 * DIGITS * blocks, "counts of digits");
  let unsorted = device.allocate(4 * count, "positions");
  let sorted = device.allocate(4 * count, "positions");
  const grid = workgroupGrid(blocks, device.limits.maxComputeWorkgroupsPerDimension);
  const keyBits = 32 - Math.clz32(keys);
  for (let shift = 0; shift < Math.max(1, keyBits); shift += DIGIT_BITS) {
    [unsorted, sorted] = [sorted, unsorted];
    const integers = [ids.offset, keys, count, blocks, shift];
    device.dispatch(COUNT, [ids.allocation, unsorted, counts], { integers }, grid);
    device.dispatch(ADD_UP, [counts], { integers: [DIGITS * blocks] }, [1]);
    device.dispatch(PLACE, [ids.allocation, unsorted, counts, sorted], { integers }, grid);
  }
  device.free(unsorted);
  device.free(counts);
  return sorted;
}

const ARGUMENTS = ["idsOffset", "keys", "count", "blocks", "shift"];

const commonCode = `
${keyOfWgsl}
fn positionAt(i: u32) -> u32 {
  // The first pass begins with the positions in their own order.
  if (arguments.shift == 0) { return i; }
  return positions[i];
}

fn digitOf(position: u32) -> u32 {
  return (keyOf(position) >> u32(arguments.shift)) & ${DIGITS - 1}u;
}
`;

const COUNT: WgslKernel = {
  key: "sort: count digits",
  integers: ARGUMENTS,
  buffers: [
    { name: "ids", type: "i32", writes: false },
    { name: "positions", type: "u32", writes: false },
    { name: "counts", type: "u32", writes: true },
  ],
  code: () => `
${commonCode}
var<workgroup> histogram: array<atomic<u32>, ${DIGITS}>;

${beginMain(BLOCK, "block")}
  let i = block * ${BLOCK}u + lane;
  if (i < u32(arguments.count)) {
    atomicAdd(&histogram[digitOf(positionAt(i))], 1u);
  }
  workgroupBarrier();
  let blocks = u32(arguments.blocks);
  if (block >= blocks) { return; }
  for (var digit = lane; digit < ${DIGITS}u; digit += ${BLOCK}u) {
    counts[digit * blocks + block] = atomicLoad(&histogram[digit]);
  }
}
`,
};

/** Exclusive prefix sum of the counts. One workgroup, with a piece per lane. */
const ADD_UP: WgslKernel = {
  key: "sort: add up counts",
  integers: ["length"],
  buffers: [{ name: "counts", type: "u32", writes: true }],
  code: () => `
var<workgroup> begins: array<u32, ${BLOCK}>;

@compute @workgroup_size(${BLOCK})
fn main(@builtin(local_invocation_index) lane: u32) {
  let length = u32(arguments.length);
  let piece = (length + ${BLOCK - 1}u) / ${BLOCK}u;
  let first = min(lane * piece, length);
  let last = min(first + piece, length);
  var sum = 0u;
  for (var i = first; i < last; i++) { sum += counts[i]; }
  begins[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0u;
    for (var other = 0u; other < ${BLOCK}u; other++) {
      let own = begins[other];
      begins[other] = total;
      total += own;
    }
  }
  workgroupBarrier();
  var begin = begins[lane];
  for (var i = first; i < last; i++) {
    let own = counts[i];
    counts[i] = begin;
    begin += own;
  }
}
`,
};

const PLACE: WgslKernel = {
  key: "sort: place",
  integers: ARGUMENTS,
  buffers: [
    { name: "ids", type: "i32", writes: false },
    { name: "positions", type: "u32", writes: false },
    { name: "begins", type: "u32", writes: false },
    { name: "sorted", type: "u32", writes: true },
  ],
  code: () => `
${commonCode}
var<workgroup> digits: array<u32, ${BLOCK}>;

${beginMain(BLOCK, "block")}
  let i = block * ${BLOCK}u + lane;
  let isThere = i < u32(arguments.count);
  var position = 0u;
  if (isThere) {
    position = positionAt(i);
    digits[lane] = digitOf(position);
  }
  workgroupBarrier();
  if (!isThere) { return; }
  let digit = digits[lane];
  var place = begins[digit * u32(arguments.blocks) + block];
  for (var other = 0u; other < lane; other++) {
    place += select(0u, 1u, digits[other] == digit);
  }
  sorted[place] = position;
}
`,
};
