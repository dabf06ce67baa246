/**
 * Initial values of parameters. Each initializer creates a tensor; weights are [outputs, inputs].
 * @module
 */

import { checkOptions } from "../tensor/checks.ts";
import { RangeError } from "../tensor/errors.ts";
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

/**
 * Uniform, with variance 2 · gain² / (inputs + outputs); gain 1 by default. Source: Glorot and
 * Bengio (2010).
 */
export function xavierUniform(options: GainOptions = {}): Initializer {
  const gain = gainOf(options, 1);
  return ofDeviation(
    uniformOfDeviation,
    (inputs, outputs) => gain * Math.sqrt(2 / (inputs + outputs)),
  );
}

/**
 * Normal, with variance 2 · gain² / (inputs + outputs); gain 1 by default. Source: Glorot and
 * Bengio (2010).
 */
export function xavierNormal(options: GainOptions = {}): Initializer {
  const gain = gainOf(options, 1);
  return ofDeviation(
    normalOfDeviation,
    (inputs, outputs) => gain * Math.sqrt(2 / (inputs + outputs)),
  );
}

/**
 * Uniform, with variance gain² / inputs; gain √2 by default, for ReLU. Source: He et al. (2015).
 */
export function kaimingUniform(options: GainOptions = {}): Initializer {
  const gain = gainOf(options, Math.SQRT2);
  return ofDeviation(uniformOfDeviation, (inputs) => gain / Math.sqrt(inputs));
}

/** Normal, with variance gain² / inputs; gain √2 by default, for ReLU. Source: He et al. (2015). */
export function kaimingNormal(options: GainOptions = {}): Initializer {
  const gain = gainOf(options, Math.SQRT2);
  return ofDeviation(normalOfDeviation, (inputs) => gain / Math.sqrt(inputs));
}

function gainOf(options: GainOptions, usual: number): number {
  checkOptions("initialize", options, { gain: true });
  return options.gain ?? usual;
}

const normalOfDeviation = (standardDeviation: number): Initializer => normal({ standardDeviation });

/** A uniform distribution over [−b, b) has the standard deviation b / √3. */
const uniformOfDeviation = (standardDeviation: number): Initializer => {
  const bound = Math.sqrt(3) * standardDeviation;
  return uniform(-bound, bound);
};

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
