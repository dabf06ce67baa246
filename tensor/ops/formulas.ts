/**
 * Formulas shared by several programs. They are separate from the operations so that modules loaded
 * before those can import them.
 *
 * @module
 */

import * as ex from "../expression/expression.ts";
import type { Expression } from "../expression/expression.ts";

/** ReLU: x where positive, else 0. Testing for "not positive" keeps NaN. */
export function reluOf(x: Expression): Expression {
  return ex.select(ex.lessEqual(x, 0), 0, x);
}
