/**
 * Fusions: pairs of operations that become one kernel if the first is deferred. Optional: without
 * this file every operation runs by itself.
 *
 * The savings below are for a training step of nanochat's model with 4 layers of width 256 and a
 * vocabulary of 4,096, on 4 × 256 tokens: 402 dispatches on WebGPU and 203 MiB without any fusion,
 * 373 dispatches and 162 MiB with all.
 *
 * @module
 */

import { recordOperation } from "../apply.ts";
import {
  applyLater,
  deferredInputs,
  deferredOperation,
  type Rewrite,
  rewrites,
} from "../deferred.ts";
import * as ex from "../expression/expression.ts";
import { defineProgram } from "../expression/program.ts";
import { noGrad } from "../grad_mode.ts";
import { arithmetic, reluSquaredProgram, softcapProgram } from "../ops/elementwise.ts";
import { linearOperation, matmul } from "../ops/matmul/matmul.ts";
import { operationOf, runProgram } from "../ops/program.ts";
import { rotaryOperation } from "../ops/rotary.ts";
import { rotaryNorm } from "../ops/rotary_norm.ts";
import { rmsNormProgram } from "../ops/rows.ts";
import type { Tensor } from "../tensor.ts";

/** The factors of a product that is not computed yet. */
function factorsOf(x: Tensor): readonly Tensor[] | null {
  return deferredInputs(x, operationOf(arithmetic.multiply));
}

/** Fuses a sum or difference with the products on its left, its right or both sides. */
function fuseProducts(name: "add" | "subtract", combine: typeof ex.add): Rewrite {
  const options = { name: `${name} products`, inputs: ["a", "b", "c"] } as const;
  const left = defineProgram(options, ({ a, b, c }) => [combine(ex.multiply(a, b), c)]);
  const right = defineProgram(options, ({ a, b, c }) => [combine(a, ex.multiply(b, c))]);
  const both = defineProgram(
    { ...options, inputs: ["a", "b", "c", "d"] },
    ({ a, b, c, d }) => [combine(ex.multiply(a, b), ex.multiply(c, d))],
  );
  return ([x, y]) => {
    const [first, second] = [factorsOf(x!), factorsOf(y!)];
    if (first === null && second === null) return null;
    const program = second === null ? left : first === null ? right : both;
    const operands = [...first ?? [x!], ...second ?? [y!]];
    const result = noGrad(() => runProgram(program, operands))[0]!;
    recordOperation(operationOf(arithmetic[name]), [x!, y!], [result], []);
    return result;
  };
}

/** Computes ReLU² in place of the linear layer before it: only the result is kept for backward. */
const reluSquaredLinear: Rewrite = ([x]) => {
  const layer = deferredInputs(x!, linearOperation);
  if (layer === null) return null;
  return matmul(layer[0]!, layer[1]!, { transposeB: true, activation: "reluSquared" });
};

const normAfterRotary: Rewrite = ([x], [epsilon, scale]) => {
  const [rows, cos, sin] = deferredInputs(x!, rotaryOperation) ?? [];
  if (rows === undefined) return null;
  return rotaryNorm(rows, cos!, sin!, { epsilon: epsilon!, scale: scale! });
};

const softcapLater: Rewrite = ([x], scalars) =>
  deferredOperation(x!) && applyLater(operationOf(softcapProgram), [x!], scalars);

rewrites
  // Saves 11 dispatches, and 9 MiB of intermediate results.
  .set(arithmetic.add, fuseProducts("add", ex.add))
  .set(arithmetic.subtract, fuseProducts("subtract", ex.subtract))
  // Saves 16 MiB of inputs of the activation, which backward would need.
  .set(reluSquaredProgram, reluSquaredLinear)
  // Saves 25 MiB, and three times the logits in general, because the loss needs only a chunk of
  // rows at a time. See `crossEntropy`.
  .set(softcapProgram, softcapLater)
  // Saves 16 dispatches.
  .set(rmsNormProgram, normAfterRotary);
