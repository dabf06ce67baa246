/** Running sums (prefix sums). @module */

import { applyOne, named, type Operation } from "../../apply.ts";
import type { Device, View } from "../../device.ts";
import { asMatrix, defineKernel, runKernel, split } from "../../kernel/run.ts";
import { wrongType } from "../../errors.ts";
import * as ex from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import { addPieces } from "../../kernel/language.ts";
import { normalizeAxis, sizeOf } from "../../layout.ts";
import { checkTensor, type Tensor } from "../../tensor.ts";
import { cumulativeSumOfIntegers } from "../integers.ts";
import { runProgramOn } from "../program.ts";
import { contiguous, transpose } from "../views.ts";

/** The attribute tells whether to sum from the last element to the first. */
const cumulativeSumOperation: Operation<boolean, readonly [x: Tensor]> = {
  name: "cumulativeSum",
  infer: ([x]) => {
    if (x.dtype !== "float32") {
      throw wrongType("compute cumulativeSum", "float32 or int32", x.dtype);
    }
    return [{ shape: x.shape, dtype: "float32" }];
  },
  run: (device, [x], [output], reverse) => sumInto(device, x, output, reverse),
  gradient: {
    // An element is part of its own sum and of all that follow.
    apply: (upstream, _saved, reverse) => [
      applyOne(cumulativeSumOperation, [contiguous(upstream)], !reverse),
    ],
  },
};

/**
 * The cumulative (running) sum along an axis of a `float32` or `int32` tensor. Rows are summed in 128 pieces,
 * so the rounding error grows with the length of a piece, not of the row. The sums of non-negative
 * numbers never decrease. Those of integers are exact, and wrap around.
 *
 * @throws {RangeError} If there is no such axis.
 * @throws {TypeError} If `x` is of another dtype.
 *
 * @example
 * ```ts
 * import { cumulativeSum, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [1, 2, 3], { requiresGrad: true });
 * const sums = cumulativeSum(x, 0);
 * if ((await sums.data()).join() !== "1,3,6") throw new Error("expected 1, 3, 6");
 *
 * sums.sum().backward();
 * if ((await x.grad!.data()).join() !== "3,2,1") throw new Error("expected 3, 2, 1");
 * await device.close();
 * ```
 */
export function cumulativeSum(x: Tensor, axis: number): Tensor {
  checkTensor("compute cumulativeSum", x);
  const along = normalizeAxis(axis, x.shape, "compute cumulativeSum");
  const rows = contiguous(transpose(x, along, -1));
  const sums = x.dtype === "int32"
    ? applyOne(cumulativeSumOfIntegers, [rows], null)
    : applyOne(cumulativeSumOperation, [rows], false);
  return named("cumulativeSum", transpose(sums, along, -1));
}

/**
 * Pieces per row. Each piece is summed from 0, and the sum of the earlier pieces is added: in the
 * same way on all devices, so that their results agree.
 */
const MAX_PIECES = 128;

/**
 * The pieces of a row: their length, which is less for the last one, and their number. A short row
 * is one piece: its sums are the same as those of pieces of one element.
 */
function piecesOf(length: number): { readonly piece: number; readonly pieces: number } {
  const piece = length > MAX_PIECES ? Math.ceil(length / MAX_PIECES) : Math.max(1, length);
  return { piece, pieces: Math.ceil(length / piece) };
}

/** Elements to add that justify waking another thread. */
const ELEMENTS_PER_THREAD = 8192;

/** Running sums along the last axis of contiguous views. */
function sumInto(device: Device, x: View, output: View, reverse: boolean): void {
  const length = x.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  if (length * rows === 0) return;
  const matrices = [asMatrix(x, rows), asMatrix(output, rows)] as const;
  const grain = Math.ceil(ELEMENTS_PER_THREAD / length);
  const parts = split(device, matrices, { name: "cumulative sum", axes: 2, firstOutput: 1 });
  for (const { views, begin } of reverse ? parts.toReversed() : parts) {
    const [row, column] = begin as [number, number];
    const shape = views[0]!.shape as [number, number];
    const { piece, pieces } = piecesOf(shape[1]);
    const words = [shape[1], piece, pieces];
    runKernel(device, reverse ? BACKWARD : FORWARD, views, words, shape[0], { grain });
    const before = reverse ? column + shape[1] : column - 1;
    if (before < 0 || before === length) continue;
    // A row's later part continues the sum of the one before.
    const sums = (column: number, step: number): View => ({
      ...matrices[1],
      shape,
      strides: [length, step],
      offset: output.offset + row * length + column,
    });
    const own = sums(column, 1);
    runProgramOn(device, add, [own, sums(before, 0)], [own], []);
  }
}

const add = defineProgram({ name: "add a sum so far", inputs: ["x", "y"] }, ({ x, y }) => [
  ex.add(x, y),
]);

/** Work items are rows. */
const makeKernel = (reverse: boolean) =>
  defineKernel(
    {
      key: `cumulative sum${reverse ? " from the end" : ""}`,
      buffers: { x: "f32", output: "f32" },
      writes: ["output"],
      arguments: ["length", "piece", "pieces"],
      spread: "lanes",
      lanes: MAX_PIECES,
      shared: MAX_PIECES + 1,
    },
    (k, row, { x, output }, { length, piece, pieces }) => {
      const begin = k.let(row.multiply(length));
      const [from, to] = [x.from(begin), output.from(begin)];
      const last = k.let(length.subtract(1));
      addPieces(k, pieces, k.float(0), (i, before) => {
        const start = k.let(i.multiply(piece));
        const end = k.let(start.add(piece));
        const sum = k.variable(k.float(0));
        k.loop(start, end.min(length), (step) => {
          const at = reverse ? k.let(last.subtract(step)) : step;
          k.set(sum, sum.add(from.load(at)));
          if (before !== null) to.store(at, before.add(sum));
        }, { unroll: 2 });
        return sum;
      });
    },
  );

const [FORWARD, BACKWARD] = [makeKernel(false), makeKernel(true)];
