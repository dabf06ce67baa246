/**
 * The worked examples of training: the same five lines for two parameters and for twenty-six.
 *
 * @module
 */

import { MLP } from "../autograd/mlp.ts";
import { Value } from "../autograd/value.ts";
import type { FitOptions } from "./examples.ts";

/** One turn of the loop for w·x + b. */
export interface LoopStep {
  /** The weight that the turn started with. */
  readonly w: number;
  /** The bias that it started with. */
  readonly b: number;
  /** w·x + b. */
  readonly prediction: number;
  /** (prediction − target)². */
  readonly loss: number;
  /** The gradient of the weight. */
  readonly dw: number;
  /** The gradient of the bias. */
  readonly db: number;
}

/** What the loop fits, and for how long. */
export interface LoopOptions extends FitOptions {
  /** The most turns to take; 1,000 by default. */
  readonly steps?: number;
}

/**
 * The training loop: zero, forward, loss, backward, update, by default from w = 3.75 and b = 3.5
 * until w·2 + b fits 10.
 *
 * @returns The numbers of each turn. It ends with a loss below a millionth, or after `steps` turns:
 * with too large a learning rate the loss grows without bound.
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
export function trainingLoop(options: LoopOptions = {}): LoopStep[] {
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

/** Every row of three numbers that are −1 or 1. */
const signs = [-1, 1].flatMap((a) => [-1, 1].flatMap((b) => [-1, 1].map((c) => [a, b, c])));

/** What a network learns, and how. */
export interface NetworkTrainingOptions {
  /** The inputs of each row; by default every row of three numbers that are −1 or 1. */
  readonly inputs?: readonly (readonly number[])[];
  /** The outputs wanted for each row; by default whether neighbors among its inputs differ. */
  readonly targets?: readonly (readonly number[])[];
  /** The neurons of each hidden layer; one layer of 4 by default. */
  readonly hidden?: readonly number[];
  /** How far an update goes for a gradient of 1; 0.5 by default. */
  readonly learningRate?: number;
  /** How many updates to make; 200 by default. */
  readonly steps?: number;
  /** Chooses the weights to start with; 2 by default. */
  readonly seed?: number;
}

/** A network before and after training. */
export interface NetworkTraining {
  /** The inputs of each row. */
  readonly inputs: readonly (readonly number[])[];
  /** The numbers wanted for each row. */
  readonly targets: readonly (readonly number[])[];
  /** The numbers that the trained network gives for each row. */
  readonly outputs: readonly (readonly number[])[];
  /** The mean squared error at each turn. */
  readonly losses: readonly number[];
}

/**
 * The same loop for a network, by default of 26 parameters: it learns whether its first two inputs
 * differ, and whether its last two do. No single neuron can tell.
 *
 * @throws {RangeError} If there are no rows, if their lengths differ, or if there is not one row of
 * targets for each row of inputs.
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
