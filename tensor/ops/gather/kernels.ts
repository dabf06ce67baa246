/** Kernels of `gather.ts`. All operands are contiguous. @module */

import { viewAs } from "../../apply.ts";
import type { Device, View } from "../../device.ts";
import {
  asMatrix,
  fitsOneBinding,
  rowFitsOneBinding,
  rowOf,
  rowsInRanges,
  viewsInRanges,
} from "../../devices/webgpu/binding_ranges.ts";
import { defineKernel, runKernel } from "../../kernel/run.ts";
import type { Work } from "../../profile.ts";
import { sizeOf } from "../../shape.ts";
import { inColumns } from "../wide_rows_wgsl.ts";

/** Elements to copy or add that justify waking another thread. */
const ELEMENTS_PER_THREAD = 32_768;

export const grainFor = (elementsPerItem: number): number =>
  Math.ceil(ELEMENTS_PER_THREAD / Math.max(1, elementsPerItem));

/**
 * Elements are moved as integers, because GPUs may assume the absence of NaN. WGSL has no 16-bit
 * integers, so `float16` is moved as such.
 */
type Moved = "i32" | "f16";

const movedAs = ({ dtype }: View): Moved => dtype === "float16" ? "f16" : "i32";

/** The result for an invalid index: NaN, or −1 among integers, as bits. */
const outsideOf = ({ dtype }: View): number => dtype === "int32" ? -1 : 0x7fc00000;

/** Vector width of rows: four if they allow it. */
export type Width = 1 | 4;

export function rowWidth(view: View): Width {
  return view.shape.at(-1)! % 4 === 0 && view.offset % 4 === 0 ? 4 : 1;
}

/** `output[i] = weight[ids[i]]`, for rows. */
export function takeRows(device: Device, weight: View, ids: View, output: View): void {
  if (fit(device, weight, ids, output)) return takeRange(device, weight, ids, output, 0);
  const matrices = [
    { view: weight, isRead: true, isWritten: false },
    { view: output, isRead: false, isWritten: true },
  ];
  inColumns(device, matrices, ([weight, output]) => {
    const [rows, rowLength] = weight!.shape as [number, number];
    const table = viewAs(weight!, [rows, rowLength], [rowLength, 1]);
    // If the table exceeds a binding, each range of it fills in its own rows.
    let firstRow = 0;
    for (const [range] of viewsInRanges(device, [table], 0, 1, "take rows")) {
      for (const [id, taken] of rowPieces(device, ids, output!, rowLength)) {
        takeRange(device, range!, id, taken, firstRow);
      }
      firstRow += range!.shape[0]!;
    }
  });
}

function fit(device: Device, ...views: readonly View[]): boolean {
  return views.every(({ allocation }) => fitsOneBinding(device, allocation));
}

/** The same from a range of the rows; invalid ids are filled in with the first one. */
function takeRange(
  device: Device,
  weight: View,
  ids: View,
  output: View,
  firstRow: number,
): void {
  const width = rowWidth(weight);
  const [rows, rowLength] = weight.shape as [number, number];
  const columns = rowLength / width;
  const words = { firstRow, rows, columns, outside: outsideOf(weight) };
  const kernel = TAKE_ROWS[movedAs(weight)][width];
  const options = { columns, grain: grainFor(rowLength) };
  runKernel(device, kernel, [weight, ids, output], words, sizeOf(ids.shape), options);
}

/** Ids `[count]` and their rows `[count, rowLength]`, both contiguous, in pieces that fit bindings. */
export function rowPieces(
  device: Device,
  ids: View,
  rows: View,
  rowLength: number,
): readonly (readonly [ids: View, rows: View])[] {
  const shape = [sizeOf(ids.shape), rowLength];
  const views = [viewAs(ids, shape, [1, 0]), viewAs(rows, shape, [rowLength, 1])];
  return viewsInRanges(device, views, 1, 1, "go through rows by id").map(([ids, rows]) =>
    [viewAs(ids!, [ids!.shape[0]!], [1]), rows!] as const
  );
}

/** Work items are ids. Rows before `firstRow`, or after the last one, are left to other ranges. */
const takeRowsKernel = (moved: Moved, width: Width) => {
  const type = width === 1 ? moved : `vec4<${moved}>` as const;
  return defineKernel(
    {
      key: `take rows ${type}`,
      buffers: { weight: type, ids: "i32", output: type },
      writes: ["output"],
      arguments: ["firstRow", "rows", "columns", "outside"],
      spread: "rows",
    },
    (k, i, { weight, ids, output }, { firstRow, rows, columns, outside }) => {
      const id = k.let(ids.load(i).subtract(firstRow));
      const begin = k.let(i.multiply(columns));
      k.if(
        id.lessUnsigned(rows),
        () => output.copy(begin, weight, id.multiply(columns), columns),
        () =>
          k.if(
            firstRow.equal(0),
            () => output.fill(begin, columns, moved === "f16" ? outside.asF32() : outside),
          ),
      );
    },
  );
};
const takeRowsAs = (moved: Moved) => ({
  1: takeRowsKernel(moved, 1),
  4: takeRowsKernel(moved, 4),
});
const TAKE_ROWS = { i32: takeRowsAs("i32"), f16: takeRowsAs("f16") };

