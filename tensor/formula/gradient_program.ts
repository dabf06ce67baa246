/** Gradient programs, fused with the accumulation that follows them. @module */

import { differentiate } from "./differentiate.ts";
import * as ex from "./expression.ts";
import type { Expression } from "./expression.ts";
import { floatInput, makeProgram, type Program } from "./program.ts";
import { pruneInputs } from "./rebuild.ts";

/** An input's gradient: none, a value, added to an existing sum, or summed over each row. */
export type GradientForm = "none" | "value" | "added" | "rowSum";

export interface GradientProgram {
  /** Has one output per input whose form is not `none`. */
  readonly program: Program;
  /**
   * Indices of the operands: the inputs of the program, the upstream gradient, then for each input
   * the sum to add to.
   */
  readonly used: readonly number[];
}

/**
 * Derives the gradient program, fused with accumulation and with the reduction over rows along
 * which an input was broadcast, so that neither needs a kernel of its own. `program` has one
 * output; `rowSum` requires an elementwise one.
 *
 * @example The gradient of x · w for w, where w is constant along each row
 * ```ts
 * import { evaluate } from "./testing/evaluate.ts";
 * import { multiply } from "./expression.ts";
 * import { gradientProgram } from "./gradient_program.ts";
 * import { defineProgram } from "./program.ts";
 *
 * const scale = defineProgram({ name: "scale", inputs: ["x", "w"] }, ({ x, w }) => [multiply(x, w)]);
 * const { program, used } = gradientProgram(scale, ["none", "rowSum"]);
 * if (used.join() !== "0,2") throw new Error("expected x and the gradient of the output");
 * const [x, upstream] = [Float64Array.of(1, 2), Float64Array.of(10, 10)];
 * const [dw] = evaluate(program, 1, 2, [x, upstream], []);
 * if (dw![0] !== 30) throw new Error("expected 10 · 1 + 10 · 2");
 * ```
 */
export function gradientProgram(
  program: Program,
  forms: readonly GradientForm[],
): GradientProgram {
  const gradient = differentiate(program, forms.map((form) => form !== "none"));
  const isRow = gradient.isRow || forms.includes("rowSum");
  const firstSum = gradient.inputs.length;
  const shaped = forms.flatMap((form, i) => form === "none" ? [] : [{ form, i }]);
  const outputs = gradient.outputs.map((output, place) => {
    const { form, i } = shaped[place]!;
    if (form === "rowSum") return ex.rowSum(output);
    const value = isRow && !program.inputs[i]!.isPerRow ? ex.broadcast(output) : output;
    return form === "added" ? ex.add(ex.input(firstSum + i), value) : value;
  });
  const sums = program.inputs.map(({ name }) => floatInput(`sum of ${name}`));
  return pruneInputs(
    makeProgram({ ...gradient, inputs: [...gradient.inputs, ...sums], outputs, isRow }),
    firstSum,
  );
}

/**
 * For each input, whether a gradient flows to it: not if it only decides, in comparisons and conditions.
 * A gradient of zeros would become NaN where what was compared has an infinite slope.
 */
export function hasGradient(program: Program): readonly boolean[] {
  const reached = new Set<Expression>();
  const reach = (e: Expression): void => {
    if (reached.has(e)) return;
    reached.add(e);
    const decides = e.kind === "binary" && ["less", "lessEqual", "equal"].includes(e.operation);
    if (e.kind === "select") [e.a, e.b].forEach(reach);
    else if (!decides && e.kind !== "detach") ex.operandsOf(e).forEach(reach);
  };
  if (program.slopes === null) program.outputs.forEach(reach);
  return program.inputs.map(({ isPerRow }, i) =>
    program.slopes !== null || reached.has(ex.input(i, isPerRow))
  );
}

/** For each input, whether its gradient is the upstream gradient, unchanged. */
export function passesThrough(program: Program): readonly boolean[] {
  const output = ex.input(program.inputs.length, !program.outputVaries[0]);
  const wanted = program.inputs.map(({ isInteger }) => !isInteger);
  const gradients = differentiate(program, wanted).outputs.values();
  return wanted.map((is, i) =>
    is && gradients.next().value === output && !program.inputs[i]!.isPerRow
  );
}
