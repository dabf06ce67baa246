import { assertEquals } from "@std/assert";
import * as ex from "../formula/expression.ts";
import { defineProgram, isAlongRow } from "../formula/program.ts";
import type { TensorLayout } from "../layout.ts";
import { classOf, collapseAxes, findRow } from "./programs.ts";

const double = defineProgram({ name: "double", inputs: ["x"] }, ({ x }) => [ex.multiply(x, 2)]);
const scale = defineProgram(
  { name: "scale", inputs: ["x", "by"], perRow: ["by"] },
  ({ x, by }) => [ex.multiply(x, by), ex.rowSum(x)],
);

const layout = (shape: readonly number[], strides: readonly number[]): TensorLayout => ({
  dtype: "float32",
  shape,
  strides,
});
const contiguous = layout([2, 3, 4], [12, 4, 1]);

Deno.test("axes that lie behind each other in all operands become one", () => {
  assertEquals(collapseAxes(double, [contiguous, contiguous]), [{ length: 24, strides: [1, 1] }]);
  const sliced = layout([2, 3, 4], [24, 8, 1]);
  assertEquals(collapseAxes(double, [sliced, contiguous]), [
    { length: 4, strides: [1, 1] },
    { length: 6, strides: [8, 4] },
  ]);
  const broadcast = layout([2, 3, 4], [0, 0, 1]);
  assertEquals(collapseAxes(double, [broadcast, contiguous]), [
    { length: 4, strides: [1, 1] },
    { length: 6, strides: [0, 4] },
  ]);
});

Deno.test("axes of length 1 are dropped, and a scalar has none", () => {
  const x = layout([1, 5, 1], [7, 1, 9]);
  assertEquals(collapseAxes(double, [x, x]), [{ length: 5, strides: [1, 1] }]);
  assertEquals(collapseAxes(double, [layout([], []), layout([], [])]), []);
});

Deno.test("axes are sorted by the strides of the first output", () => {
  const transposed = layout([3, 4], [1, 3]);
  assertEquals(collapseAxes(double, [transposed, transposed]), [{ length: 12, strides: [1, 1] }]);
  assertEquals(collapseAxes(double, [layout([3, 4], [4, 1]), transposed]), [
    { length: 3, strides: [4, 1] },
    { length: 4, strides: [1, 3] },
  ]);
});

Deno.test("the row is left out, and its length comes from an operand along it", () => {
  const perRow = layout([2, 3, 1], [3, 1, 1]);
  const operands = [contiguous, perRow, contiguous, perRow];
  assertEquals(collapseAxes(scale, operands), [{ length: 6, strides: [4, 1, 4, 1] }]);
  assertEquals(operands.map((_, k) => isAlongRow(scale, k)), [true, false, true, false]);
  assertEquals(findRow(scale, operands), { length: 4, strides: [1, 0, 1, 0] });
  assertEquals(findRow(double, [contiguous, contiguous]), { length: 1, strides: [0, 0] });
});

Deno.test("strides of 0 and 1 are known to the code, others are not", () => {
  assertEquals([0, 1, 2, -1].map(classOf), ["0", "1", "n", "n"]);
});
