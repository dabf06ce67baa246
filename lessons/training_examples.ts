/**
 * The worked examples of training: the same five lines for two parameters and for twenty-six.
 *
 * @module
 */

import { MLP } from "../autograd/mlp.ts";
import { Value } from "../autograd/value.ts";

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

/**
 * The training loop: zero, forward, loss, backward, update, from w = 3.75 and b = 3.5 until
 * w·2 + b fits 10 with a loss below a millionth.
 *
 * @param learningRate How far an update goes for a gradient of 1.
 * @returns The numbers of each turn; the last one fits.
 * @throws {Error} If it does not fit after 1,000 turns: the learning rate is too small or too large.
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
export function trainingLoop(learningRate = 0.01): LoopStep[] {
  const w = new Value(3.75), b = new Value(3.5);
  const x = 2, target = 10;
  const steps: LoopStep[] = [];
  for (let step = 0; step < 1000; step++) {
    w.zeroGrad();
    b.zeroGrad();
    const prediction = w.mul(x).add(b);
    const loss = prediction.sub(target).pow(2);
    loss.backward();
    steps.push({
      w: w.data,
      b: b.data,
      prediction: prediction.data,
      loss: loss.data,
      dw: w.grad,
      db: b.grad,
    });
    if (loss.data < 1e-6) return steps;
    w.data -= learningRate * w.grad;
    b.data -= learningRate * b.grad;
  }
  throw new Error(
    `Cannot fit w·x + b: wanted a loss below 1e-6 after 1000 turns, got ${steps.at(-1)!.loss} ` +
      `with learning rate ${learningRate}`,
  );
}

/** A network before and after training. */
export interface NetworkTraining {
  /** The three inputs of each row. */
  readonly inputs: readonly (readonly number[])[];
  /** The two numbers wanted for each row. */
  readonly targets: readonly (readonly number[])[];
  /** The two numbers that the trained network gives for each row. */
  readonly outputs: readonly (readonly number[])[];
  /** The mean squared error at each turn. */
  readonly losses: readonly number[];
}

/**
 * The same loop for the network of 26 parameters: it learns whether its first two inputs differ,
 * and whether its last two do. No single neuron can tell.
 *
 * @param turns How many updates to make.
 *
 * @example
 * ```ts
 * import { trainNetwork } from "./training_examples.ts";
 *
 * const { losses } = trainNetwork(20);
 * if (!(losses.at(-1)! < losses[0]!)) throw new Error(`the loss did not fall: ${losses}`);
 * ```
 */
export function trainNetwork(turns = 200): NetworkTraining {
  const bits = [-1, 1];
  const inputs = bits.flatMap((a) => bits.flatMap((b) => bits.map((c) => [a, b, c])));
  const targets = inputs.map(([a, b, c]) => [a === b ? -1 : 1, b === c ? -1 : 1]);

  const mlp = new MLP(3, [4, 2], { activation: "tanh", outputActivation: "tanh", seed: 2 });
  const forward = (): Value[][] => inputs.map((row) => mlp.call(row.map((x) => new Value(x))));
  const losses: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    mlp.zeroGrad();
    const outputs = forward();
    const squares = outputs.flatMap((row, i) => row.map((y, j) => y.sub(targets[i]![j]!).pow(2)));
    const loss = squares.reduce((sum, square) => sum.add(square)).div(squares.length);
    loss.backward();
    for (const parameter of mlp.parameters()) parameter.data -= 0.5 * parameter.grad;
    losses.push(loss.data);
  }
  return {
    inputs,
    targets,
    outputs: forward().map((row) => row.map(({ data }) => data)),
    losses,
  };
}
