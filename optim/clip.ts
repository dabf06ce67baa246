/** Gradient clipping by global norm. @module */

import { wrongValue } from "../tensor/errors.ts";
import {
  concat,
  defineProgram,
  expression as ex,
  noGrad,
  runProgram,
  runProgramInto,
  type Tensor,
} from "../tensor/mod.ts";
import { sumOfSquares } from "./formulas.ts";
import { checkParameters, type Parameters } from "./parameters.ts";

const clipProgram = /* @__PURE__ */ defineProgram(
  { name: "clip", inputs: ["gradient", "norm"], scalars: ["maxNorm"] },
  ({ gradient, norm, maxNorm }) => [
    ex.multiply(gradient, ex.min(1, ex.divide(maxNorm, ex.add(norm, 1e-6)))),
  ],
);

/**
 * Scales all gradients down in place if their global norm exceeds a limit; the direction of the
 * step is kept. Nothing is read back, so nothing waits. Source: Pascanu et al., "On the difficulty
 * of training recurrent neural networks" (2012), with the 1e-6 of PyTorch's `clip_grad_norm_`.
 *
 * @returns The norm before clipping, a scalar in float32: the root of the sum of all squares.
 * @throws {RangeError} If the limit is not above 0, or no parameter has a gradient.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { clipGradientNorm } from "./clip.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [3, 4], { requiresGrad: true });
 * x.square().sum().mul(0.5).backward();
 * const norm = clipGradientNorm([x], 1);
 * if (await norm.item() !== 5) throw new Error("expected the root of 9 + 16");
 * const [a, b] = await x.grad!.data();
 * if (Math.abs(a! - 0.6) > 1e-5 || Math.abs(b! - 0.8) > 1e-5) throw new Error(`got ${a}, ${b}`);
 * await device.close();
 * ```
 */
export function clipGradientNorm(parameters: Parameters, maxNorm: number): Tensor {
  checkParameters("clip gradients", parameters);
  if (!(maxNorm > 0)) {
    throw wrongValue("clip gradients", "a norm above 0", maxNorm);
  }
  const gradients = [...parameters.values()].flatMap(({ grad }) => grad === null ? [] : [grad]);
  if (gradients.length === 0) {
    throw wrongValue("clip gradients", "gradients", "none. Run backward first.");
  }
  return noGrad(() => {
    const norm = gradientNorm(gradients);
    for (const gradient of gradients) {
      runProgramInto(clipProgram, [gradient, norm], [gradient], [maxNorm]);
    }
    return norm;
  });
}

function gradientNorm(gradients: readonly Tensor[]): Tensor {
  using scope = gradients[0]!.device.scope();
  const sums = gradients.map((gradient) => {
    const rows = gradient.reshape(gradient.shape.length === 0 ? [1] : gradient.shape);
    // The square of a float16 number may exceed what float16 holds.
    return runProgram(sumOfSquares, [rows], [], "float32").sum().reshape([1]);
  });
  return scope.keep(concat(sums).sum().sqrt());
}