/** Zeroes a contiguous view of floats. */
export function clear(device: Device, view: View, work?: () => Work): void {
  const size = sizeOf(view.shape);
  const options = { grain: ELEMENTS_PER_THREAD, ...work && { work } };
  runKernel(device, CLEAR[view.dtype === "float16" ? "f16" : "f32"], [view], {}, size, options);
}

/** Work items are elements. */
const clearKernel = (type: "f32" | "f16") =>
  defineKernel(
    { key: `clear ${type}`, buffers: { x: type }, writes: ["x"], arguments: [], spread: "ranges" },
    (k, first, { x }) => x.clear(first, k.end.subtract(first)),
  );
const CLEAR = { f32: clearKernel("f32"), f16: clearKernel("f16") };

/** A range of columns of some rows that fits a binding, and the indices into these rows. */
interface RowsPart {
  /** The source or target of the elements, [..., length]. */
  readonly rows: View;
  readonly firstColumn: number;
  /** Indices, [..., k]. */
  readonly positions: View;
  /** The elements to gather or add, [..., k]. */
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
function partsOfRows(
  device: Device,
  rows: View,
  positions: View,
  elements: View,
  name: string,
): Iterable<RowsPart> {
  return fit(device, rows, positions, elements)
    ? [{ rows, firstColumn: 0, positions, elements, isFirst: true }]
    : cutRows(device, rows, positions, elements, name);
}

function* cutRows(
  device: Device,
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
export function takeAlong(device: Device, x: View, positions: View, output: View): void {
  if (sizeOf(positions.shape) === 0) return;
  for (const part of partsOfRows(device, x, positions, output, "gather")) {
    const { rows, firstColumn, positions, elements } = part;
    const [length, columns] = [rows.shape.at(-1)!, positions.shape.at(-1)!];
    const count = sizeOf(positions.shape) / columns;
    const words = { firstColumn, length, columns, outside: outsideOf(x) };
    const views = [rows, positions, elements];
    const options = { columns, grain: grainFor(columns) };
    const { first, later } = TAKE_ALONG[movedAs(x)];
    runKernel(device, firstColumn === 0 ? first : later, views, words, count, options);
  }
}

/**
 * Work items are rows. The first range of a row fills in what is invalid, or taken by a later one.
 * There, positions before `firstColumn` become large as unsigned numbers, too.
 */
const takeAlongKernel = (moved: Moved, isFirst: boolean) =>
  defineKernel(
    {
      key: `take along rows ${moved}${isFirst ? "" : ", a later range"}`,
      buffers: { x: moved, positions: "i32", output: moved },
      writes: ["output"],
      arguments: ["firstColumn", "length", "columns", "outside"],
      spread: "rows",
    },
    (k, row, { x, positions, output }, { firstColumn, length, columns, outside }) => {
      const from = x.from(row.multiply(length));
      const begin = k.let(row.multiply(columns));
      const [places, to] = [positions.from(begin), output.from(begin)];
      k.spread(columns, (column) => {
        const position = places.load(column);
        const inRange = k.let(isFirst ? position : position.subtract(firstColumn));
        const fill = () => to.store(column, moved === "f16" ? outside.asF32() : outside);
        k.if(
          inRange.lessUnsigned(length),
          () => to.store(column, from.load(inRange)),
          isFirst ? fill : undefined,
        );
      });
    },
  );
const takeAlongAs = (moved: Moved) => ({
  first: takeAlongKernel(moved, true),
  later: takeAlongKernel(moved, false),
});
const TAKE_ALONG = { i32: takeAlongAs("i32"), f16: takeAlongAs("f16") };

/** `output[r][positions[r][j]] += x[r][j]`, onto zeros. */
export function addAlong(device: Device, x: View, positions: View, output: View): void {
  if (sizeOf(output.shape) === 0) return;
  for (const part of partsOfRows(device, output, positions, x, "sum by position")) {
    const { rows, firstColumn, positions, elements, isFirst } = part;
    const [length, columns] = [rows.shape.at(-1)!, positions.shape.at(-1)!];
    const count = sizeOf(rows.shape) / length;
    const words = { firstColumn, length, columns, isFirst: Number(isFirst) };
    const views = [elements, positions, rows];
    runKernel(device, ADD_ALONG, views, words, count, { grain: grainFor(length + columns) });
  }
}

/**
 * Work items are rows. Each lane goes through all positions, so more lanes than one workgroup's would
 * be slower.
 */
const ADD_ALONG = defineKernel(
  {
    key: "sum along rows",
    buffers: { x: "f32", positions: "i32", output: "f32" },
    writes: ["output"],
    arguments: ["firstColumn", "length", "columns", "isFirst"],
    ...{ spread: "lanes", lanes: 64 },
  },
  (k, row, { x, positions, output }, { firstColumn, length, columns, isFirst }) => {
    const to = output.from(row.multiply(length));
    k.if(isFirst.notEqual(0), () => to.clear(0, length));
    const first = k.let(row.multiply(columns));
    k.loop(first, first.add(columns), (at) => {
      const position = k.let(positions.load(at).subtract(firstColumn));
      k.if(
        position.lessUnsigned(length),
        () => k.owner(position, () => to.store(position, to.load(position).add(x.load(at)))),
      );
    });
  },
);
