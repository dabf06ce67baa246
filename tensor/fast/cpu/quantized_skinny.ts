/**
 * Matmuls of a few rows with a packed matrix, as in decoding: each weight is read once, and bytes are
 * multiplied by relaxed SIMD.
 *
 * `i16x8.relaxed_dot_i8x16_i7x16_s` adds two products each in 16 bits. Every engine gives the same if
 * its second operand is 0 to 127, because then nothing saturates. The nibbles of q4 are: x is the first
 * operand, and the 8 that each nibble has too much enters as −8 times the sum of x. For q8 the
 * magnitudes of x are, and its signs are put into the weights. The instruction that adds four products
 * in 32 bits takes a quarter longer on processors that lack AVX-VNNI.
 *
 * @module
 */

import type { WasmKernel } from "../../device.ts";
import { vector } from "../../kernel/emitter/code.ts";
import {
  emitKernel,
  F32,
  F32x4,
  type FunctionBuilder,
  I32,
  I32x4,
  type Local,
} from "../../kernel/emitter/mod.ts";
import type { FastPath } from "../../fast_paths.ts";
import { BLOCK, type Packing, range } from "../../ops/quantized/blocks.ts";
import { quantizedWork } from "../../ops/quantized/multiply.ts";
import { loadWords } from "./words.ts";

/** Maximum rows: beyond, unpacked panels are faster. */
const MAX_ROWS = 12;

/** Columns of a work item. */
const COLUMNS = 4;
/** Rows whose sums are held in registers together. */
const ROWS = 2;

/** Below this many weights, another thread costs more than it gains. */
const WEIGHTS_PER_THREAD = 65_536;

/** Matmuls with a packed matrix of a few rows. */
export const quantizedSkinny: FastPath<"quantized matmul", "cpu"> = {
  operation: "quantized matmul",
  name: "relaxed dot",
  device: "cpu",
  gain: { factor: 1.91, of: "1×256×1024 q8, against plain; 3.97 for 1×576×49,152" },
  refuses: ({ y }, { relaxedSimd }) =>
    y.shape[0]! > MAX_ROWS
      ? "it has many rows"
      : relaxedSimd
      ? null
      : "the engine has no relaxed SIMD",
  run: (problem, device) => {
    const { x, weight, y, accumulate } = problem;
    const [rows, n] = y.shape as [number, number];
    const blocks = weight.scales.shape[1]!;
    const places = [x, weight.numbers, weight.scales, y].map((each) => device.address(each));
    device.dispatch(
      KERNELS[weight.packing],
      { integers: [...places, rows, n, blocks, Number(accumulate)] },
      Math.ceil(n / COLUMNS),
      {
        grain: Math.ceil(WEIGHTS_PER_THREAD / (COLUMNS * blocks * BLOCK)),
        scratchBytes: rows * blocks * ROUNDED_BYTES[weight.packing],
        work: () => quantizedWork(problem),
      },
    );
  },
};

const bytes = (opcode: number, ...operands: readonly (I32x4 | I32)[]) =>
  new I32x4(vector(opcode, operands));
/** Lanes of two vectors, narrowed to half their width and saturated. */
const narrowTo16 = (a: I32x4, b: I32x4) => bytes(133, a, b);
const narrowTo8 = (a: I32x4, b: I32x4) => bytes(101, a, b);
const absBytes = (a: I32x4) => bytes(96, a);
const subtractBytes = (a: I32x4, b: I32x4) => bytes(113, a, b);
const shiftRightBytes = (a: I32x4, bits: number) => bytes(108, a, I32.of(bits));
/** Sums of two products each of the bytes of `a`, signed, and `b`, from 0 to 127, in 16 bits. */
const dotsOfPairs = (a: I32x4, b: I32x4) => bytes(0x112, a, b);
/** Sums of two neighbors of 16 bits, in 32. */
const addPairs = (a: I32x4) => bytes(186, a, I32x4.of(0x00010001));
const add16 = (a: I32x4, b: I32x4) => bytes(142, a, b);
const subtract16 = (a: I32x4, b: I32x4) => bytes(145, a, b);

