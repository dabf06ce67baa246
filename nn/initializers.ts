/**
 * Initial values of parameters. Each initializer creates a tensor; weights are [outputs, inputs].
 * @module
 */

import { checkOptions } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import { sizeOf } from "../tensor/layout.ts";
import * as tensor from "../tensor/mod.ts";
import { type Device, Tensor } from "../tensor/mod.ts";

/** Creates a tensor of a shape; the seed determines random values. */
export type Initializer = (device: Device, shape: readonly number[], seed: number) => Tensor;

/** All zeros. */
export const zeros: Initializer = constant(0);

/** All ones. */
export const ones: Initializer = constant(1);

/** All the same value. */
export function constant(value: number): Initializer {
  return (device, shape) => Tensor.full(device, shape, value);
}

/** Uniform distribution over [low, high). */
export function uniform(low: number, high: number): Initializer {
  return (device, shape, seed) => tensor.uniform(device, shape, { seed, low, high });
}

/** Normal distribution; by default the standard one. */
export function normal(
  options: { readonly mean?: number; readonly standardDeviation?: number } = {},
): Initializer {
  checkOptions("initialize", options, { mean: true, standardDeviation: true });
  return (device, shape, seed) => tensor.normal(device, shape, { seed, ...options });
}

/** Options of initializers that scale with the shape. */
export interface GainOptions {
  /** Factor that compensates for the activation function. */
  readonly gain?: number;
}

/** Makes an initializer that scales with the shape. */
export type ScaledInitializer = (options?: GainOptions) => Initializer;

type OfDeviation = (standardDeviation: number) => Initializer;

const normalOfDeviation: OfDeviation = (standardDeviation) => normal({ standardDeviation });

/** A uniform distribution over [−b, b) has the standard deviation b / √3. */
const uniformOfDeviation: OfDeviation = (standardDeviation) => {
  const bound = Math.sqrt(3) * standardDeviation;
  return uniform(-bound, bound);
};

type Deviation = (inputs: number, outputs: number, gain?: number) => number;

const xavier: Deviation = (inputs, outputs, gain = 1) => gain * Math.sqrt(2 / (inputs + outputs));
const kaiming: Deviation = (inputs, _, gain = Math.SQRT2) => gain / Math.sqrt(inputs);

/**
 * Uniform, with variance 2 · gain² / (inputs + outputs); gain 1 by default. Source: Glorot and
 * Bengio (2010).
 */
export const xavierUniform: ScaledInitializer = scaled(uniformOfDeviation, xavier);

/**
 * Normal, with variance 2 · gain² / (inputs + outputs); gain 1 by default. Source: Glorot and
 * Bengio (2010).
 */
export const xavierNormal: ScaledInitializer = scaled(normalOfDeviation, xavier);

/**
 * Uniform, with variance gain² / inputs; gain √2 by default, for ReLU. Source: He et al. (2015).
 */
export const kaimingUniform: ScaledInitializer = scaled(uniformOfDeviation, kaiming);

/** Normal, with variance gain² / inputs; gain √2 by default, for ReLU. Source: He et al. (2015). */
export const kaimingNormal: ScaledInitializer = scaled(normalOfDeviation, kaiming);

function scaled(distribution: OfDeviation, deviation: Deviation): ScaledInitializer {
  return (options = {}) => {
    checkOptions("initialize", options, { gain: true });
    return (device, shape, seed) => {
      const [outputs, inputs] = shape;
      if (outputs === undefined || inputs === undefined) {
        throw wrongValue("initialize", "the shape [outputs, inputs]", `[${shape.join(", ")}]`);
      }
      const perInput = sizeOf(shape.slice(2));
      const value = deviation(inputs * perInput, outputs * perInput, options.gain);
      return distribution(value)(device, shape, seed);
    };
  };
}
