/**
 * Matmuls of a few rows with a packed matrix, as in decoding: each weight is read once, and bytes are
 * multiplied by relaxed SIMD.
 *
 * `i16x8.relaxed_dot_i8x16_i7x16_s` adds two products each in 16 bits. Every engine gives the same if
 * its second operand is 0 to 127, because then nothing saturates. The nibbles n of q4 are, and x is the
 * first operand: Σ x (n − 8) = Σ x n − 8 Σ x. For q8 the magnitudes of x are, and the weights w are
 * inverted where x is negative: there −w = ~w + 1, so Σ x w = Σ |x| (~w or w) + Σ of |x| where x < 0.
 * The summand depends on x alone in either case. The instruction that adds four products in 32 bits
 * takes a quarter longer on processors that lack AVX-VNNI.
 *
 * The products of a block are so few instructions that scaling and adding them costs as much. Four blocks
 * are therefore taken together: their sums become the lanes of one vector, and are converted, scaled and
 * added at once.
 *
 * @module
 */

import type { WasmKernel } from "../../device.ts";
import {
  emitKernel,
  F32,
  F32x4,
  type FunctionBuilder,
  I32,
  I32x4,
  type Lanes,
  type Local,
  vector,
} from "../../kernel/emitter.ts";
import type { FastPath } from "../../fast_paths.ts";
import { BLOCK, type Packing, range } from "../../ops/quantized/blocks.ts";
import { quantizedWork } from "../../ops/quantized/multiply.ts";
import { loadWords } from "./words.ts";

/** Maximum rows: beyond, unpacked panels are faster. */
const MAX_ROWS: Readonly<Record<Packing, number>> = { q8: 24, q4: 40 };

/** Columns of a work item. */
const COLUMNS = 4;
/** Rows whose sums are held in registers together. */
const ROWS = 2;
/** Blocks that are scaled together. */
const GROUP = 4;

/** Below this many weights, another thread costs more than it gains. */
const WEIGHTS_PER_THREAD = 65_536;