/** Bytes of a rounded block of x: its numbers, what else a product needs, and its scale four times. */
const ROUNDED_BYTES: Readonly<Record<Packing, number>> = { q8: 80, q4: 64 };
const SCALE_AT: Readonly<Record<Packing, number>> = { q8: 64, q4: 48 };
/** Bytes of the numbers of a packed block. */
const PACKED_BYTES: Readonly<Record<Packing, number>> = { q8: 32, q4: 16 };

/** Rounds blocks of x to 8 bits, exactly as the plain kernel does. */
function writeRounding(f: FunctionBuilder, packing: Packing, x: I32, to: I32, count: I32): void {
  const [from, place] = [f.local(x), f.local(to)];
  f.forRange(0, count, 1, () => {
    const values = range(8).map((i) => f.local(from.loadF32x4(16 * i)));
    // Not `pseudoMax`, which drops NaN.
    const magnitudes = values.map((each) => each.abs()).reduce((a, b) => a.max(b));
    const largest = f.local(f.acrossLanes(magnitudes, (a, b) => a.max(b)));
    const scale = f.local(largest.divide(127));
    const inverse = f.local(
      F32x4.of(2 ** -119).lessEqual(largest).select(F32x4.of(1).divide(scale), F32x4.of(0)),
    );
    const rounded = values.map((each) => {
      const scaled = f.local(each.multiply(inverse));
      const whole = f.local(scaled.toI32x4());
      const rest = f.local(scaled.subtract(whole.toF32x4()));
      // Masks are −1 where they hold.
      return f.local(
        whole.subtract(F32x4.of(0.5).lessEqual(rest)).add(rest.lessEqual(-0.5)),
      );
    });
    const [first, second] = [0, 4].map((i) =>
      f.local(narrowTo8(
        narrowTo16(rounded[i]!, rounded[i + 1]!),
        narrowTo16(rounded[i + 2]!, rounded[i + 3]!),
      ))
    );
    if (packing === "q8") {
      [absBytes(first!), absBytes(second!), shiftRightBytes(first!, 7), shiftRightBytes(second!, 7)]
        .forEach((each, i) => f.store(place, each, 16 * i));
    } else {
      const eights = I32x4.of(0x08080808);
      const sum = add16(dotsOfPairs(first!, eights), dotsOfPairs(second!, eights));
      [first!, second!, subtract16(I32x4.of(0), sum)].forEach((each, i) =>
        f.store(place, each, 16 * i)
      );
    }
    f.store(place, largest.less(Infinity).select(scale, F32x4.of(NaN)), SCALE_AT[packing]);
    f.set(from, from.add(4 * BLOCK));
    f.set(place, place.add(ROUNDED_BYTES[packing]));
  });
}

/** The sums of products of a block of x and one of weights, at these addresses. */
function dotOf(
  f: FunctionBuilder,
  packing: Packing,
  x: readonly I32x4[],
  weight: I32,
  offset: number,
): (row: number) => I32x4 {
  const parts = packing === "q8" ? 4 : 3;
  const ofRow = (row: number) => x.slice(parts * row, parts * (row + 1));
  if (packing === "q8") {
    const [first, second] = [0, 16].map((at) => f.local(weight.loadI32x4(offset + at)));
    return (row) => {
      const [a, b, signsA, signsB] = ofRow(row);
      const signed = (w: I32x4, signs: I32x4) => subtractBytes(w.xor(signs), signs);
      return addPairs(dotsOfPairs(signed(first!, signsA!), a!))
        .add(addPairs(dotsOfPairs(signed(second!, signsB!), b!)));
    };
  }
  const nibbles = f.local(weight.loadI32x4(offset));
  const low = f.local(nibbles.and(0x0f0f0f0f));
  // By words, and masked: engines have no instruction that shifts bytes.
  const high = f.local(nibbles.shiftRight(4).and(0x0f0f0f0f));
  return (row) => {
    const [a, b, start] = ofRow(row);
    return addPairs(add16(add16(dotsOfPairs(a!, low), dotsOfPairs(b!, high)), start!));
  };
}

