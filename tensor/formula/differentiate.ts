/**
 * Automatic differentiation of programs: the derivative is another program, fused with the accumulation
 * that follows it.
 *
 * @module
 */

import * as ex from "./expression.ts";
import { type Expression, floatInput, inOrder, makeProgram, type Program } from "./program.ts";
import { pruneInputs } from "./rebuild.ts";

/**
 * Derives the gradient program by reverse-mode differentiation of the formulas.
 *
 * Its inputs are those of `program`, followed by the upstream gradient of each output. Its outputs
 * are the gradients of the inputs that are `wanted`, before any reduction over broadcast axes. Ties
 * in `max` and `min` share the gradient equally, between two operands as well as along a row.
 *
 * @example The derivative of x² is 2x
 * ```ts
 * import { differentiate } from "./differentiate.ts";
 * import { evaluate } from "./testing/evaluate.ts";
 * import { square } from "./expression.ts";
 * import { defineProgram } from "./program.ts";
 *
 * const program = defineProgram({ name: "square", inputs: ["x"] }, ({ x }) => [square(x)]);
 * const gradient = differentiate(program, [true]);
 * const [dx] = evaluate(gradient, 1, 1, [Float64Array.of(3), Float64Array.of(1)], []);
 * if (dx![0] !== 6) throw new Error("expected 2 · 3");
 * ```
 */
export function differentiate(program: Program, wanted: readonly boolean[]): Program {
  const gradients = gradientsOf(program);
  const outputs = program.inputs.flatMap(({ isPerRow }, i) => {
    if (!wanted[i]) return [];
    return [gradients[i] ?? (program.isRow && !isPerRow ? ex.broadcast(0) : ex.constant(0))];
  });
  const upstreamInputs = program.outputVaries.map((is, i) => floatInput(`upstream${i}`, !is));
  return makeProgram({
    ...program,
    name: `${program.name} gradient`,
    inputs: [...program.inputs, ...upstreamInputs],
    outputs,
    overIntegers: false,
    slopes: null,
  });
}

/** The upstream gradient of an output, as an input of the gradient program. */
function upstreamOf({ inputs, outputVaries }: Program, output: number): Expression {
  return ex.input(inputs.length + output, !outputVaries[output]);
}

/** The gradient of each input; `null` if none flows to it. */
function gradientsOf(program: Program): readonly (Expression | null)[] {
  const adjoints = new Map<Expression, Expression>();
  const contribute = (from: Expression, to: Expression, gradient: Expression): void => {
    // A per-row value influences every element of its row, so its gradient is a sum over the row.
    const isSummed = program.isRow && from.varies && !to.varies;
    const overRow = gradient.varies ? ex.rowSum : (a: Expression) => ex.multiply(a, ex.rowLength);
    const share = isSummed ? overRow(gradient) : gradient;
    const sum = adjoints.get(to);
    adjoints.set(to, sum === undefined ? share : ex.add(sum, share));
  };
  program.slopes?.forEach((slope, i) =>
    contribute(program.outputs[0]!, ex.input(i), ex.multiply(upstreamOf(program, 0), slope))
  );
  const formulas = program.slopes === null ? program.outputs : [];
  formulas.forEach((output, i) => contribute(output, output, upstreamOf(program, i)));
  for (const e of inOrder(formulas).toReversed()) {
    const adjoint = adjoints.get(e);
    if (adjoint === undefined) continue;
    for (const [to, gradient] of contributions(e, adjoint)) contribute(e, to, gradient);
  }
  return program.inputs.map(({ isPerRow }, i) => {
    const gradient = adjoints.get(ex.input(i, isPerRow)) ?? null;
    return gradient !== null && program.isRow && !isPerRow ? ex.broadcast(gradient) : gradient;
  });
}

/** The terms that a node adds to the gradients of its operands. */
function contributions(e: Expression, adjoint: Expression): readonly [Expression, Expression][] {
  switch (e.kind) {
    case "unary":
      return [[e.a, ex.multiply(adjoint, slopes[e.operation](e.a, e))]];
    case "binary": {
      const both = partials[e.operation](adjoint, e.a, e.b, e);
      return both.length === 0 ? [] : [[e.a, both[0]], [e.b, both[1]]];
    }
    case "select":
      return [
        [e.a, ex.select(e.condition, adjoint, 0)],
        [e.b, ex.select(e.condition, 0, adjoint)],
      ];
    case "broadcast":
      return [[e.a, adjoint]];
    case "reduce": {
      if (e.operation === "sum") return [[e.a, adjoint]];
      // Where an element is NaN, so is the extreme.
      const isExtreme = ex.select(ex.equal(e.a, e.a), ex.equal(e.a, e), 1);
      return [[e.a, ex.select(isExtreme, ex.divide(adjoint, ex.rowSum(isExtreme)), 0)]];
    }
    default:
      return [];
  }
}

/** The derivative of each unary operation at `a`, where its value is `y`. */
const slopes: Readonly<Record<ex.UnaryOperation, (a: Expression, y: Expression) => ex.Operand>> = {
  negate: () => -1,
  exp: (_, y) => y,
  log: (a) => ex.divide(1, a),
  tanh: (_, y) => ex.subtract(1, ex.square(y)),
  sqrt: (_, y) => ex.divide(0.5, y),
  abs: (a) => ex.sign(a),
  sign: () => 0,
  floor: () => 0,
  sin: (a) => ex.cos(a),
  cos: (a) => ex.negate(ex.sin(a)),
  erf: (a) => ex.multiply(2 / Math.sqrt(Math.PI), ex.exp(ex.negate(ex.square(a)))),
};

/** The gradients of the operands of a binary operation, whose own gradient is `dy`. */
type Partials = (
  dy: Expression,
  a: Expression,
  b: Expression,
  y: Expression,
) => readonly [Expression, Expression] | readonly [];

/** Where one of two operands is NaN, so is the extreme, and both get the gradient. */
const extreme = (isBelow: typeof ex.less): Partials => (dy, a, b) => {
  const share = ex.select(ex.equal(a, b), 0.5, 1);
  const unless = (other: Expression) => ex.select(other, 0, ex.multiply(dy, share));
  return [unless(isBelow(a, b)), unless(isBelow(b, a))];
};

/** Comparisons are piecewise constant. */
const none: Partials = () => [];

const partials: Readonly<Record<ex.BinaryOperation, Partials>> = {
  add: (dy) => [dy, dy],
  subtract: (dy) => [dy, ex.negate(dy)],
  multiply: (dy, a, b) => [ex.multiply(dy, b), ex.multiply(dy, a)],
  divide: (dy, _, b, y) => {
    const share = ex.divide(dy, b);
    return [share, ex.negate(ex.multiply(share, y))];
  },
  max: extreme(ex.less),
  min: extreme((a, b) => ex.less(b, a)),
  less: none,
  lessEqual: none,
  equal: none,
};

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
 * import { gradientProgram } from "./differentiate.ts";
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
 * How the gradient of the first output gets to an input: not at all, if the input only decides, in
 * comparisons and conditions, where a gradient of zeros would become NaN if what was compared has an
 * infinite slope; unchanged; or by a formula.
 */
export type GradientFlow = "none" | "unchanged" | "formula";

/** How the gradient gets to each input. */
export function gradientFlows(program: Program): readonly GradientFlow[] {
  const upstream = upstreamOf(program, 0);
  return gradientsOf(program).map((gradient, i) => {
    if (gradient === null) return "none";
    const { isPerRow, isInteger } = program.inputs[i]!;
    return gradient === upstream && !isPerRow && !isInteger ? "unchanged" : "formula";
  });
}
