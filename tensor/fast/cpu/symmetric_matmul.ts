/** Symmetric matmuls, such as X·Xᵀ: computes the upper half and mirrors it. @module */

import type { FastPath } from "../../fast_paths.ts";
import { defineKernel, defineKernels, runKernel } from "../../kernel/run.ts";
import { multiply } from "../../ops/matmul/multiply.ts";
import { type Element, elementOf } from "../../ops/matmul/plain.ts";
import { bfloat16Matmul } from "./blas_matmul.ts";

/**
 * Columns of a strip: narrower ones save more arithmetic, and multiply more slowly. Rows would do as
 * well, but libraries rearrange their second operand at each call, and that of columns is small.
 */
const STRIP = 64;
/** Rows that are mirrored together. */
const MIRROR_ROWS = 8;
/** With operands of 16 bits, AMX multiplies so many times as fast as BLAS in single precision. */
const AMX_SPEED = 4;
/** With AMX, mirroring takes longer than the other half unless sums are so many times as long as rows. */
const AMX_SUMS = 4;

/** Computes strips of columns, each down to the diagonal, then mirrors them. */
export const symmetricMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "symmetric",
  device: "cpu",
  gain: { factor: 1.44, of: "256×1024×256, against packed; 768×768×768 with a BLAS 1.48" },
  refuses: (problem, device) => {
    const { symmetric, m, k, a } = problem;
    if (!symmetric) return "the result is not known to be symmetric";
    if (m < 2 * STRIP) return "the matrix is small";
    if (a.dtype === "float32") return null;
    // Each strip would widen its operands again.
    if (bfloat16Matmul.refuses(problem, device) !== null) return "no library multiplies it";
    return device.bfloat16Speed >= AMX_SPEED && k < AMX_SUMS * m
      ? "mirroring takes longer than the other half"
      : null;
  },
  run: (problem, device) => {
    const { m: size, outer, inner, b, c } = problem;
    for (let first = 0; first < size; first += STRIP) {
      const width = Math.min(STRIP, size - first);
      multiply(device, {
        ...problem,
        symmetric: false,
        m: first + width,
        n: width,
        b: { ...b, offset: b.offset + first * b.column },
        c: { ...c, offset: c.offset + first * c.column },
      });
    }
    const groups = Math.ceil(size / MIRROR_ROWS);
    const words = [size, groups, inner, c.row, c.outer, c.inner];
    const kernel = mirrorKernel(elementOf(c.dtype));
    const items = outer * inner * groups;
    runKernel(device, kernel, [c], words, items, { grain: 64 / MIRROR_ROWS });
  },
};

/**
 * Work items are groups of rows of the lower half: what they mirror lies side by side in each row of
 * the upper one.
 */
const mirrorKernel = defineKernels((stored: Element) =>
  defineKernel(
    {
      key: `matmul mirror ${stored}`,
      buffers: { c: stored },
      writes: ["c"],
      arguments: ["size", "groups", "inner", "row", "outerStride", "innerStride"],
    },
    (k, item, { c }, { size, groups, inner, row, outerStride, innerStride }) => {
      const [group, batchItem] = [item.remainder(groups), k.let(item.divide(groups))];
      const matrix = c.from(
        batchItem.divide(inner).multiply(outerStride).add(
          batchItem.remainder(inner).multiply(innerStride),
        ),
      );
      // The last group shares rows with the one before it, so that all have as many.
      const first = k.let(group.multiply(MIRROR_ROWS).min(size.subtract(MIRROR_ROWS)));
      const [upper, lower] = [matrix.from(first), matrix.from(first.multiply(row))];
      const stride = c.distance(row);
      // On the diagonal a row reads from its lower half what the rows above it have mirrored.
      k.loop(0, first.add(MIRROR_ROWS), (j) => {
        const line = upper.from(j.multiply(row));
        for (let i = 0; i < MIRROR_ROWS; i += 4) {
          lower.from(row.multiply(i).add(j)).storeVector(0, line.loadVector(i), { stride });
        }
      });
    },
  )
);
