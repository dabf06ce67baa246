/** The derivative of a program in the form in which it is needed. @module */

import { differentiate } from "./differentiate.ts";
import * as ex from "./expression.ts";
import { makeProgram, type Program } from "./program.ts";
import { pruneInputs } from "./prune.ts";

/**
 * What becomes of the derivative with respect to one input: it is left out, written down, added to a
 * sum that is there already, or summed over each row.
 */
export type GradientForm = "none" | "value" | "added" | "rowSum";

/** A gradient program, and what it takes. */
export interface GradientProgram {
  /** It gives an output for each input whose form is not `none`. */
  readonly program: Program;
  /**
   * Which operands it takes, counted through: the inputs of the program, the derivative of the loss
   * with respect to its output, and then for each of its inputs the sum to which is added.
   */
  readonly used: readonly number[];
}

/**
 * Derives the program that computes gradients, with what is done to them next: so that adding them up
 * or summing them over the rows along which an input was repeated takes no kernel of its own.
 *
 * @param program With one output.
 * @param forms A form for each input; for a sum over rows the program must be elementwise.
 *
 * @example The derivative of x · w by w, where w is the same along each row
 * ```ts
 * import { evaluate } from "./evaluate.ts";
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
    const value = isRow && !program.perRow[i] ? ex.spread(output) : output;
    return form === "added" ? ex.add(ex.input(firstSum + i), value) : value;
  });
  return pruneInputs(makeProgram(
    gradient.name,
    [...gradient.inputs, ...program.inputs.map((name) => `sum of ${name}`)],
    [...gradient.perRow, ...program.inputs.map(() => false)],
    gradient.scalars,
    outputs,
    { integers: [...gradient.integers, ...program.inputs.map(() => false)], isRow },
  ));
}

/** For each input of a program whether its derivative is that of the output, and nothing else. */
export function passesThrough(program: Program): readonly boolean[] {
  const output = ex.input(program.inputs.length, !program.outputVaries[0]);
  const wanted = program.integers.map((isInteger) => !isInteger);
  const gradients = differentiate(program, wanted).outputs.values();
  return wanted.map((is, i) => is && gradients.next().value === output && !program.perRow[i]);
}