/** Matmuls with a packed matrix of a few rows. */
export const quantizedSkinny: FastPath<"quantized matmul", "cpu"> = {
  operation: "quantized matmul",
  name: "relaxed dot",
  device: "cpu",
  gain: { factor: 2.74, of: "1×256×1024 q8 on an AMD EPYC, against plain; 4.07 for 1×576×49,152" },
  refuses: ({ y, weight }, { relaxedSimd }) =>
    y.shape[0]! > MAX_ROWS[weight.packing]
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
        scratchBytes: rows * (Math.floor(blocks / GROUP) + blocks % GROUP) * ROUNDED_BYTES,
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
/** A mask of the bytes that are negative. */
const negativeBytes = (a: I32x4) => bytes(39, I32x4.of(0), a);
/** Sums of two products each of the bytes of `a`, signed, and `b`, from 0 to 127, in 16 bits. */
const dotsOfPairs = (a: I32x4, b: I32x4) => bytes(0x112, a, b);
/** Sums of two neighbors of 16 bits, in 32. */
const addPairs = (a: I32x4) => bytes(186, a, I32x4.of(0x00010001));
const add16 = (a: I32x4, b: I32x4) => bytes(142, a, b);
/** Four lanes of two vectors. */
const lanesOf = (a: I32x4, b: I32x4, lanes: Lanes) =>
  a.asF32x4().shuffle(b.asF32x4(), lanes).bits();
/** The sum of lanes of small integers, in each lane. */
const sumOf = (f: FunctionBuilder, a: I32x4) =>
  f.acrossLanes(a.toF32x4(), (a, b) => a.add(b)).toI32x4();

/**
 * Rounded blocks of x: their numbers, what is added to the products of each, and their scales. A group has
 * a lane for each block; the blocks after the last group, each by itself, have all four.
 */
const [SUMMANDS_AT, SCALES_AT] = [GROUP * BLOCK, GROUP * BLOCK + 16];
const ROUNDED_BYTES = SCALES_AT + 16;
/** Bytes of the numbers of a packed block. */
const PACKED_BYTES: Readonly<Record<Packing, number>> = { q8: 32, q4: 16 };

/** Rounds blocks of x to 8 bits, exactly as the plain kernel does. */
function writeRounding(f: FunctionBuilder, packing: Packing, x: I32, to: I32, blocks: I32): void {
  const [from, place, size] = [f.local(x), f.local(to), f.local(I32.of(GROUP))];
  const inGroups = f.local(blocks.and(-GROUP));
  f.forRange(0, blocks, size, (at) => {
    f.set(size, at.less(inGroups).select(I32.of(GROUP), I32.of(1)));
    f.forRange(0, size, 1, (i) => {
      const values = range(8).map((j) => f.local(from.loadF32x4(16 * j)));
      // Not `pseudoMax`, which drops NaN.
      const magnitudes = values.map((each) => each.abs()).reduce((a, b) => a.max(b));
      const largest = f.local(f.acrossLanes(magnitudes, (a, b) => a.max(b)));
      const finite = f.local(largest.divide(127));
      const inverse = f.local(
        F32x4.of(2 ** -119).lessEqual(largest).select(F32x4.of(1).divide(finite), F32x4.of(0)),
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
      const halves = [0, 4].map((j) =>
        f.local(narrowTo8(
          narrowTo16(rounded[j]!, rounded[j + 1]!),
          narrowTo16(rounded[j + 2]!, rounded[j + 3]!),
        ))
      );
      const numbers = f.local(place.add(i.multiply(BLOCK)));
      halves.forEach((half, j) => f.store(numbers, half, 16 * j));
      const [first, second] = halves.map((half) =>
        packing === "q8"
          ? dotsOfPairs(I32x4.of(0x01010101), absBytes(half).and(negativeBytes(half)))
          : dotsOfPairs(half, I32x4.of(0x08080808))
      );
      const sum = sumOf(f, addPairs(add16(first!, second!)));
      // Of q4, products and what is added to them are 16 bits wide: a lane has two, and their sum.
      const summand = f.local(packing === "q8" ? sum : I32x4.of(0).subtract(sum).and(0xffff));
      const scale = f.local(largest.less(Infinity).select(finite, F32x4.of(NaN)));
      f.if(i.isZero(), () => {
        f.store(place, summand.and(I32x4.lanes(-1, 0, 0, 0)), SUMMANDS_AT);
        f.store(place, scale, SCALES_AT);
      }, () => {
        const lane = f.local(place.add(i.shiftLeft(2)));
        f.storeLane(lane, summand, 0, SUMMANDS_AT);
        f.storeLane(lane, scale, 0, SCALES_AT);
      });
      f.set(from, from.add(4 * BLOCK));
    });
    f.set(place, place.add(ROUNDED_BYTES));
  });
}

/** How the products of a block are computed and added up. */
interface Dot {
  /** Computes of 32 numbers of x, once, all that columns share. */
  readonly prepare: (numbers: readonly I32x4[]) => readonly I32x4[];
  /** The products with a block of weights at an address, partly added up. */
  readonly products: (weight: I32, offset: number) => (x: readonly I32x4[]) => I32x4;
  /** Adds the lanes of such vectors. */
  readonly add: (a: I32x4, b: I32x4) => I32x4;
  /** The sums in the lanes, which are 32 bits wide. */
  readonly sums: (lanes: I32x4) => I32x4;
}

const dotsIn = (f: FunctionBuilder): Readonly<Record<Packing, Dot>> => ({
  q8: {
    prepare: (numbers) =>
      numbers.flatMap((each) => [f.local(absBytes(each)), f.local(negativeBytes(each))]),
    products: (weight, offset) => {
      const [first, second] = [0, 16].map((at) => f.local(weight.loadI32x4(offset + at)));
      return ([a, isNegativeA, b, isNegativeB]) =>
        addPairs(dotsOfPairs(first!.xor(isNegativeA!), a!))
          .add(addPairs(dotsOfPairs(second!.xor(isNegativeB!), b!)));
    },
    add: (a, b) => a.add(b),
    sums: (lanes) => lanes,
  },
  q4: {
    prepare: (numbers) => numbers,
    products: (weight, offset) => {
      const nibbles = f.local(weight.loadI32x4(offset));
      const low = f.local(nibbles.and(0x0f0f0f0f));
      // By words, and masked: engines have no instruction that shifts bytes.
      const high = f.local(nibbles.shiftRight(4).and(0x0f0f0f0f));
      return ([a, b]) => add16(dotsOfPairs(a!, low), dotsOfPairs(b!, high));
    },
    // No sum of the 16 products of a lane's half exceeds 16 · 127 · 15, which fits into 16 bits.
    add: add16,
    sums: addPairs,
  },
});

const WORDS = ["x", "numbers", "scales", "y", "rows", "n", "blocks", "accumulate"] as const;

/** The operands of products of some rows and columns, in locals of the kernel. */
interface Operands {
  /** The rounded rows of x, and the distance between two. */
  readonly x: I32;
  readonly rowBytes: I32;
  /** The packed weights and their scales. */
  readonly numbers: I32;
  readonly scales: I32;
  readonly blocks: I32;
  /** How many groups of blocks there are, and blocks after the last one. */
  readonly groups: I32;
  readonly rest: I32;
  /** The result, the length of its rows, and whether to add to it. */
  readonly y: I32;
  readonly n: I32;
  readonly accumulate: I32;
}

/**
 * Each thread rounds x for itself, which is little beside its weights. Of its columns, four at a time
 * are read as four sequential streams, as in the skinny matmul of floats.
 */
function skinnyKernel(packing: Packing): WasmKernel {
  return {
    key: `matmul by ${packing}, relaxed dot`,
    emit: emitKernel((f, { words, start, end, scratch }) => {
      const { x, numbers, scales, y, rows, n, blocks, accumulate } = loadWords(f, words, WORDS);
      const [groups, rest] = [blocks.shiftRight(2), blocks.and(GROUP - 1)].map((each) =>
        f.local(each)
      ) as [Local<I32>, Local<I32>];
      const rowBytes = f.local(groups.add(rest).multiply(ROUNDED_BYTES));
      f.forRange(0, rows, 1, (row) => {
        const from = f.local(x.add(row.multiply(blocks).multiply(4 * BLOCK)));
        writeRounding(f, packing, from, scratch.add(row.multiply(rowBytes)), blocks);
      });
      const operands = {
        x: scratch,
        rowBytes,
        numbers,
        scales,
        blocks,
        groups,
        rest,
        y,
        n,
        accumulate,
      };
      const multiplyAll = (columns: readonly Local<I32>[]) => {
        const multiply = (row: I32, height: number) =>
          writeProducts(f, packing, operands, row, height, columns);
        const pairs = f.local(rows.and(~1));
        f.forRange(0, pairs, ROWS, (row) => multiply(row, ROWS));
        f.forRange(pairs, rows, 1, (row) => multiply(row, 1));
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

/** Multiplies `height` rows from `row` on by each of the columns. */
function writeProducts(
  f: FunctionBuilder,
  packing: Packing,
  operands: Operands,
  row: I32,
  height: number,
  columns: readonly Local<I32>[],
): void {
  const { x, rowBytes, numbers, scales, blocks, groups, rest } = operands;
  const dot = dotsIn(f)[packing];
  const wBytes = PACKED_BYTES[packing];
  const xAt = range(height).map((i) => f.local(x.add(row.add(i).multiply(rowBytes))));
  const weights = columns.map((column) => ({
    numbers: f.local(numbers.add(column.multiply(blocks).multiply(wBytes))),
    scales: f.local(scales.add(column.multiply(blocks).multiply(4))),
  }));
  const sums = columns.map(() => xAt.map(() => f.local(F32x4.of(0))));
  /** The products of a block, of each column and row. */
  const productsOf = (block: number) => {
    const ofRows = xAt.map((from) =>
      dot.prepare([0, 16].map((half) => f.local(from.loadI32x4(block * BLOCK + half))))
    );
    return weights.map(({ numbers }) => {
      const products = dot.products(numbers, block * wBytes);
      return ofRows.map((x) => f.local(products(x)));
    });
  };
  /** Scales the products of some blocks, adds them to the sums, and goes on behind the blocks. */
  const addToSums = (
    products: readonly (readonly I32x4[])[],
    count: number,
    scalesAt: (address: I32) => F32x4,
  ) => {
    const summands = xAt.map((from) => f.local(from.loadI32x4(SUMMANDS_AT)));
    const xScales = xAt.map((from) => f.local(from.loadF32x4(SCALES_AT)));
    weights.forEach(({ numbers, scales }, j) => {
      const ofColumn = f.local(scalesAt(scales));
      products[j]!.forEach((each, i) => {
        const sum = sums[j]![i]!;
        const whole = dot.sums(dot.add(each, summands[i]!)).toF32x4();
        f.set(sum, whole.multiplyAdd(xScales[i]!.multiply(ofColumn), sum));
      });
      f.set(numbers, numbers.add(count * wBytes));
      f.set(scales, scales.add(count * 4));
    });
    for (const from of xAt) f.set(from, from.add(ROUNDED_BYTES));
  };
  /** The lanes of each two vectors, added in pairs. */
  const addPairwise = (
    a: readonly (readonly I32x4[])[],
    b: readonly (readonly I32x4[])[],
    first: Lanes,
    second: Lanes,
  ) =>
    a.map((ofRows, j) =>
      ofRows.map((each, i) => {
        const other = b[j]![i]!;
        return f.local(dot.add(lanesOf(each, other, first), lanesOf(each, other, second)));
      })
    );
  /** The products of two blocks: lanes of the first, the second, the first, the second. */
  const ofTwo = (block: number) =>
    addPairwise(productsOf(block), productsOf(block + 1), [0, 4, 1, 5], [2, 6, 3, 7]);
  f.forRange(0, groups, 1, () => {
    const ofFour = addPairwise(ofTwo(0), ofTwo(2), [0, 1, 4, 5], [2, 3, 6, 7]);
    addToSums(ofFour, GROUP, (scales) => scales.loadF32x4());
  });
  f.forRange(0, rest, 1, () => addToSums(productsOf(0), 1, (scales) => scales.loadSplat()));
  sums.forEach((ofColumn, j) => writeSums(f, operands, row, columns[j]!, ofColumn));
}

/** Adds up the lanes of the sums of a column, and stores them, one for each row. */
function writeSums(
  f: FunctionBuilder,
  { y, n, accumulate }: Operands,
  row: I32,
  column: I32,
  sums: readonly F32x4[],
): void {
  sums.forEach((sum, i) => {
    const total = f.local(F32.lane(f.acrossLanes(sum, (a, b) => a.add(b)), 0));
    const place = f.local(y.add(row.add(i).multiply(n).add(column).shiftLeft(2)));
    f.if(accumulate, () => f.set(total, total.add(place.loadF32())));
    f.store(place, total);
  });
}

const KERNELS = { q8: skinnyKernel("q8"), q4: skinnyKernel("q4") };
