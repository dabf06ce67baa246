/** Running sums (prefix sums). @module */

import { applyOne, named, type Operation } from "../../apply.ts";
import { allocateView, type Device, type View, viewAs } from "../../device.ts";
import { wrongType } from "../../errors.ts";
import type { Buffer, Float, Int, KernelBuilder } from "../../kernel/language.ts";
import { asMatrix, defineKernel, type Kernel, runKernel, split } from "../../kernel/run.ts";
import { normalizeAxis, sizeOf } from "../../layout.ts";
import { checkTensor, type Tensor } from "../../tensor.ts";
import { flip } from "../arrange.ts";
import { cumulativeSumOfIntegers } from "../integers.ts";
import { addProgram } from "../elementwise.ts";
import { runProgramOn } from "../program.ts";
import { contiguous, transpose } from "../views.ts";

const cumulativeSumOperation: Operation<null, readonly [x: Tensor]> = {
  name: "cumulativeSum",
  infer: ([x]) => {
    if (x.dtype !== "float32") {
      throw wrongType("compute cumulativeSum", "float32 or int32", x.dtype);
    }
    return [{ shape: x.shape, dtype: "float32" }];
  },
  run: (device, [x], [output]) => sumInto(device, x, output),
  gradient: {
    // An element is part of its own sum and of all that follow.
    apply: (upstream) => [flip(cumulativeSum(flip(upstream, -1), -1), -1)],
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
  const operation = x.dtype === "int32" ? cumulativeSumOfIntegers : cumulativeSumOperation;
  const sums = applyOne(operation, [rows], null);
  return named("cumulativeSum", transpose(sums, along, -1));
}

/**
 * Pieces per row. Each piece is summed from 0, and the sum of the earlier pieces is added: in the
 * same way on all devices, so that their results agree.
 */
const MAX_PIECES = 128;

/** Elements to add that justify waking another thread. */
const ELEMENTS_PER_THREAD = 8192;

/** Running sums along the last axis of contiguous views. */
function sumInto(device: Device, x: View, output: View): void {
  const length = x.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  if (length * rows === 0) return;
  const matrices = [asMatrix(x, rows), asMatrix(output, rows)] as const;
  for (const part of split(device, matrices, { name: "cumulative sum", axes: 2, firstOutput: 1 })) {
    const [row, column] = part.begin as [number, number];
    const shape = part.views[0]!.shape as [number, number];
    sumPieces(device, part.views[0]!, part.views[1]!, ...shape);
    if (column === 0) continue;
    // A row's later part continues the sum of the one before.
    const sums = (column: number, step: number) =>
      viewAs(output, shape, [length, step], output.offset + row * length + column);
    const own = sums(column, 1);
    runProgramOn(device, addProgram, [own, sums(column - 1, 0)], [own], []);
  }
}

/** Running sums of rows. A short row is one piece: its sums are the same as those of single elements. */
function sumPieces(device: Device, x: View, output: View, rows: number, length: number): void {
  const piece = length > MAX_PIECES ? Math.ceil(length / MAX_PIECES) : length;
  const pieces = Math.ceil(length / piece);
  const run = (kernel: Kernel, views: readonly View[]) => {
    const grain = Math.ceil(ELEMENTS_PER_THREAD / piece);
    runKernel(device, kernel, views, [length, piece, pieces], rows * pieces, { grain });
  };
  // There is nothing before the only piece of a row.
  if (pieces === 1) return run(RUNNING_SUMS, [x, x, output]);
  const [sums, totals] = ["sums of pieces", "running sums of pieces"].map((label) =>
    allocateView(device, "float32", [rows, pieces], label)
  ) as [View, View];
  run(SUMS, [x, sums]);
  sumPieces(device, sums, totals, rows, pieces);
  run(RUNNING_SUMS, [x, totals, output]);
  for (const { allocation } of [sums, totals]) device.free(allocation);
}

const SIZES = ["length", "piece", "pieces"] as const;

/** Adds up a piece of a row, and calls `visit` with the place of each element and the sum up to it. */
function addUp(
  k: KernelBuilder,
  item: Int,
  x: Buffer<"f32">,
  { length, piece, pieces }: Readonly<Record<typeof SIZES[number], Int>>,
  visit: (at: Int, sum: Float) => void = () => {},
): Float {
  const begin = k.let(item.divide(pieces).multiply(length));
  const start = k.let(item.remainder(pieces).multiply(piece));
  const end = k.let(k.let(start.add(piece)).min(length));
  const sum = k.variable(k.float(0));
  k.loop(begin.add(start), begin.add(end), (at) => {
    k.set(sum, sum.add(x.load(at)));
    visit(at, sum);
  }, { unroll: 2 });
  return sum;
}

/** The sum of each piece, which is a work item. */
const SUMS = defineKernel(
  { key: "sums of pieces", buffers: { x: "f32", sums: "f32" }, writes: ["sums"], arguments: SIZES },
  (k, item, { x, sums }, sizes) => sums.store(item, addUp(k, item, x, sizes)),
);

/** The running sums of each piece, after the total of those before. */
const RUNNING_SUMS = defineKernel(
  {
    key: "running sums of pieces",
    buffers: { x: "f32", totals: "f32", output: "f32" },
    writes: ["output"],
    arguments: SIZES,
  },
  (k, item, { x, totals, output }, sizes) => {
    const before = k.variable(k.float(0));
    const isFirst = item.remainder(sizes.pieces).equal(0);
    k.unless(isFirst, () => k.set(before, totals.load(item.subtract(1))));
    addUp(k, item, x, sizes, (at, sum) => output.store(at, before.add(sum)));
  },
);
