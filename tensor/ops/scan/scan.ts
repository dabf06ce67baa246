/** Running sums (prefix sums). @module */

import { applyOne, named, type Operation } from "../../apply.ts";
import type { Device, View } from "../../device.ts";
import { allocateView } from "../../devices/webgpu/allocation.ts";
import { asMatrix, viewsInRanges } from "../../devices/webgpu/binding_ranges.ts";
import { TypeError } from "../../errors.ts";
import {
  addPieces,
  type Buffer,
  type Float,
  type Int,
  type KernelBuilder,
} from "../../kernel/language.ts";
import { defineKernel, runKernel } from "../../kernel/run.ts";
import { normalizeAxis, sizeOf } from "../../shape.ts";
import { checkTensor, type Tensor } from "../../tensor.ts";
import { contiguous, transpose } from "../views.ts";

interface Attributes {
  /** Whether to sum from the last element to the first. */
  readonly reverse: boolean;
}

const cumulativeSumOperation: Operation<Attributes> = {
  name: "cumulativeSum",
  infer: ([x]) => {
    if (x!.dtype !== "float32") {
      throw new TypeError(`Cannot compute cumulativeSum: wanted float32, got ${x!.dtype}`);
    }
    return [{ shape: x!.shape, dtype: "float32" }];
  },
  run: (device, [x], [output], { reverse }) => sumInto(device, x!, output!, reverse),
  gradient: {
    // An element is part of its own sum and of all that follow.
    apply: (upstream, _saved, { reverse }) => [
      applyOne(cumulativeSumOperation, [contiguous(upstream)], { reverse: !reverse }),
    ],
  },
};

/**
 * The cumulative (running) sum along an axis of a `float32` tensor. Rows are summed in 128 pieces,
 * so the rounding error grows with the length of a piece, not of the row. The sums of non-negative
 * numbers never decrease.
 *
 * @throws {RangeError} If there is no such axis.
 * @throws {TypeError} If `x` is not `float32`.
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
  const sums = applyOne(cumulativeSumOperation, [rows], { reverse: false });
  return named("cumulativeSum", transpose(sums, along, -1));
}

/**
 * Pieces per row. Each piece is summed from 0, and the sum of the earlier pieces is added: in the
 * same way on all devices, so that their results agree.
 */
export const MAX_PIECES = 128;

/**
 * The pieces of a row: their length, which is less for the last one, and their number. A short row
 * is one piece: its sums are the same as those of pieces of one element.
 */
export function piecesOf(length: number): { readonly piece: number; readonly pieces: number } {
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
  const matrices = [asMatrix(x, rows), asMatrix(output, rows)];
  const parts = viewsInRanges(device, matrices, 1, 2, "cumulative sum");
  const isCut = parts.some(([x]) => x!.shape[1]! < length);
  const grain = Math.ceil(ELEMENTS_PER_THREAD / length);
  // The parts of a row are computed in order, each starting at the sum of the earlier ones.
  const carry = isCut ? allocateView(device, "float32", [1], "a sum so far") : null;
  let done = 0;
  for (const part of reverse ? parts.toReversed() : parts) {
    const [rows, length] = part[0]!.shape as [number, number];
    const { piece, pieces } = piecesOf(length);
    const words = { length, piece, pieces, continues: Number(done > 0) };
    const { rows: ofRows, parts: ofParts } = reverse ? BACKWARD : FORWARD;
    if (carry === null) runKernel(device, ofRows, part, words, rows, { grain });
    else runKernel(device, ofParts, [...part, carry], words, rows);
    done = (done + length) % x.shape.at(-1)!;
  }
  if (carry !== null) device.free(carry.allocation);
}

const ARGUMENTS = ["length", "piece", "pieces"] as const;
const LANES = { spread: "lanes", lanes: MAX_PIECES, shared: MAX_PIECES + 1 } as const;

function makeKernels(reverse: boolean) {
  const name = `cumulative sum${reverse ? " from the end" : ""}`;

  /** Writes the running sums of a row, from an initial sum on; returns the last one. */
  const sumRow = (
    k: KernelBuilder,
    row: Int,
    { x, output }: { readonly x: Buffer<"f32">; readonly output: Buffer<"f32"> },
    { length, piece, pieces }: Readonly<Record<typeof ARGUMENTS[number], Int>>,
    initial: Float,
  ): Float => {
    const begin = k.let(row.multiply(length));
    const [from, to] = [x.from(begin), output.from(begin)];
    const last = k.let(length.subtract(1));
    return addPieces(k, pieces, initial, (i, before) => {
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
  };

  /** Work items are rows. */
  const rows = defineKernel(
    {
      ...LANES,
      key: name,
      buffers: { x: "f32", output: "f32" },
      writes: ["output"],
      arguments: ARGUMENTS,
    },
    (k, row, buffers, words) => void sumRow(k, row, buffers, words, k.float(0)),
  );

  /** The work item is a part of a row, after those whose sum is in `carry`. */
  const parts = defineKernel(
    {
      ...LANES,
      key: `${name}, of a part`,
      buffers: { x: "f32", output: "f32", carry: "f32" },
      writes: ["output", "carry"],
      arguments: [...ARGUMENTS, "continues"],
    },
    (k, row, { carry, ...buffers }, { continues, ...words }) => {
      const initial = k.variable(k.float(0));
      k.if(continues.notEqual(0), () => k.set(initial, carry.load(0)));
      const total = sumRow(k, row, buffers, words, initial);
      k.once(() => carry.store(0, total));
    },
  );
  return { rows, parts };
}

const [FORWARD, BACKWARD] = [makeKernels(false), makeKernels(true)];
