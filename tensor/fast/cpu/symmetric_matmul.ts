/** Symmetric matmuls, such as X·Xᵀ: computes the upper half and mirrors it. @module */

import type { WasmKernel } from "../../device.ts";
import {
  emitKernel,
  type FunctionBuilder,
  type I32,
  loadWords,
  type Local,
} from "../../devices/cpu/emitter/mod.ts";
import type { FastPath } from "../../fast_paths.ts";
import type { Matrix } from "../../ops/matmul/problem.ts";
import { multiply } from "../../ops/matmul/multiply.ts";
import { locateItem, OPERAND_WORDS, operandWords } from "./matmul_words.ts";

/** Minimum size of a strip: smaller ones save less arithmetic than they cost in speed. */
const MIN_STRIP = 48;
/** Number of strips of a large matrix; the remaining work is (1 + 1 / strips) / 2 of the whole. */
const STRIPS = 6;
/** In bf16, a matrix of at most this size is faster as a whole: 1.8 times at 256, as fast at 512. */
const MAX_WHOLE_BF16 = 512;
/** Strips are multiples of both sides of a register tile. */
const STRIP_MULTIPLE = 24;
/** Rows per work item of the mirror kernel. */
const MIRROR_ROWS = 4;

/** Computes strips of rows, each from the diagonal on, then mirrors them. */
export const symmetricMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "symmetric",
  device: "cpu",
  gain: { factor: 1.48, of: "256×1024×256, against packed; 768×768×768 with a BLAS 1.36" },
  suits: ({ symmetric, m, k, precision }, { matmulPrecision }) =>
    symmetric && m > MIN_STRIP && k > 0 &&
    (m > MAX_WHOLE_BF16 || (precision ?? matmulPrecision) === "f32"),
  run: (problem, device) => {
    const size = problem.m;
    const even = Math.ceil(size / STRIPS / STRIP_MULTIPLE) * STRIP_MULTIPLE;
    const strip = Math.max(MIN_STRIP, even);
    const moved = (matrix: Matrix, elements: number) => ({
      ...matrix,
      offset: matrix.offset + elements,
    });
    for (let first = 0; first < size; first += strip) {
      const { a, b, c } = problem;
      multiply(device, {
        ...problem,
        symmetric: false,
        m: Math.min(strip, size - first),
        n: size - first,
        a: moved(a, first * a.row),
        b: moved(b, first * b.column),
        c: moved(c, first * (c.row + c.column)),
      });
    }
    const blocks = Math.ceil(size / MIRROR_ROWS);
    device.dispatch(
      MIRROR_KERNEL,
      {
        integers: [...operandWords(device, problem), size, blocks],
      },
      problem.outer * problem.inner * blocks,
      { grain: 16 },
    );
  },
};

const MIRROR_KERNEL: WasmKernel = {
  key: "matmul mirror",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const word = loadWords(f, words, [...OPERAND_WORDS, "size", "blocks"]);
      f.forRange(start, end, 1, (item) => {
        const { c } = locateItem(f, word, f.local(item.divide(word.blocks)));
        const row = f.local(item.remainder(word.blocks).multiply(MIRROR_ROWS));
        const lower = f.local(c.add(row.multiply(word.cRow)));
        const upper = f.local(c.add(row.shiftLeft(2)));
        f.if(row.add(MIRROR_ROWS).lessEqual(word.size), () => {
          f.forRange(0, row, MIRROR_ROWS, () => mirrorBlock(f, word.cRow, upper, lower));
        });
        // The rest: the diagonal block, and the last rows.
        const last = f.local(row.add(MIRROR_ROWS));
        f.set(last, last.min(word.size));
        const isWhole = f.local(last.subtract(row).equal(MIRROR_ROWS));
        f.forRange(row, last, 1, (i) => {
          f.forRange(isWhole.select(row, isWhole), i, 1, (j) => {
            const from = c.add(j.multiply(word.cRow)).add(i.shiftLeft(2));
            f.store(c.add(i.multiply(word.cRow)).add(j.shiftLeft(2)), from.loadF32());
          });
        });
      });
    }),
};

/** Transposes a 4 × 4 block, and advances by four columns of the lower half. */
function mirrorBlock(
  f: FunctionBuilder,
  rowBytes: I32,
  upper: Local<I32>,
  lower: Local<I32>,
): void {
  const rows = Array.from({ length: MIRROR_ROWS }, () => {
    const four = f.local(upper.loadF32x4());
    f.set(upper, upper.add(rowBytes));
    return four;
  });
  const to = f.local(lower);
  for (let column = 0; column < MIRROR_ROWS; column++) {
    const lanes = [column, 4 + column, 0, 0] as const;
    const [a, b, c, d] = rows as [typeof rows[0], typeof rows[0], typeof rows[0], typeof rows[0]];
    f.store(to, a!.shuffle(b!, lanes).shuffle(c!.shuffle(d!, lanes), [0, 1, 4, 5]));
    f.set(to, to.add(rowBytes));
  }
  f.set(lower, lower.add(16));
}
