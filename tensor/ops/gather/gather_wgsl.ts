/** Kernels of `gather.ts` for WebGPU. All operands are contiguous. @module */

import { viewAs } from "../../apply.ts";
import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import {
  asMatrix,
  rowFitsOneBinding,
  rowOf,
  rowsInRanges,
  viewsInRanges,
} from "../../devices/webgpu/binding_ranges.ts";
import { sizeOf } from "../../shape.ts";
import { bitsOutside } from "./gather_wasm.ts";
import { inColumns } from "../wide_rows_wgsl.ts";

const LANES = 64;

/** Vector width of a kernel: four if the rows allow it. */
export type Width = 1 | 4;

export function rowWidth(view: View): Width {
  return view.shape.at(-1)! % 4 === 0 && view.offset % 4 === 0 ? 4 : 1;
}

/** Lanes of a workgroup per row, rows per workgroup, and columns per lane. */
const [ROW_LANES, ROWS, COLUMNS] = [16, 4, 4];

/** The workgroups for kernels that start with {@linkcode rowsWgsl}. */
export function rowsGrid(
  device: WebGpuDevice,
  rows: number,
  columns: number,
): [x: number, y: number, z: number] {
  return [
    Math.ceil(columns / (ROW_LANES * COLUMNS)),
    ...workgroupGrid(Math.ceil(rows / ROWS), device.limits.maxComputeWorkgroupsPerDimension),
  ];
}

/**
 * The start of a row kernel: computes a thread's `row`, and its columns from `firstColumn` on in
 * steps of `columnStep`. Avoids integer division by run-time lengths, which on software adapters
 * takes longer than the rest.
 */
export const rowsWgsl = `
@compute @workgroup_size(${ROW_LANES}, ${ROWS})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_id) lane: vec3<u32>,
) {
  let row = (group.z * grid.y + group.y) * ${ROWS}u + lane.y;
  let firstColumn = group.x * ${ROW_LANES}u + lane.x;
  let columnStep = grid.x * ${ROW_LANES}u;
`;

/** `output[i] = weight[ids[i]]`, for rows. */
export function takeRowsOnWebGpu(
  device: WebGpuDevice,
  weight: View,
  ids: View,
  output: View,
): void {
  const matrices = [
    { view: weight, isRead: true, isWritten: false },
    { view: output, isRead: false, isWritten: true },
  ];
  inColumns(device, matrices, ([weight, output]) => takeRows(device, weight!, ids, output!));
}

/** The same, for rows that fit a binding. */
function takeRows(device: WebGpuDevice, weight: View, ids: View, output: View): void {
  const width = rowWidth(weight);
  const [rows, rowLength] = weight.shape as [number, number];
  const columns = rowLength / width;
  const table = viewAs(weight, [rows, rowLength], [rowLength, 1]);
  // If the table exceeds a binding, each range of it fills in its own rows.
  let first = 0;
  for (const [part] of viewsInRanges(device, [table], 0, 1, "take rows")) {
    const partRows = part!.shape[0]!;
    for (const [id, row] of rowPieces(device, ids, output, rowLength)) {
      const count = row.shape[0]!;
      device.dispatch(
        TAKE_ROWS[movedAs(weight)][width],
        [part!.allocation, id.allocation, row.allocation],
        {
          integers: [
            ...[part!.offset / width, id.offset, row.offset / width, first, partRows, columns],
            ...[count, Number(first === 0), bitsOutside(weight)],
          ],
        },
        rowsGrid(device, count, columns),
      );
    }
    first += partRows;
  }
}

/**
 * Ids and their rows, both contiguous, in pieces that fit bindings.
 *
 * @param most Maximum rows of a piece.
 */
export function rowPieces(
  device: WebGpuDevice,
  ids: View,
  rows: View,
  rowLength: number,
  most = Infinity,
): readonly (readonly [ids: View, rows: View])[] {
  const shape = [sizeOf(ids.shape), rowLength];
  const views = [viewAs(ids, shape, [1, 0]), viewAs(rows, shape, [rowLength, 1])];
  const pieces: [ids: View, rows: View][] = [];
  for (const [ids, rows] of viewsInRanges(device, views, 1, 1, "go through rows by id")) {
    const count = ids!.shape[0]!;
    for (let first = 0; first === 0 || first < count; first += most) {
      const length = Math.min(most, count - first);
      pieces.push([
        { ...viewAs(ids!, [length], [1]), offset: ids!.offset + first },
        {
          ...viewAs(rows!, [length, rowLength], [rowLength, 1]),
          offset: rows!.offset + first * rowLength,
        },
      ]);
    }
  }
  return pieces;
}

