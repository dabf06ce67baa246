/** Rotary position embedding followed by RMS norm, as one operation. @module */

import { applyOne, type Operation } from "../apply.ts";
import { checkOptions, type OptionNames } from "../checks.ts";
import { Error } from "../errors.ts";
import { differentiate } from "../expression/differentiate.ts";
import * as ex from "../expression/expression.ts";
import { defineProgram } from "../expression/program.ts";
import { pruneInputs } from "../expression/prune.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { runProgramOn } from "./program.ts";
import { halves, inferRotary, type RotaryInputs } from "./rotary.ts";
import { FLOAT32_EPSILON, type RmsNormOptions } from "./rows.ts";

/** The halves of a row, rotated, divided by the root mean square of both. */
const program = defineProgram(
  {
    name: "rotary norm",
    inputs: ["first", "second", "cos", "sin"],
    scalars: ["epsilon", "scale"],
  },
  ({ first, second, cos, sin, epsilon, scale }) => {
    const a = ex.add(ex.multiply(first, cos), ex.multiply(second, sin));
    const b = ex.subtract(ex.multiply(second, cos), ex.multiply(first, sin));
    const squares = ex.rowSum(ex.add(ex.square(a), ex.square(b)));
    const meanSquare = ex.divide(squares, ex.multiply(2, ex.rowLength));
    const factor = ex.divide(scale, ex.sqrt(ex.add(meanSquare, epsilon)));
    return [a, b].map((half) => ex.multiply(half, factor));
  },
);

const gradient = pruneInputs(differentiate(program, [true, true, false, false]));

const OPTIONS: OptionNames<Omit<RmsNormOptions, "weight">> = { epsilon: true, scale: true };

const rotaryNormOperation: Operation<readonly number[], RotaryInputs> = {
  name: "rotaryNorm",
  infer: (inputs) => inferRotary("rotaryNorm", inputs),
  run: (device, [x, cos, sin], [y], scalars) =>
    runProgramOn(device, program, [...halves(x), cos, sin], halves(y), scalars),
  gradient: {
    savesInputs: [0, 1, 2],
    apply: (upstream, saved, scalars, [, wantsCos, wantsSin]) => {
      if (wantsCos || wantsSin) throw new Error("Cannot differentiate rotaryNorm by its angles");
      const { device, shape, dtype } = upstream;
      const operands = [
        ...halves(saved.input(0)),
        saved.input(1),
        saved.input(2),
        ...halves(upstream),
      ];
      const used = gradient.used.map((index) => operands[index]!);
      const result = allocate(device, { shape, dtype }, "rotaryNorm gradient");
      runProgramOn(device, gradient.program, used, halves(result), scalars);
      return [result, null, null];
    },
  },
};

/**
 * Rotates rows like {@linkcode rotary}, and normalizes each like {@linkcode rmsNorm}, in one
 * kernel: QK norm.
 *
 * @param x `[..., n]` with n even, for instance `[B, T, H, D]`
 * @param cos,sin As for {@linkcode rotary}.
 * @throws {RangeError} If the last axis is odd, or the angles do not broadcast.
 *
 * @example A quarter turn, to a mean square of 4
 * ```ts
 * import { openDevice, rotaryNorm, Tensor } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [x, cos, sin] = [[[1, 1]], [[0]], [[1]]].map((rows) => Tensor.from(device, rows));
 * const y = await rotaryNorm(x!, cos, sin, { scale: 2, epsilon: 0 }).data();
 * if (y.join() !== "2,-2") throw new Error(`expected 2, -2, got ${y}`);
 * await device.close();
 * ```
 */
export function rotaryNorm(
  x: Tensor,
  cos: Tensor,
  sin: Tensor,
  options: Omit<RmsNormOptions, "weight"> = {},
): Tensor {
  checkOptions("compute rotaryNorm", options, OPTIONS);
  const { epsilon = FLOAT32_EPSILON, scale = 1 } = options;
  return applyOne(rotaryNormOperation, [x, cos, sin], [epsilon, scale]);
}
