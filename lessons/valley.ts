/**
 * A valley that is steep one way and flat the other: what makes plain gradient descent slow.
 *
 * @module
 */

import { Value } from "../autograd/value.ts";
import type { Matrix } from "./attention.ts";

/** How much the two slopes bend: across the valley a hundred times as much as along it. */
export const valleyCurvatures: ValleyPlace = { steep: 100, flat: 1 };

/** Where every descent starts. */
export const valleyStart: ValleyPlace = { steep: 1.2, flat: -8 };

/** A place in the valley: how far across, and how far along. The lowest one is 0, 0. */
export interface ValleyPlace {
  /** Across the valley, where it is steep. */
  readonly steep: number;
  /** Along the valley, where it is flat. */
  readonly flat: number;
}

/** The loss of a place, and its gradient. */
export interface ValleySlope {
  /** The height of the place. */
  readonly loss: number;
  /** How the loss changes with each of the two. */
  readonly gradient: ValleyPlace;
}

/**
 * The loss ½ · (100 · steep² + flat²), and its gradient by backpropagation.
 *
 * @example
 * ```ts
 * import { slopeAt } from "./valley.ts";
 *
 * const { loss, gradient } = slopeAt({ steep: 1, flat: -8 });
 * if (loss !== 82 || gradient.steep !== 100 || gradient.flat !== -8) throw new Error(`${loss}`);
 * ```
 */
export function slopeAt(place: ValleyPlace): ValleySlope {
  const steep = new Value(place.steep), flat = new Value(place.flat);
  const across = steep.pow(2).mul(valleyCurvatures.steep),
    along = flat.pow(2).mul(valleyCurvatures.flat);
  const loss = across.add(along).div(2);
  loss.backward();
  return { loss: loss.data, gradient: { steep: steep.grad, flat: flat.grad } };
}

/**
 * The singular values of a matrix of two rows and two columns, the larger one first: how far it
 * stretches, along the direction that it stretches most, and across that.
 *
 * @example
 * ```ts
 * import { singularValues } from "./valley.ts";
 *
 * const [most, least] = singularValues([[0, 3], [2, 0]]);
 * if (most !== 3 || least !== 2) throw new Error(`${most}, ${least}`);
 * ```
 */
export function singularValues(matrix: Matrix): readonly [most: number, least: number] {
  const [a, b, c, d] = matrix.flat();
  // The lengths of the sum and of the difference of the two values.
  const sum = Math.hypot(a! + d!, b! - c!), difference = Math.hypot(a! - d!, b! + c!);
  return [(sum + difference) / 2, Math.abs(sum - difference) / 2];
}
