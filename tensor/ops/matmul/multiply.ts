/** Runs a matmul on views: in parts that the device can bind, each by a fast path or plainly. @module */

import type { Device, View } from "../../device.ts";
import { runFastest } from "../../fast_paths.ts";
import { matmulsInRanges } from "./split.ts";
import { plainMatmul } from "./plain.ts";
import { describeMatmuls, type MatmulOptions, type MatmulProblem } from "./problem.ts";

/**
 * Computes `c = op(a) · op(b)` in float32, or adds it to `c`, [..., m, n] with a last stride of 1.
 * One of the last two strides of a and b is 1; batch axes broadcast to those of c. No operand may be
 * in the allocation of c. The order of additions does not depend on the number of threads, except with a
 * BLAS.
 */
export function multiplyViews(
  device: Device,
  a: View,
  b: View,
  c: View,
  options: MatmulOptions,
): void {
  for (const problem of describeMatmuls(a, b, c, options)) {
    for (const part of matmulsInRanges(device, problem)) multiply(device, part);
  }
}

/** Computes a matmul whose operands fit a binding each. */
export function multiply(device: Device, problem: MatmulProblem): void {
  if (problem.skipZeros) return plainMatmul(device, problem);
  runFastest("matmul", problem, device, () => plainMatmul(device, problem));
}
