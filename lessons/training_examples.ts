/** Worked examples of training: the same loop for 2 parameters and for 26. @module */

import { MLP } from "../autograd/mlp.ts";
import { Value } from "../autograd/value.ts";
import type { FitOptions } from "./examples.ts";

/** One step of the training loop, before its update. */
export interface LoopStep {
  /** The weight. */
  readonly w: number;
  /** The bias. */
  readonly b: number;
  /** w·x + b. */
  readonly prediction: number;
  /** (prediction − target)². */
  readonly loss: number;
  /** dloss/dw. */
  readonly dw: number;
  /** dloss/db. */
  readonly db: number;
}

/** Options for {@linkcode trainingLoop}. */
export interface TrainingLoopOptions extends FitOptions {
  /** Maximum number of steps. @default {1000} */
  readonly steps?: number;
}

/**
 * The training loop: zero gradients, forward, loss, backward, update. By default it starts from
 * w = 3.75 and b = 3.5 and fits w·2 + b to 10.
 *
 * @returns The numbers of each step. The loop ends when the loss is below 1e-6, or after `steps` steps;
 * with too large a learning rate it diverges.
 *
 * @example
 * ```ts
 * import { trainingLoop } from "./training_examples.ts";
 *
 * const steps = trainingLoop();
 * if (steps[0]!.loss !== 1 || !(steps.at(-1)!.loss < 1e-6)) throw new Error("it did not fit");
 * if (steps[1]!.w.toFixed(2) !== "3.71") throw new Error(`${steps[1]!.w}`);
 * ```
 */
export function trainingLoop(options: TrainingLoopOptions = {}): LoopStep[] {
  const { x = 2, target = 10, learningRate = 0.01, steps = 1000 } = options;
  const w = new Value(options.w ?? 3.75), b = new Value(options.b ?? 3.5);
  const taken: LoopStep[] = [];
  while (taken.length < steps) {
    w.zeroGrad();
    b.zeroGrad();
    const prediction = w.mul(x).add(b);
    const loss = prediction.sub(target).pow(2);
    loss.backward();
    taken.push({
      w: w.data,
      b: b.data,
      prediction: prediction.data,
      loss: loss.data,
      dw: w.grad,
      db: b.grad,
    });
    if (loss.data < 1e-6) break;
    w.data -= learningRate * w.grad;
    b.data -= learningRate * b.grad;
  }
  return taken;
}

/** All rows of three numbers that are −1 or 1. */
const signs = [-1, 1].flatMap((a) => [-1, 1].flatMap((b) => [-1, 1].map((c) => [a, b, c])));

/** Options for {@linkcode trainNetwork}. */
export interface NetworkTrainingOptions {
  /** Examples, one a row; by default all rows of three numbers that are −1 or 1. */
  readonly inputs?: readonly (readonly number[])[];
  /** One row of targets for each example; by default 1 where adjacent inputs differ, else −1. */
  readonly targets?: readonly (readonly number[])[];
  /** Neurons of each hidden layer. @default {[4]} */
  readonly hidden?: readonly number[];
  /** The learning rate. @default {0.5} */
  readonly learningRate?: number;
  /** Number of updates. @default {200} */
  readonly steps?: number;
  /** Random seed of the weights. @default {2} */
  readonly seed?: number;
}

/** The course and the result of training a network. */
export interface NetworkTraining {
  /** Examples, one a row. */
  readonly inputs: readonly (readonly number[])[];
  /** Targets, one row for each example. */
  readonly targets: readonly (readonly number[])[];
  /** Outputs of the trained network. */
  readonly outputs: readonly (readonly number[])[];
  /** Mean squared error at each step. */
  readonly losses: readonly number[];
}

/**
 * The same loop for a network, by default of 26 parameters: it learns whether its first two inputs
 * differ and whether its last two differ (XOR twice), which no single neuron can compute.
 *
 * @throws {RangeError} If there are no examples, rows differ in length, or the numbers of examples and
 * targets differ.
 *
 * @example
 * ```ts
 * import { trainNetwork } from "./training_examples.ts";
 *
 * const { losses } = trainNetwork({ steps: 20 });
 * if (!(losses.at(-1)! < losses[0]!)) throw new Error(`the loss did not fall: ${losses}`);
 * ```
 */
export function trainNetwork(options: NetworkTrainingOptions = {}): NetworkTraining {
  const { inputs = signs, hidden = [4], learningRate = 0.5, steps = 200, seed = 2 } = options;
  const targets = options.targets ?? inputs.map(differences);
  const [width, outputs] = [commonLength("inputs", inputs), commonLength("targets", targets)];
  if (targets.length !== inputs.length) {
    throw new RangeError(
      `Cannot train a network: wanted ${inputs.length} rows of targets, got ${targets.length}`,
    );
  }
  const activations = { activation: "tanh", outputActivation: "tanh" } as const;
  const mlp = new MLP(width, [...hidden, outputs], { ...activations, seed });
  const forward = (): Value[][] => inputs.map((row) => mlp.call(row.map((x) => new Value(x))));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    mlp.zeroGrad();
    const squares = forward().flatMap((row, i) => row.map((y, j) => y.sub(targets[i]![j]!).pow(2)));
    const loss = squares.reduce((sum, square) => sum.add(square)).div(squares.length);
    loss.backward();
    for (const parameter of mlp.parameters()) parameter.data -= learningRate * parameter.grad;
    losses.push(loss.data);
  }
  return {
    inputs,
    targets,
    outputs: forward().map((row) => row.map(({ data }) => data)),
    losses,
  };
}

/** 1 where a number differs from the one after it, −1 where it does not. */
function differences(row: readonly number[]): number[] {
  return row.slice(1).map((x, i) => x === row[i] ? -1 : 1);
}

function commonLength(name: string, rows: readonly (readonly number[])[]): number {
  const lengths = [...new Set(rows.map((row) => row.length))];
  if (lengths.length !== 1 || lengths[0] === 0) {
    throw new RangeError(
      `Cannot train a network: wanted rows of ${name} of one length, at least 1, got ` +
        (lengths.length === 0 ? "no rows" : `lengths ${lengths.join(", ")}`),
    );
  }
  return lengths[0]!;
}
