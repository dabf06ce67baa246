/**
 * Runs the tests against golden data, and prints how far from it each device is.
 *
 *     deno test -A --lock=deno.lock chat/testing/golden_table.ts
 *
 * Deviations are absolute for losses of one token, and otherwise relative to the largest magnitude. What
 * is not in the table (tokens, masks, orders, texts) is compared exactly.
 *
 * @module
 */

import "../core/core_test.ts";
import "../evaluate/evaluate_test.ts";
import "../random/random_test.ts";
import "../rl/policy_gradient_test.ts";
import "../sft/golden_test.ts";
import "../../gpt/generate/calculator_test.ts";
import "../../gpt/generate/row_state_test.ts";
import { goldenTest } from "../../testing/golden.ts";
import { deviations } from "./deviations.ts";

goldenTest("the table of deviations", () => {
  for (const [quantity, byDevice] of deviations) {
    const cells = Array.from(byDevice, ([kind, value]) => `${kind} ${value.toExponential(1)}`);
    console.log(`${quantity}: ${cells.join(", ")}`);
  }
  if (deviations.size === 0) throw new Error("no test has noted a deviation");
});
