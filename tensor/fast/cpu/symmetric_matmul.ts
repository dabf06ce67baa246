/** Symmetric matmuls, such as X·Xᵀ: computes the upper half and mirrors it. @module */

import type { FastPath } from "../../fast_paths.ts";
import { defineKernel, defineKernels, runKernel } from "../../kernel/run.ts";
import { multiply } from "../../ops/matmul/multiply.ts";
import { type Element, elementOf } from "../../ops/matmul/plain.ts";
import type { Matrix } from "../../ops/matmul/problem.ts";
import { bfloat16Matmul } from "./blas_matmul.ts";

/** Minimum size of a strip: smaller ones save less arithmetic than they cost in speed. */
const MIN_STRIP = 48;
/** Number of strips of a large matrix; the remaining work is (1 + 1 / strips) / 2 of the whole. */
const STRIPS = 6;
/** A matrix of at most this size is faster as a whole if a library multiplies it. */
const MAX_WHOLE = 512;
/**
 * With operands of 16 bits, which AMX multiplies in a tenth of the time, mirroring takes longer than
 * the other half unless the sums are this many times as long as a row.
 */
const MIN_SUM_OF_HALVES = 4;
/** Strips are multiples of both sides of a register tile. */
const STRIP_MULTIPLE = 24;

/** Computes strips of rows, each from the diagonal on, then mirrors them. */
export const symmetricMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "symmetric",
  device: "cpu",
  gain: { factor: 1.44, of: "256×1024×256, against packed; 768×768×768 with a BLAS 1.20" },
  refuses: (problem, device) => {
    const { symmetric, m, k, a } = problem;
    if (!symmetric) return "the result is not known to be symmetric";
    if (k === 0) return "the sums are empty";
    if (m <= (device.hasBlas ? MAX_WHOLE : MIN_STRIP)) return "the matrix is small";
    if (a.dtype === "float32") return null;
    // Each strip would widen its operands again.
    if (bfloat16Matmul.refuses(problem, device) !== null) return "no library multiplies it";
    return k < MIN_SUM_OF_HALVES * m ? "mirroring takes longer than the other half" : null;
  },
  run: (problem, device) => {
    const { m: size, outer, inner, a, b, c } = problem;
    const even = Math.ceil(size / STRIPS / STRIP_MULTIPLE) * STRIP_MULTIPLE;
    const strip = Math.max(MIN_STRIP, even);
    const moved = (matrix: Matrix, elements: number) => ({
      ...matrix,
      offset: matrix.offset + elements,
    });
    for (let first = 0; first < size; first += strip) {
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
    const words = [size, inner, c.row, c.outer, c.inner];
    const kernel = mirrorKernel(elementOf(c.dtype));
    runKernel(device, kernel, [c], words, outer * inner * size, { grain: 64 });
  },
};

/** Work items are rows of the lower half. */
const mirrorKernel = defineKernels((stored: Element) =>
  defineKernel(
    {
      key: `matmul mirror ${stored}`,
      buffers: { c: stored },
      writes: ["c"],
      arguments: ["size", "inner", "row", "outerStride", "innerStride"],
    },
    (k, item, { c }, { size, inner, row, outerStride, innerStride }) => {
      const [i, batchItem] = [k.let(item.remainder(size)), k.let(item.divide(size))];
      const matrix = c.from(
        batchItem.divide(inner).multiply(outerStride).add(
          batchItem.remainder(inner).multiply(innerStride),
        ),
      );
      const [lower, upper] = [matrix.from(i.multiply(row)), matrix.from(i)];
      k.loop(0, i, (j) => lower.store(j, upper.load(j.multiply(row))), { unroll: 4 });
    },
  )
);
