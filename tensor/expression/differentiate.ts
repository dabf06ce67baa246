/** Automatic differentiation of programs: the derivative is another program. @module */

import * as ex from "./expression.ts";
import { type Expression, inOrder } from "./expression.ts";
import { floatInput, makeProgram, type Program } from "./program.ts";

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
  const upstreams = program.outputVaries.map((varies, i) =>
    ex.input(program.inputs.length + i, !varies)
  );
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
    contribute(program.outputs[0]!, ex.input(i), ex.multiply(upstreams[0]!, slope))
  );
  const formulas = program.slopes === null ? program.outputs : [];
  formulas.forEach((output, i) => contribute(output, output, upstreams[i]!));
  for (const e of inOrder(formulas).toReversed()) {
    const adjoint = adjoints.get(e);
    if (adjoint === undefined) continue;
    propagate(e, adjoint, (to, gradient) => contribute(e, to, gradient));
  }
  const outputs = program.inputs.flatMap(({ isPerRow }, i) => {
    if (!wanted[i]) return [];
    const gradient = adjoints.get(ex.input(i, isPerRow)) ?? ex.constant(0);
    return [program.isRow && !isPerRow ? ex.broadcast(gradient) : gradient];
  });
  const upstreamInputs = program.outputVaries.map((is, i) => floatInput(`upstream${i}`, !is));
  return makeProgram({
    ...program,
    name: `${program.name} gradient`,
    inputs: [...program.inputs, ...upstreamInputs],
    ...{ outputs, overIntegers: false, slopes: null },
  });
}

function propagate(
  e: Expression,
  adjoint: Expression,
  contribute: (to: Expression, gradient: Expression) => void,
): void {
  switch (e.kind) {
    case "unary":
      return contributeUnary(e, adjoint, contribute);
    case "binary":
      return contributeBinary(e, adjoint, contribute);
    case "select":
      contribute(e.a, ex.select(e.condition, adjoint, 0));
      contribute(e.b, ex.select(e.condition, 0, adjoint));
      return;
    case "broadcast":
      return contribute(e.a, adjoint);
    case "reduce": {
      if (e.operation === "sum") return contribute(e.a, adjoint);
      const isExtreme = ex.equal(e.a, e);
      contribute(e.a, ex.multiply(isExtreme, ex.divide(adjoint, ex.rowSum(isExtreme))));
      return;
    }
  }
}

function contributeUnary(
  e: Expression & { kind: "unary" },
  adjoint: Expression,
  contribute: (to: Expression, gradient: Expression) => void,
): void {
  const a = e.a;
  const slopes: Record<ex.UnaryOperation, () => ex.Operand> = {
    negate: () => -1,
    exp: () => e,
    log: () => ex.divide(1, a),
    tanh: () => ex.subtract(1, ex.square(e)),
    sqrt: () => ex.divide(0.5, e),
    abs: () => ex.sign(a),
    sign: () => 0,
    floor: () => 0,
    sin: () => ex.cos(a),
    cos: () => ex.negate(ex.sin(a)),
    erf: () => ex.multiply(2 / Math.sqrt(Math.PI), ex.exp(ex.negate(ex.square(a)))),
  };
  contribute(a, ex.multiply(adjoint, slopes[e.operation]()));
}

function contributeBinary(
  e: Expression & { kind: "binary" },
  adjoint: Expression,
  contribute: (to: Expression, gradient: Expression) => void,
): void {
  const { a, b } = e;
  // Where one of them is NaN, so is the result, and both get the gradient.
  const extreme = (isFirst: Expression, isSecond: Expression): [Expression, Expression] => {
    const share = ex.select(ex.equal(a, b), 0.5, 1);
    const unless = (other: Expression) => ex.multiply(adjoint, ex.select(other, 0, share));
    return [unless(isSecond), unless(isFirst)];
  };
  // Comparisons are piecewise constant.
  const constant = () => null;
  const gradients: Record<ex.BinaryOperation, () => [Expression, Expression] | null> = {
    add: () => [adjoint, adjoint],
    subtract: () => [adjoint, ex.negate(adjoint)],
    multiply: () => [ex.multiply(adjoint, b), ex.multiply(adjoint, a)],
    divide: () => {
      const share = ex.divide(adjoint, b);
      return [share, ex.negate(ex.multiply(share, e))];
    },
    max: () => extreme(ex.less(b, a), ex.less(a, b)),
    min: () => extreme(ex.less(a, b), ex.less(b, a)),
    less: constant,
    lessEqual: constant,
    equal: constant,
  };
  gradients[e.operation]()?.forEach((gradient, i) => contribute([a, b][i]!, gradient));
}
