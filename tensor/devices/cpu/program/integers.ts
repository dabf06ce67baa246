/** Code generation for formulas over 32-bit integers, which wrap around. @module */

import { Error } from "../../../errors.ts";
import type { BinaryOperation, Expression } from "../../../expression/expression.ts";
import { type F32x4, I32x4 } from "../emitter/vectors.ts";

/** `valueOf` gives the operands: integers, whose bits are held as those of floats. */
export function computeIntegers(e: Expression, valueOf: (e: Expression) => F32x4): F32x4 {
  const integers = (e: Expression) => valueOf(e).bits();
  switch (e.kind) {
    case "constant":
      return I32x4.of(e.value).asF32x4();
    case "unary":
      return I32x4.of(0).subtract(integers(e.a)).asF32x4();
    case "binary":
      return binary(e.operation, integers(e.a), integers(e.b)).asF32x4();
    case "select":
      return integers(e.condition).equal(0).select(valueOf(e.b), valueOf(e.a));
    case "broadcast":
    case "detach":
      return valueOf(e.a);
    default:
      throw new Error(`Cannot emit a formula: ${e.kind} is not known here`);
  }
}

function binary(operation: BinaryOperation, a: I32x4, b: I32x4): I32x4 {
  switch (operation) {
    case "add":
      return a.add(b);
    case "subtract":
      return a.subtract(b);
    case "multiply":
      return a.multiply(b);
    case "max":
      return a.max(b);
    case "min":
      return a.min(b);
    case "less":
      return a.less(b).and(1);
    case "lessEqual":
      return b.less(a).add(1);
    case "equal":
      return a.equal(b).and(1);
    case "divide":
      throw new Error("Cannot emit a formula: integers are not divided");
  }
}
