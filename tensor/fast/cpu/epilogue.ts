/** Epilogues beside the CPU's fast matmuls, which do not fuse them. @module */

import * as ex from "../../expression/expression.ts";
import { defineProgram, type Program } from "../../expression/program.ts";
import type { FastPath } from "../../fast_paths.ts";
import { ACTIVATION_FORMS } from "../../ops/matmul/epilogue.ts";
import { multiplyViews } from "../../ops/matmul/multiply.ts";
import { runProgramOn } from "../../ops/program.ts";

const sumPrograms: readonly Program[] = [
  defineProgram({ name: "begin with an addend", inputs: ["a"] }, ({ a }) => [a]),
  defineProgram({ name: "begin with addends", inputs: ["a", "b"] }, ({ a, b }) => [ex.add(a, b)]),
  defineProgram(
    { name: "add addends", inputs: ["a", "b", "c"] },
    ({ a, b, c }) => [ex.add(ex.add(a, b), c)],
  ),
];

/**
 * Stores the addends first and accumulates the matmul into them, which costs no more than
 * overwriting, and applies the activation at last.
 */
export const separateEpilogue: FastPath<"matmul with epilogue", "cpu"> = {
  operation: "matmul with epilogue",
  name: "epilogue apart",
  device: "cpu",
  gain: { factor: 1.87, of: "256×256×1024 with ReLU² and a residual, against plain" },
  suits: () => true,
  run: ({ a, b, c, options, epilogue: { addends, activation } }, device) => {
    const terms = options.accumulate ? [c, ...addends] : addends;
    if (addends.length > 0) runProgramOn(device, sumPrograms[terms.length - 1]!, terms, [c]);
    // Addends need not be symmetric.
    const symmetric = addends.length === 0 && (options.symmetric ?? false);
    multiplyViews(device, a, b, c, { ...options, symmetric, accumulate: terms.length > 0 });
    if (activation !== "none") runProgramOn(device, ACTIVATION_FORMS[activation].program, [c], [c]);
  },
};
