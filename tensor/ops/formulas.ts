/**
 * Formulas that several programs contain. They stand apart from the operations, so that a module that is
 * loaded before those can have them.
 *
 * @module
 */

import * as ex from "../expression/expression.ts";
import type { Expression } from "../expression/expression.ts";

/** x where it is positive, else 0. That "not positive" is asked for lets NaN stay NaN. */
export function reluOf(x: Expression): Expression {
  return ex.select(ex.lessEqual(x, 0), 0, x);
}