/**
 * 32-bit elements are moved as integers, because shader compilers may assume the absence of NaN.
 * WGSL has no 16-bit integers, so `float16` is moved as such.
 */
type Moved = "u32" | "f16";

const movedAs = ({ dtype }: View): Moved => dtype === "float16" ? "f16" : "u32";

/** The result for an invalid index, from the bits of {@linkcode bitsOutside}. */
const outsideWgsl = (moved: Moved): string =>
  moved === "u32" ? "u32(arguments.outside)" : "f16(bitcast<f32>(arguments.outside))";

const takeRowsKernel = (moved: Moved, width: Width): WgslKernel => {
  const type = width === 1 ? moved : `vec4<${moved}>`;
  return {
    key: `take rows ${moved} ${width}`,
    integers: [
      ...["weightOffset", "idsOffset", "outputOffset", "firstRow", "rows", "columns"],
      ...["count", "isFirst", "outside"],
    ],
    buffers: [
      { name: "weight", type, writes: false },
      { name: "ids", type: "i32", writes: false },
      { name: "output", type, writes: true },
    ],
    code: () => `
${rowsWgsl}
  if (row >= u32(arguments.count)) { return; }
  let columns = u32(arguments.columns);
  // Negative ids become large ones.
  let id = u32(ids[u32(arguments.idsOffset) + row]) - u32(arguments.firstRow);
  let isThere = id < u32(arguments.rows);
  let outputRow = u32(arguments.outputOffset) + row * columns;
  for (var column = firstColumn; column < columns; column += columnStep) {
    if (isThere) {
      output[outputRow + column] = weight[u32(arguments.weightOffset) + id * columns + column];
    } else if (arguments.isFirst != 0) {
      output[outputRow + column] = ${type}(${outsideWgsl(moved)});
    }
  }
}
`,
  };
};
const takeRowsAs = (moved: Moved) => ({
  1: takeRowsKernel(moved, 1),
  4: takeRowsKernel(moved, 4),
});
const TAKE_ROWS = { u32: takeRowsAs("u32"), f16: takeRowsAs("f16") };

/** A range of columns of some rows that fits a binding, and the indices into these rows. */
export interface RowsPart {
  /** The source or target of the elements, [rows, length]. */
  readonly rows: View;
  readonly firstColumn: number;
  /** Indices, [rows, k]. */
  readonly positions: View;
  /** The elements to gather or add, [rows, k]. */
  readonly elements: View;
  /** Whether this is the first range of its rows. */
  readonly isFirst: boolean;
}

/**
 * As many rows at a time as fit a binding; of longer rows, one range after the other.
 *
 * @param rows Contiguous, like the others.
 * @param positions Indices into as many rows.
 * @param elements Of the shape of `positions`.
 */
function* partsOfRows(
  device: WebGpuDevice,
  rows: View,
  positions: View,
  elements: View,
  name: string,
): Generator<RowsPart> {
  const count = sizeOf(rows.shape.slice(0, -1));
  const [length, k] = [rows.shape.at(-1)!, positions.shape.at(-1)!];
  if (
    rowFitsOneBinding(device, rows, length) && rowFitsOneBinding(device, positions, k) &&
    rowFitsOneBinding(device, elements, k)
  ) {
    for (const piece of rowsInRanges(device, [rows, positions, elements], count, name)) {
      const [rows, positions, elements] = piece as [View, View, View];
      yield { rows, firstColumn: 0, positions, elements, isFirst: true };
    }
    return;
  }
  const matrices = [rows, positions, elements].map((view) => asMatrix(view, count));
  for (let i = 0; i < count; i++) {
    const [row, ...some] = matrices.map((matrix) => rowOf(matrix, i)) as [View, View, View];
    let firstColumn = 0;
    for (const [part] of viewsInRanges(device, [row], 1, 2, name)) {
      let isFirst = true;
      for (const [positions, elements] of viewsInRanges(device, some, 2, 2, name)) {
        yield {
          ...{ rows: part!, firstColumn, positions: positions!, elements: elements!, isFirst },
        };
        isFirst = false;
      }
      firstColumn += part!.shape[1]!;
    }
  }
}

