import { assertEquals } from "@std/assert";
import * as ex from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import { lowerProgram, type ProgramForm } from "./lower.ts";
import { kernelAsText } from "./text.ts";

const form: ProgramForm = {
  vectors: "run",
  outerRank: 0,
  dtypes: ["float32", "float32", "float32"],
  strides: ["1", "1", "1"],
  isInteger: false,
  itemElements: 1,
  keepsValues: false,
};

function textOf(program: Program, changes: Partial<ProgramForm>): readonly string[] {
  const { signature, body } = lowerProgram(program, { ...form, ...changes });
  return kernelAsText({ ...signature, key: program.name }, body).split("\n");
}

const add = defineProgram({ name: "add", inputs: ["x", "y"] }, ({ x, y }) => [ex.add(x, y)]);

Deno.test("x + y is a loop over vectors of a run", () => {
  assertEquals(textOf(add, {}), [
    "add(x0: f32, x1: f32, y0: f32 out, run, x0_run, x1_run, y0_run)",
    "  for each range from item to end:",
    "    the operands begin at the item",
    "    y0[0 … +4] = x0[0 … +4] + x1[0 … +4]",
  ]);
});

Deno.test("an operand may be repeated, lie apart, or be of integers", () => {
  const strides = ["0", "n", "1"] as const;
  assertEquals(textOf(add, { strides, dtypes: ["float32", "int32", "int32"] }).slice(-2), [
    "    v1 = x0[0]",
    "    y0[0 … +4] = integer(v1 + float(x1[0 … +4 by x1_run]))",
  ]);
});

Deno.test("a softmax visits its row for the maximum, for the sum, and for the outputs", () => {
  const softmax = defineProgram({ name: "softmax", inputs: ["x"] }, ({ x }) => {
    const e = ex.exp(ex.subtract(x, ex.detach(ex.rowMax(x))));
    return [ex.divide(e, ex.rowSum(e))];
  });
  const text = (keepsValues: boolean) => textOf(softmax, { vectors: "row", keepsValues });
  assertEquals(text(false).filter((line) => line.includes("exp") || line.includes("acrossRow")), [
    "    v5 = acrossRow(v2 ? NaN : v1)",
    "        v6 = v6 + exp(x0[i12 … +4] − v5)",
    "    v15 = acrossRow(isNaN(v8) ? v7 : v7 + v8)",
    "      y0[i16 … +4] = exp(x0[i16 … +4] − v5) / v15",
  ]);
  assertEquals(text(true).at(-1), "      y0[i17 … +4] = scratch[i17 … +4] / v16");
});
