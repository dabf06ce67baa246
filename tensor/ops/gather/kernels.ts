/** Kernels of `gather.ts`. All operands are contiguous. @module */

import { type Device, type View, viewAs } from "../../device.ts";
import { defineKernel, defineKernels, type Part, runKernel, split } from "../../kernel/run.ts";
import { sizeOf } from "../../layout.ts";
import { fillView } from "../elementwise.ts";

/** Elements to copy or add that justify waking another thread. */
const ELEMENTS_PER_THREAD = 32_768;

export const grainFor = (elementsPerItem: number): number =>
  Math.ceil(ELEMENTS_PER_THREAD / Math.max(1, elementsPerItem));

/**
 * Elements are moved as integers, because GPUs may assume the absence of NaN. The kernel language has
 * no 16-bit integers, so those of 16 bits are moved as such.
 */
type Moved = "i32" | "bf16" | "f16";

const movedAs = ({ dtype }: View): Moved =>
  dtype === "float16" ? "f16" : dtype === "bfloat16" ? "bf16" : "i32";

/** The result for an invalid index: NaN, or −1 among integers, as bits. */
const outsideOf = ({ dtype }: View): number => dtype === "int32" ? -1 : 0x7fc00000;

/** Vector width of rows: four if they allow it. */
export type Width = 1 | 4;

export function rowWidth(view: View): Width {
  return view.shape.at(-1)! % 4 === 0 && view.offset % 4 === 0 ? 4 : 1;
}

/** `output[i] = weight[ids[i]]`, for rows. */
export function takeRows(device: Device, weight: View, ids: View, output: View): void {
  const [rows, rowLength] = weight.shape as [number, number];
  const width = rowWidth(weight);
  const kernel = takeRowsKernel(movedAs(weight), width);
  const shape = [rows, sizeOf(ids.shape), rowLength];
  const views = [
    viewAs(weight, shape, [rowLength, 0, 1]),
    viewAs(ids, shape, [0, 1, 0]),
    viewAs(output, shape, [0, rowLength, 1]),
  ];
  const cut = { name: "take rows", axes: 3, firstOutput: 2 };
  for (const { views: part, begin: [firstRow] } of split(device, views, cut)) {
    const [rows, count, length] = part[0]!.shape as [number, number, number];
    const [columns, stride] = [length / width, rowLength / width];
    const words = [firstRow!, rows, columns, stride, outsideOf(weight)];
    runKernel(device, kernel, part, words, count, { columns, grain: grainFor(length) });
  }
}

/**
 * Work items are ids. Rows before `firstRow`, or after the last one, are left to other parts; the
 * first part fills in the rows of invalid ids.
 */
const takeRowsKernel = defineKernels((moved: Moved, width: Width) => {
  const type = width === 1 ? moved : `vec4<${moved}>` as const;
  return defineKernel(
    {
      key: `take rows ${type}`,
      buffers: { weight: type, ids: "i32", output: type },
      writes: ["output"],
      arguments: ["firstRow", "rows", "columns", "stride", "outside"],
      spread: "rows",
    },
    (k, i, { weight, ids, output }, { firstRow, rows, columns, stride, outside }) => {
      const id = k.let(ids.load(i).subtract(firstRow));
      const to = output.from(i.multiply(stride));
      k.if(
        id.lessUnsigned(rows),
        () => to.copy(0, weight, id.multiply(stride), columns),
        () =>
          k.if(
            firstRow.equal(0),
            () => to.fill(0, columns, moved === "i32" ? outside : outside.asF32()),
          ),
      );
    },
  );
});

/**
 * Runs a kernel on rows and on some of their elements, in parts that fit bindings: of rows, of their
 * columns, and of the positions.
 *
 * @param views All contiguous: rows and elements, or elements and rows, of which the last is
 * written; between them the positions of the elements in the rows.
 * @param run Gets a part, the arguments that both kernels need, and the number of its rows.
 */
function alongRows(
  device: Device,
  name: string,
  views: readonly [View, positions: View, View],
  rows: View,
  run: (part: Part, words: readonly number[], rows: number) => void,
): void {
  const [rowStride, stride] = [rows.shape.at(-1)!, views[1].shape.at(-1)!];
  const shape = [sizeOf(rows.shape.slice(0, -1)), rowStride, stride];
  if (shape[0] === 0) return;
  const operands = views.map((view) =>
    viewAs(view, shape, view === rows ? [rowStride, 1, 0] : [stride, 0, 1])
  );
  for (const part of split(device, operands, { name, axes: 3, firstOutput: 2 })) {
    const [count, length, columns] = part.views[0]!.shape as [number, number, number];
    const words = [part.begin[1]!, length, columns, rowStride, stride];
    run(part, words, count);
  }
}

const ALONG = ["firstColumn", "length", "columns", "rowStride", "stride"] as const;

/** `output[r][j] = x[r][positions[r][j]]` */
export function takeAlong(device: Device, x: View, positions: View, output: View): void {
  if (sizeOf(positions.shape) === 0) return;
  const kernel = takeAlongKernel(movedAs(x));
  alongRows(device, "gather", [x, positions, output], x, ({ views }, words, rows) => {
    const columns = views[0]!.shape[2]!;
    const options = { columns, grain: grainFor(columns) };
    runKernel(device, kernel, views, [...words, outsideOf(x)], rows, options);
  });
}

/**
 * Work items are rows. The first part of a row fills in what is invalid, or taken by a later one.
 * There, positions before `firstColumn` become large as unsigned numbers, too.
 */
const takeAlongKernel = defineKernels((moved: Moved) =>
  defineKernel(
    {
      key: `take along rows ${moved}`,
      buffers: { x: moved, positions: "i32", output: moved },
      writes: ["output"],
      arguments: [...ALONG, "outside"],
      spread: "rows",
    },
    (k, row, { x, positions, output }, { firstColumn, length, columns, outside, ...strides }) => {
      const from = x.from(row.multiply(strides.rowStride));
      const begin = k.let(row.multiply(strides.stride));
      const [places, to] = [positions.from(begin), output.from(begin)];
      k.spread(columns, (column) => {
        const position = k.let(places.load(column).subtract(firstColumn));
        const fill = () => to.store(column, moved === "i32" ? outside : outside.asF32());
        k.if(
          position.lessUnsigned(length),
          () => to.store(column, from.load(position)),
          () => k.if(firstColumn.equal(0), fill),
        );
      });
    },
  )
);

/** `output[r][positions[r][j]] += x[r][j]`, onto zeros. */
export function addAlong(device: Device, x: View, positions: View, output: View): void {
  if (sizeOf(output.shape) === 0) return;
  fillView(device, output, 0);
  const name = "sum by position";
  alongRows(device, name, [x, positions, output], output, ({ views }, words, rows) => {
    const grain = grainFor(views[0]!.shape[2]!);
    runKernel(device, ADD_ALONG, views, words, rows, { grain });
  });
}

/** Work items are rows: positions may be equal, so no two threads may add to one. */
const ADD_ALONG = defineKernel(
  {
    key: "sum along rows",
    buffers: { x: "f32", positions: "i32", output: "f32" },
    writes: ["output"],
    arguments: ALONG,
  },
  (k, row, { x, positions, output }, { firstColumn, length, columns, ...strides }) => {
    const to = output.from(row.multiply(strides.rowStride));
    const first = k.let(row.multiply(strides.stride));
    k.loop(first, first.add(columns), (at) => {
      const position = k.let(positions.load(at).subtract(firstColumn));
      k.if(
        position.lessUnsigned(length),
        () => to.store(position, to.load(position).add(x.load(at))),
      );
    });
  },
);
