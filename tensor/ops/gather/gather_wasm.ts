/** Kernels of `gather.ts` for the CPU. All operands are contiguous. @module */

import type { CpuDevice, View, WasmKernel } from "../../device.ts";
import { emitKernel } from "../../devices/cpu/emitter/mod.ts";
import { sizeOf } from "../../shape.ts";
import { loadWords } from "../matmul/words_wasm.ts";

/** Elements to copy or add that justify waking another thread. */
const ELEMENTS_PER_THREAD = 32_768;

/** The result for an invalid index: NaN, or −1 among integers, as bits. */
export function bitsOutside(view: View): number {
  return view.dtype === "int32" ? -1 : 0x7fc00000;
}

const grainFor = (elementsPerItem: number): number =>
  Math.ceil(ELEMENTS_PER_THREAD / Math.max(1, elementsPerItem));

/** `output[i] = weight[ids[i]]`, for rows. */
export function takeRowsOnCpu(device: CpuDevice, weight: View, ids: View, output: View): void {
  const [rows, columns] = weight.shape as [number, number];
  const addresses = [weight, ids, output].map((view) => device.address(view));
  const integers = [...addresses, rows, columns * 4, bitsOutside(weight)];
  device.dispatch(TAKE_ROWS, { integers }, sizeOf(ids.shape), { grain: grainFor(columns) });
}

/** Work items are ids. */
const TAKE_ROWS: WasmKernel = {
  key: "take rows",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const word = loadWords(f, words, ["weight", "ids", "output", "rows", "rowBytes", "outside"]);
      f.forRange(start, end, 1, (i) => {
        const id = f.local(word.ids.add(i.shiftLeft(2)).loadI32());
        const to = f.local(word.output.add(i.multiply(word.rowBytes)));
        f.if(
          id.lessUnsigned(word.rows),
          () => f.copyMemory(to, word.weight.add(id.multiply(word.rowBytes)), word.rowBytes),
          () => f.forRange(0, word.rowBytes, 4, (byte) => f.store(to.add(byte), word.outside)),
        );
      });
    }),
};

/** `output[ids[i]] += x[i]`, for rows: onto zeros, or with `accumulate` onto existing values. */
export function sumRowsOnCpu(
  device: CpuDevice,
  x: View,
  ids: View,
  output: View,
  accumulate: boolean,
): void {
  const [rows, columns] = output.shape as [number, number];
  const [from, id, to] = [x, ids, output].map((view) => device.address(view)) as [
    number,
    number,
    number,
  ];
  const count = sizeOf(ids.shape);
  if (!accumulate) {
    device.dispatch(CLEAR, { integers: [to] }, rows * columns, { grain: ELEMENTS_PER_THREAD });
  }
  // Threads split the columns, not the ids: no two add to the same element, and the load is even
  // although ids may be equal.
  device.dispatch(
    ADD_ROWS,
    { integers: [from, id, to, count, rows, columns * 4] },
    Math.ceil(columns / 4),
    { grain: grainFor(4 * count) },
  );
}

/** Zeroes elements, which are the work items. Argument: the address of the first. */
export const CLEAR: WasmKernel = {
  key: "clear",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const to = words.loadI32().add(start.shiftLeft(2));
      f.clearMemory(to, end.subtract(start).shiftLeft(2));
    }),
};

/** Work items are groups of four columns; the last may be partial. */
const ADD_ROWS: WasmKernel = {
  key: "add rows by id",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const word = loadWords(f, words, ["x", "ids", "output", "count", "rows", "rowBytes"]);
      const first = f.local(start.shiftLeft(4));
      const last = f.local(end.shiftLeft(4));
      f.set(last, last.min(word.rowBytes));
      const wholeVectors = f.local(last.and(-16));
      f.forRange(0, word.count, 1, (i) => {
        const id = f.local(word.ids.add(i.shiftLeft(2)).loadI32());
        f.if(id.lessUnsigned(word.rows), () => {
          const from = f.local(word.x.add(i.multiply(word.rowBytes)));
          const to = f.local(word.output.add(id.multiply(word.rowBytes)));
          f.forRange(first, wholeVectors, 16, (byte) => {
            const at = f.local(to.add(byte));
            f.store(at, at.loadF32x4().add(from.add(byte).loadF32x4()));
          });
          f.forRange(wholeVectors, last, 4, (byte) => {
            const at = f.local(to.add(byte));
            f.store(at, at.loadF32().add(from.add(byte).loadF32()));
          });
        });
      });
    }),
};

/** `output[r][j] = x[r][positions[r][j]]` */
export function takeAlongOnCpu(device: CpuDevice, x: View, positions: View, output: View): void {
  const [length, k] = [x.shape.at(-1)!, positions.shape.at(-1)!];
  const addresses = [x, positions, output].map((view) => device.address(view));
  const integers = [...addresses, length, k, bitsOutside(x)];
  device.dispatch(TAKE_ALONG, { integers }, rowCount(positions), { grain: grainFor(k) });
}

/** Work items are rows. */
const TAKE_ALONG: WasmKernel = {
  key: "take along rows",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const word = loadWords(f, words, ["x", "positions", "output", "length", "k", "outside"]);
      f.forRange(start, end, 1, (row) => {
        const from = f.local(word.x.add(row.multiply(word.length).shiftLeft(2)));
        const first = f.local(row.multiply(word.k));
        f.forRange(first, first.add(word.k), 1, (j) => {
          const at = f.local(j.shiftLeft(2));
          const position = f.local(word.positions.add(at).loadI32());
          const value = f.local(word.outside);
          f.if(
            position.lessUnsigned(word.length),
            () => f.set(value, from.add(position.shiftLeft(2)).loadI32()),
          );
          f.store(word.output.add(at), value);
        });
      });
    }),
};

/** `output[r][positions[r][j]] += x[r][j]`, onto zeros. */
export function sumAlongOnCpu(device: CpuDevice, x: View, positions: View, output: View): void {
  const [length, k] = [output.shape.at(-1)!, positions.shape.at(-1)!];
  const addresses = [x, positions, output].map((view) => device.address(view));
  device.dispatch(SUM_ALONG, { integers: [...addresses, length, k] }, rowCount(output), {
    grain: grainFor(length + k),
  });
}

/** Work items are rows. */
const SUM_ALONG: WasmKernel = {
  key: "sum along rows",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const word = loadWords(f, words, ["x", "positions", "output", "length", "k"]);
      f.forRange(start, end, 1, (row) => {
        const to = f.local(word.output.add(row.multiply(word.length).shiftLeft(2)));
        f.clearMemory(to, word.length.shiftLeft(2));
        const first = f.local(row.multiply(word.k));
        f.forRange(first, first.add(word.k), 1, (j) => {
          const position = f.local(word.positions.add(j.shiftLeft(2)).loadI32());
          f.if(position.lessUnsigned(word.length), () => {
            const at = f.local(to.add(position.shiftLeft(2)));
            f.store(at, at.loadF32().add(word.x.add(j.shiftLeft(2)).loadF32()));
          });
        });
      });
    }),
};

function rowCount({ shape }: View): number {
  return sizeOf(shape.slice(0, -1));
}
