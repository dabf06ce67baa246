/** Matmul with operands that exceed a binding. @module */

import type { Device } from "../../device.ts";
import { bindingOf, fitsOneBinding, halfOf } from "../../devices/webgpu/binding_ranges.ts";
import { mapAddends, type MatmulProblem, type Matrix, withoutEpilogue } from "./problem.ts";

/** The sizes along which a matmul can be cut. */
type Side = "m" | "n" | "k" | "outer" | "inner";

/**
 * Cuts a matmul into parts whose operands fit a binding: fewer rows or columns, or a part of each
 * sum, which is added to the part before.
 *
 * @returns The parts, in execution order.
 */
export function matmulsInRanges(
  device: Device,
  problem: MatmulProblem,
): readonly MatmulProblem[] {
  const { a, b, c, epilogue } = problem;
  const fits = ({ allocation }: Matrix) => fitsOneBinding(device, allocation);
  if (fits(a) && fits(b) && fits(c) && (epilogue?.addends.every(fits) ?? true)) return [problem];
  const seen = seenProblem(device, problem);
  if (typeof seen !== "string") return [seen];
  const half = halfOf(problem[seen]);
  // If sums are cut, only the last part completes them for the epilogue.
  const begun = seen === "k" ? withoutEpilogue(problem) : problem;
  const [first, second] = [part(begun, seen, 0, half), part(problem, seen, half, problem[seen])];
  const accumulate = problem.accumulate || seen === "k";
  return [
    ...matmulsInRanges(device, first),
    ...matmulsInRanges(device, { ...second, accumulate }),
  ];
}

/** The matmul with operands bound by ranges, or the side to cut along. */
function seenProblem(device: Device, problem: MatmulProblem): MatmulProblem | Side {
  const { outer, inner, a, b, c, epilogue } = problem;
  const addends = epilogue?.addends ?? [];
  const operands: readonly (readonly [Matrix, byRow: "m" | "k", byColumn: "k" | "n"])[] = [
    ...[c, ...addends].map((matrix) => [matrix, "m", "n"] as const),
    [a, "m", "k"],
    [b, "k", "n"],
  ];
  const seen: Matrix[] = [];
  for (const [matrix, byRow, byColumn] of operands) {
    const [rows, columns] = [problem[byRow], problem[byColumn]];
    const reach = (rows - 1) * matrix.row + (columns - 1) * matrix.column +
      (outer - 1) * matrix.outer + (inner - 1) * matrix.inner;
    const range = { first: matrix.offset, last: matrix.offset + reach };
    const binding = bindingOf(device, matrix.allocation, matrix.dtype, range);
    if (binding === null) {
      if (outer > 1) return "outer";
      if (inner > 1) return "inner";
      return rows > 1 && (matrix.row >= matrix.column || columns === 1) ? byRow : byColumn;
    }
    seen.push({
      ...matrix,
      allocation: binding.allocation,
      offset: matrix.offset - binding.start,
    });
  }
  const seenAddends = seen.slice(1, -2);
  return {
    ...{ ...problem, c: seen[0]!, a: seen.at(-2)!, b: seen.at(-1)! },
    ...mapAddends(problem, (_, i) => seenAddends[i]!),
  };
}

function part(problem: MatmulProblem, side: Side, start: number, end: number): MatmulProblem {
  const { a, b, c } = problem;
  const moved = (matrix: Matrix, stride: number): Matrix => ({
    ...matrix,
    offset: matrix.offset + start * stride,
  });
  const addends = (stride: "row" | "column" | "outer" | "inner") =>
    mapAddends(problem, (addend) => moved(addend, addend[stride]));
  const all = (axis: "outer" | "inner") => ({
    ...{ a: moved(a, a[axis]), b: moved(b, b[axis]), c: moved(c, c[axis]) },
    ...addends(axis),
  });
  const matrices = {
    m: () => ({ a: moved(a, a.row), c: moved(c, c.row), ...addends("row") }),
    n: () => ({ b: moved(b, b.column), c: moved(c, c.column), ...addends("column") }),
    k: () => ({ a: moved(a, a.column), b: moved(b, b.row) }),
    outer: () => all("outer"),
    inner: () => all("inner"),
  };
  // Only the whole of a symmetric matmul is symmetric.
  return { ...problem, ...matrices[side](), symmetric: false, [side]: end - start };
}
