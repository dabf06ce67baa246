/**
 * What parameters are filled with before training.
 *
 * Each of these gives a function that makes the tensor. A weight has the shape [outputs, inputs].
 *
 * @module
 */

import * as tensor from "../tensor/mod.ts";
import { type Device, Tensor } from "../tensor/mod.ts";

/** Makes a tensor of a shape; the seed chooses the random numbers, if there are any. */
export type Initializer = (device: Device, shape: readonly number[], seed: number) => Tensor;

/** All zeros. */
export const zeros: Initializer = constant(0);

/** All ones. */
export const ones: Initializer = constant(1);

/** All the same number. */
export function constant(value: number): Initializer {
  return (device, shape) => Tensor.full(device, shape, value);
}

/** Uniformly distributed from `low` up to but not including `high`. */
export function uniform(low: number, high: number): Initializer {
  return (device, shape, seed) => tensor.uniform(device, shape, { seed, low, high });
}

/** Normally distributed; mean 0 and standard deviation 1 unless given. */
export function normal(
  options: { readonly mean?: number; readonly standardDeviation?: number } = {},
): Initializer {
  return (device, shape, seed) => tensor.normal(device, shape, { seed, ...options });
}

/** What the initialisers that go by the shape can be told. */
export interface GainOptions {
  /** How much larger the numbers are, to make up for what an activation takes away. */
  readonly gain?: number;
}

/**
 * Uniform, with the variance 2 · gain² / (inputs + outputs); the gain is 1 unless given.
 * Source: Glorot and Bengio (2010).
 */
export function xavierUniform({ gain = 1 }: GainOptions = {}): Initializer {
  return ofDeviation(
    uniformOfDeviation,
    (inputs, outputs) => gain * Math.sqrt(2 / (inputs + outputs)),
  );
}

/**
 * Normal, with the variance 2 · gain² / (inputs + outputs); the gain is 1 unless given.
 * Source: Glorot and Bengio (2010).
 */
export function xavierNormal({ gain = 1 }: GainOptions = {}): Initializer {
  return ofDeviation(
    normalOfDeviation,
    (inputs, outputs) => gain * Math.sqrt(2 / (inputs + outputs)),
  );
}

/**
 * Uniform, with the variance gain² / inputs; the gain is √2 unless given, as is right before a relu.
 * Source: He et al. (2015).
 */
export function kaimingUniform({ gain = Math.SQRT2 }: GainOptions = {}): Initializer {
  return ofDeviation(uniformOfDeviation, (inputs) => gain / Math.sqrt(inputs));
}

/**
 * Normal, with the variance gain² / inputs; the gain is √2 unless given, as is right before a relu.
 * Source: He et al. (2015).
 */
export function kaimingNormal({ gain = Math.SQRT2 }: GainOptions = {}): Initializer {
  return ofDeviation(normalOfDeviation, (inputs) => gain / Math.sqrt(inputs));
}

const normalOfDeviation = (standardDeviation: number): Initializer => normal({ standardDeviation });

/** A uniform distribution from −b to b has the standard deviation b / √3. */
const uniformOfDeviation = (standardDeviation: number): Initializer => {
  const bound = Math.sqrt(3) * standardDeviation;
  return uniform(-bound, bound);
};

/** An initialiser whose standard deviation follows from how many inputs and outputs a weight has. */
function ofDeviation(
  distribution: (standardDeviation: number) => Initializer,
  deviation: (inputs: number, outputs: number) => number,
): Initializer {
  return (device, shape, seed) => {
    const [outputs, inputs] = shape;
    if (outputs === undefined || inputs === undefined) {
      throw new RangeError(
        `Cannot initialize: wanted the shape [outputs, inputs], got [${shape.join(", ")}]`,
      );
    }
    const perInput = shape.slice(2).reduce((product, length) => product * length, 1);
    const value = deviation(inputs * perInput, outputs * perInput);
    return distribution(value)(device, shape, seed);
  };
}
