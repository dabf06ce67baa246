/** What is added to a matmul, and its activations and their gradients. @module */

import * as ex from "../../expression/expression.ts";
import { copyProgram, defineProgram, type Program } from "../../expression/program.ts";
import type { Tensor } from "../../tensor.ts";
import { arithmetic, reluOf, reluSquaredProgram } from "../elementwise.ts";
import { runProgram } from "../program.ts";

/** An activation function that follows a matmul in place. */
export type MatmulActivation = "none" | "relu" | "reluSquared";

/** Where a result begins, from one or two addends: the product is added to it. */
export const BEGINNINGS: readonly [Program, Program] = [copyProgram, arithmetic.add];

interface ActivationForms {
  readonly program: Program;
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
    gradient: defineProgram(
      { name: "relu gradient", inputs: ["y", "upstream"] },
      ({ y, upstream }) => [ex.select(ex.lessEqual(y, 0), 0, upstream)],
    ),
  },
  // With y = relu(x)², it is 2 relu(x) = 2 √y.
  reluSquared: {
    program: reluSquaredProgram,
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
