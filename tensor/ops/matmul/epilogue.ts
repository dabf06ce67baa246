/**
 * What a matrix product goes through before it is stored, where it is not the kernel of the product that
 * does it; and the way back.
 *
 * @module
 */

import type { CpuDevice, View } from "../../device.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram, type Program } from "../../expression/program.ts";
import type { Tensor } from "../../tensor.ts";
import { relu, reluOf, reluSquared } from "../elementwise.ts";
import type { Epilogue, MatmulActivation } from "./product.ts";
import { runProgram, runProgramOn } from "../program.ts";

/** How an activation is computed, in place and as an operation, and how its gradient. */
export interface ActivationForms {
  /** The activation of `x`. */
  readonly program: Program;
  /** The activation as an operation of its own. */
  readonly operation: (x: Tensor) => Tensor;
  /**
   * The gradient of what went in, from what came out, `y`, and from the gradient of that, `upstream`: so
   * what went in need not be kept.
   */
  readonly gradient: Program;
}

/** All activations but the identity. */
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
  // With y = relu(x)² it is 2 relu(x) = 2 √y.
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

/** The gradient before an activation, given that after it, and what came out. */
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
 * Computes a product with its epilogue on the CPU: what is to be added is there first, and the product is
 * added to that, which costs a product no more than to replace it.
 *
 * @param c Where the result goes; what it holds is replaced.
 * @param multiply Computes the product into `c`, or adds it.
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