const WORDS = ["x", "numbers", "scales", "y", "rows", "n", "blocks", "accumulate"] as const;

/**
 * Each thread rounds x for itself, which is little beside its weights. Of its columns, four at a time
 * are read as four sequential streams, as in the skinny matmul of floats.
 */
function skinnyKernel(packing: Packing): WasmKernel {
  const [xBytes, wBytes] = [ROUNDED_BYTES[packing], PACKED_BYTES[packing]];
  const xParts = SCALE_AT[packing] / 16;
  return {
    key: `matmul by ${packing}, relaxed dot`,
    emit: emitKernel((f, { words, start, end, scratch }) => {
      const { x, numbers, scales, y, rows, n, blocks, accumulate } = loadWords(f, words, WORDS);
      writeRounding(f, packing, x, scratch, rows.multiply(blocks));
      const rowBytes = f.local(blocks.multiply(xBytes));

      /** Multiplies `height` rows from `row` on by each of the columns. */
      const multiply = (row: Local<I32>, height: number, columns: readonly Local<I32>[]) => {
        const xAt = range(height).map((i) => f.local(scratch.add(row.add(i).multiply(rowBytes))));
        const weights = columns.map((column) => ({
          numbers: f.local(numbers.add(column.multiply(blocks).multiply(wBytes))),
          scales: f.local(scales.add(column.multiply(blocks).multiply(4))),
        }));
        const sums = xAt.map(() => columns.map(() => f.local(F32x4.of(0))));
        const steps = (count: number) => {
          for (const step of range(count)) {
            const at = step * xBytes;
            const parts = xAt.flatMap((from) =>
              range(xParts).map((i) => f.local(from.loadI32x4(at + 16 * i)))
            );
            const xScales = xAt.map((from) => f.local(from.loadF32x4(at + SCALE_AT[packing])));
            weights.forEach(({ numbers, scales }, j) => {
              const dot = dotOf(f, packing, parts, numbers, step * wBytes);
              const scale = f.local(scales.loadSplat(4 * step));
              xScales.forEach((xScale, i) => {
                const sum = sums[i]![j]!;
                f.set(sum, dot(i).toF32x4().multiplyAdd(xScale.multiply(scale), sum));
              });
            });
          }
          for (const from of xAt) f.set(from, from.add(count * xBytes));
          for (const { numbers, scales } of weights) {
            f.set(numbers, numbers.add(count * wBytes));
            f.set(scales, scales.add(count * 4));
          }
        };
        f.forRange(0, blocks.shiftRight(1), 1, () => steps(2));
        f.forRange(0, blocks.and(1), 1, () => steps(1));
        sums.forEach((ofRow, i) =>
          ofRow.forEach((sum, j) => {
            const total = f.local(F32.lane(f.acrossLanes(sum, (a, b) => a.add(b)), 0));
            const place = f.local(
              y.add(row.add(i).multiply(n).add(columns[j]!).shiftLeft(2)),
            );
            f.if(accumulate, () => f.set(total, total.add(place.loadF32())));
            f.store(place, total);
          })
        );
      };
      const multiplyAll = (columns: readonly Local<I32>[]) => {
        const pairs = f.local(rows.and(~1));
        f.forRange(0, pairs, ROWS, (row) => multiply(row, ROWS, columns));
        f.forRange(pairs, rows, 1, (row) => multiply(row, 1, columns));
      };
      const first = f.local(start.multiply(COLUMNS));
      const last = f.local(f.local(end.multiply(COLUMNS)).min(n));
      const apart = f.local(last.subtract(first).divideUnsigned(COLUMNS));
      f.forRange(0, apart, 1, (i) => {
        const column = first.add(i);
        multiplyAll(range(COLUMNS).map((j) => f.local(column.add(apart.multiply(j)))));
      });
      f.forRange(first.add(apart.multiply(COLUMNS)), last, 1, (column) => multiplyAll([column]));
    }),
  };
}

const KERNELS = { q8: skinnyKernel("q8"), q4: skinnyKernel("q4") };
