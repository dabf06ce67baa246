/** Rotary position embedding. @module */

import { applyOne, type Operation } from "../apply.ts";
import { checkThat } from "../checks.ts";
import { type View, viewAs } from "../device.ts";
import { Error, wrongValue } from "../errors.ts";
import * as ex from "../formula/expression.ts";
import { defineProgram } from "../formula/program.ts";
import { broadcastShapes, formatShape, shapesEqual } from "../layout.ts";
import { checkTensor, type Tensor } from "../tensor.ts";
import { runProgramOn } from "./program.ts";

const rotate = defineProgram(
  { name: "rotary", inputs: ["first", "second", "cos", "sin"] },
  ({ first, second, cos, sin }) => [
    ex.add(ex.multiply(first, cos), ex.multiply(second, sin)),
    ex.subtract(ex.multiply(second, cos), ex.multiply(first, sin)),
  ],
);

/** The two halves of the last axis. */
function halves(x: Tensor): [View, View] {
  const { strides, offset } = x;
  const half = x.shape.at(-1)! / 2;
  const shape = x.shape.with(-1, half);
  const second = offset + half * strides.at(-1)!;
  return [viewAs(x, shape, strides), viewAs(x, shape, strides, second)];
}

type RotaryInputs = readonly [x: Tensor, cos: Tensor, sin: Tensor];

/** The attribute inverts the rotation. */
const rotaryOperation: Operation<boolean, RotaryInputs> = {
  name: "rotary",
  infer: ([{ shape, dtype }, cos, sin]) => {
    const length = shape.at(-1);
    if (length === undefined || length % 2 !== 0) {
      throw wrongValue("compute rotary", "an even last axis", formatShape(shape));
    }
    const half = shape.with(-1, length / 2);
    if (!shapesEqual(broadcastShapes([half, cos.shape, sin.shape], "compute rotary"), half)) {
      const wanted = `angles that broadcast to ${formatShape(half)}`;
      throw wrongValue("compute rotary", wanted, formatShape(cos.shape));
    }
    return [{ shape, dtype }];
  },
  run: (device, [x, cos, sin], [y], isBack) => {
    // With the halves in the other order, the angle has the other sign.
    const [from, to] = [x, y].map((each) => isBack ? halves(each).reverse() : halves(each));
    runProgramOn(device, rotate, [...from!, cos, sin], to!);
  },
  gradient: {
    savesInputs: [1, 2],
    apply: (upstream, saved, isBack, [, wantsCos, wantsSin]) => {
      if (wantsCos || wantsSin) throw new Error("Cannot differentiate rotary by its angles");
      const operands = [upstream, saved.input(1), saved.input(2)] as const;
      return [applyOne(rotaryOperation, operands, !isBack), null, null];
    },
  },
};

/**
 * Rotary position embedding: rotates pairs of elements, `x[i]` with `x[i + n/2]`, by angles that
 * depend on the position; as in nanochat, by −θ. Source: Su et al., "RoFormer" (2021).
 *
 * @param x `[..., n]` with n even, for instance `[B, T, H, D]`
 * @param cos Cosines of the angles, which broadcast to `[..., n/2]`, for instance `[T, 1, D/2]`.
 * @param sin Sines of the angles.
 * @throws {RangeError} If the last axis is odd, or the angles do not broadcast.
 *
 * @example A quarter turn
 * ```ts
 * import { openDevice, rotary, Tensor } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [[1, 2]]);
 * const y = rotary(x, Tensor.from(device, [[0]]), Tensor.from(device, [[1]]));
 * if ((await y.data()).join() !== "2,-1") throw new Error("expected 2, -1");
 * await device.close();
 * ```
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  checkTensor("compute rotary", x);
  return applyOne(rotaryOperation, [x, cos, sin], false);
}

/**
 * The angles of {@linkcode rotary} for positions from 0, in float32: `[length, headSize / 2]` each.
 */
export function rotaryAngles(
  length: number,
  headSize: number,
  base = 100_000,
): { readonly cos: Float32Array<ArrayBuffer>; readonly sin: Float32Array<ArrayBuffer> } {
  const half = headSize / 2;
  checkThat(Number.isInteger(half), "compute rotary angles", "an even head size", headSize);
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let i = 0; i < half; i++) {
    // Round where nanochat does, so that late positions equal its tables.
    const frequency = Math.fround(1 / Math.fround(base ** Math.fround(2 * i / headSize)));
    for (let position = 0; position < length; position++) {
      const angle = Math.fround(position * frequency);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
