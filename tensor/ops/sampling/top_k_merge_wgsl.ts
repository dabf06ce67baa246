/** The largest elements of a long row on WebGPU, put together from those of its parts. @module */

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { viewsInWindows } from "../../devices/webgpu/windows.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";

/** Invocations in a workgroup. */
const LANES = 64;

/** The largest of a part of a row, in descending order; of equal ones the first come first. */
export interface FoundInPart {
  /** Memory of its own, which a kernel can see, as it can `indices`. */
  readonly values: View;
  /** Where they are in the row. */
  readonly indices: View;
}

/**
 * Puts the largest of all parts in order: each goes where its rank among all of them says.
 *
 * @param found Of parts that follow each other.
 * @param values As many of the largest as are wanted.
 * @param indices Where they are in the row.
 */
export function mergeFound(
  device: WebGpuDevice,
  found: readonly FoundInPart[],
  values: View,
  indices: View,
): void {
  const most = device.limits.maxComputeWorkgroupsPerDimension;
  const gridOf = (count: number) => workgroupGrid(Math.ceil(count / LANES), most);
  const ranks = found.map(({ values: own }, i) => {
    const count = own.shape[0]!;
    const ranks = device.allocate(4 * count, "ranks among the largest");
    for (const [j, { values: others }] of found.entries()) {
      device.dispatch(
        RANK,
        [own.allocation, others.allocation, ranks],
        { integers: [count, others.shape[0]!, Math.sign(j - i), Number(j === 0)] },
        gridOf(count),
      );
    }
    return ranks;
  });
  // Where a kernel does not see the whole result, each part of it takes what belongs there.
  let first = 0;
  for (const [some, places] of viewsInWindows(device, [values, indices], 0, 1, "topK")) {
    const length = some!.shape[0]!;
    for (const [i, { values, indices }] of found.entries()) {
      const count = values.shape[0]!;
      device.dispatch(
        PLACE,
        [values, indices].map((view) => view.allocation)
          .concat(ranks[i]!, some!.allocation, places!.allocation),
        { integers: [count, first, length, some!.offset, places!.offset] },
        gridOf(count),
      );
    }
    first += length;
  }
  for (const each of ranks) device.free(each);
}

/** Floats as integers of the same order: zeros of both signs are equal, NaN is the largest. */
export const keyOfBitsWgsl = `
fn keyOfBits(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  if (bits > 0x80000000u) { return ~bits; }
  return bits | 0x80000000u;
}
`;

/** Adds to the ranks of some sorted elements how many of others, sorted too, come before each. */
const RANK: WgslKernel = {
  key: "top k: rank",
  // The order is −1 if the others are from before in the row, 0 if they are the same, and else 1.
  integers: ["count", "others", "order", "isFirst"],
  buffers: [
    { name: "own", type: "u32", writes: false },
    { name: "others", type: "u32", writes: false },
    { name: "ranks", type: "u32", writes: true },
  ],
  code: () => `
${keyOfBitsWgsl}
${beginMain(LANES)}
  let i = group * ${LANES}u + lane;
  if (i >= u32(arguments.count)) { return; }
  var before = i;
  if (arguments.order != 0) {
    let key = keyOfBits(own[i]);
    before = 0u;
    var end = u32(arguments.others);
    while (before < end) {
      let middle = (before + end) / 2u;
      let other = keyOfBits(others[middle]);
      if (other > key || (other == key && arguments.order < 0)) {
        before = middle + 1u;
      } else {
        end = middle;
      }
    }
  }
  if (arguments.isFirst == 0) { before += ranks[i]; }
  ranks[i] = before;
}
`,
};

/** Puts what was found into a part of the result. */
const PLACE: WgslKernel = {
  key: "top k: place",
  integers: ["count", "first", "length", "valuesOffset", "indicesOffset"],
  buffers: [
    { name: "found", type: "u32", writes: false },
    { name: "foundIndices", type: "u32", writes: false },
    { name: "ranks", type: "u32", writes: false },
    { name: "values", type: "u32", writes: true },
    { name: "indices", type: "u32", writes: true },
  ],
  code: () => `
${beginMain(LANES)}
  let i = group * ${LANES}u + lane;
  if (i >= u32(arguments.count)) { return; }
  // What comes before this part becomes large.
  let place = ranks[i] - u32(arguments.first);
  if (place >= u32(arguments.length)) { return; }
  values[u32(arguments.valuesOffset) + place] = found[i];
  indices[u32(arguments.indicesOffset) + place] = foundIndices[i];
}
`,
};
