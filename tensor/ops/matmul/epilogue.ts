/** Epilogues of a matmul, where its kernel does not fuse them, and their gradient. @module */

import type { CpuDevice, View } from "../../device.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram, type Program } from "../../expression/program.ts";
import type { Tensor } from "../../tensor.ts";
import { relu, reluOf, reluSquared } from "../elementwise.ts";
import type { Epilogue, MatmulActivation } from "./problem.ts";
import { runProgram, runProgramOn } from "../program.ts";

export interface ActivationForms {
  readonly program: Program;
  readonly operation: (x: Tensor) => Tensor;
  /**
   * The gradient of the input, from the output `y` and its gradient `upstream`, so that the input
   * need not be kept.
   */
  readonly gradient: Program;
}

export const ACTIVATION_FORMS: Readonly<
  Record<Exclude<MatmulActivation, "none">, ActivationForms>
> = {
  relu: {
    program: defineProgram({ name: "relu in place", inputs: ["x"] }, ({ x }) => [reluOf(x)]),
    operation: (x) => relu(x),
    gradient: defineProgram(
      { name: "relu gradient", inputs: ["y", "upstream"] },
      ({ y, upstream }) => [ex.select(ex.lessEqual(y, 0), 0, upstream)],
    ),
  },
  // With y = relu(x)², it is 2 relu(x) = 2 √y.
  reluSquared: {
    program: defineProgram(
      { name: "reluSquared in place", inputs: ["x"] },
      ({ x }) => [ex.square(reluOf(x))],
    ),
    operation: (x) => reluSquared(x),
    gradient: defineProgram(
      { name: "reluSquared gradient", inputs: ["y", "upstream"] },
      ({ y, upstream }) => [ex.multiply(ex.multiply(2, ex.sqrt(y)), upstream)],
    ),
  },
};

export function gradientBefore(
  activation: MatmulActivation,
  output: () => Tensor,
  upstream: Tensor,
): Tensor {
  if (activation === "none") return upstream;
  return runProgram(ACTIVATION_FORMS[activation].gradient, [output(), upstream])[0]!;
}

const addendPrograms: readonly Program[] = [
  defineProgram({ name: "begin with an addend", inputs: ["a"] }, ({ a }) => [a]),
  defineProgram({ name: "begin with addends", inputs: ["a", "b"] }, ({ a, b }) => [ex.add(a, b)]),
];

/**
 * Computes a matmul with its epilogue into `c` on the CPU: stores the addends first and accumulates
 * the matmul into them, which costs no more than overwriting.
 */
export function runEpilogueOnCpu(
  device: CpuDevice,
  { addends, activation }: Epilogue<View>,
  c: View,
  multiply: (accumulate: boolean) => void,
): void {
  if (addends.length > 0) runProgramOn(device, addendPrograms[addends.length - 1]!, addends, [c]);
  multiply(addends.length > 0);
  if (activation !== "none") runProgramOn(device, ACTIVATION_FORMS[activation].program, [c], [c]);
}