/** `output[r][j] = x[r][positions[r][j]]` */
export function takeAlongOnWebGpu(
  device: WebGpuDevice,
  x: View,
  positions: View,
  output: View,
): void {
  if (sizeOf(positions.shape) === 0) return;
  for (const part of partsOfRows(device, x, positions, output, "gather")) {
    const { rows, firstColumn, positions, elements } = part;
    const [length, k] = [rows.shape[1]!, positions.shape[1]!];
    const count = sizeOf(positions.shape);
    device.dispatch(
      TAKE_ALONG[movedAs(x)],
      [rows, positions, elements].map((view) => view.allocation),
      {
        integers: [
          ...[rows.offset, positions.offset, elements.offset],
          ...[firstColumn, length, k, count, bitsOutside(x)],
        ],
      },
      workgroupGrid(Math.ceil(count / LANES), device.limits.maxComputeWorkgroupsPerDimension),
    );
  }
}

const takeAlong = (moved: Moved): WgslKernel => ({
  key: `take along rows ${moved}`,
  integers: [
    ...["xOffset", "positionsOffset", "outputOffset"],
    ...["firstColumn", "length", "k", "count", "outside"],
  ],
  buffers: [
    { name: "x", type: moved, writes: false },
    { name: "positions", type: "i32", writes: false },
    { name: "output", type: moved, writes: true },
  ],
  code: () => `
${beginMain(LANES)}
  let i = group * ${LANES}u + lane;
  if (i >= u32(arguments.count)) { return; }
  let length = u32(arguments.length);
  // Positions before the first column become large numbers, too.
  let position = u32(positions[u32(arguments.positionsOffset) + i]) - u32(arguments.firstColumn);
  let place = u32(arguments.outputOffset) + i;
  if (position < length) {
    output[place] = x[u32(arguments.xOffset) + i / u32(arguments.k) * length + position];
  } else if (arguments.firstColumn == 0) {
    output[place] = ${outsideWgsl(moved)};
  }
}
`,
});
const TAKE_ALONG = { u32: takeAlong("u32"), f16: takeAlong("f16") };

/** `output[r][positions[r][j]] += x[r][j]`, onto zeros. */
export function sumAlongOnWebGpu(
  device: WebGpuDevice,
  x: View,
  positions: View,
  output: View,
): void {
  if (sizeOf(output.shape) === 0) return;
  for (const part of partsOfRows(device, output, positions, x, "sum by position")) {
    const { rows, firstColumn, positions, elements, isFirst } = part;
    const [count, length] = rows.shape as [number, number];
    const k = positions.shape[1]!;
    device.dispatch(
      SUM_ALONG,
      [elements, positions, rows].map((view) => view.allocation),
      {
        integers: [
          ...[elements.offset, positions.offset, rows.offset],
          ...[firstColumn, length, k, count, Number(isFirst)],
        ],
      },
      workgroupGrid(count, device.limits.maxComputeWorkgroupsPerDimension),
    );
  }
}

/**
 * One workgroup per row, in which each lane owns every LANES-th column, so no two lanes add to one
 * element.
 */
const SUM_ALONG: WgslKernel = {
  key: "sum along rows",
  integers: [
    ...["xOffset", "positionsOffset", "outputOffset"],
    ...["firstColumn", "length", "k", "rows", "isFirst"],
  ],
  buffers: [
    { name: "x", type: "f32", writes: false },
    { name: "positions", type: "i32", writes: false },
    { name: "output", type: "f32", writes: true },
  ],
  code: () => `
${beginMain(LANES, "row")}
  if (row >= u32(arguments.rows)) { return; }
  let length = u32(arguments.length);
  let k = u32(arguments.k);
  let outputRow = u32(arguments.outputOffset) + row * length;
  if (arguments.isFirst != 0) {
    for (var column = lane; column < length; column += ${LANES}u) {
      output[outputRow + column] = 0.0;
    }
  }
  for (var j = row * k; j < (row + 1u) * k; j++) {
    let position = u32(positions[u32(arguments.positionsOffset) + j]) - u32(arguments.firstColumn);
    if (position < length && position % ${LANES}u == lane) {
      output[outputRow + position] += x[u32(arguments.xOffset) + j];
    }
  }
}
`,
};
