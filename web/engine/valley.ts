/** Four of the library's optimizers in the valley of the lesson, and what Muon does to an update. @module */

import type { Matrix } from "../../lessons/attention.ts";
import { valleyCurvatures, type ValleyPlace, valleyStart } from "../../lessons/valley.ts";
import {
  Adam,
  cosineSchedule,
  learningRateMultiplier,
  Muon,
  polarExpress,
  SGD,
} from "../../optim/mod.ts";
import { type Device, Tensor } from "../../tensor/mod.ts";

/** The optimizers, and a learning rate that suits each in this valley. */
const optimizers = {
  sgd: (weights: readonly Tensor[], rate: number) => new SGD(weights, { lr: 0.018 * rate }),
  momentum: (weights: readonly Tensor[], rate: number) =>
    new SGD(weights, { lr: 0.012 * rate, momentum: 0.85 }),
  adam: (weights: readonly Tensor[], rate: number) => new Adam(weights, { lr: 0.6 * rate }),
  muon: (weights: readonly Tensor[], rate: number) =>
    new Muon(weights, { lr: 0.4 * rate, momentum: 0.8 }),
} as const;

/** An optimizer by its name. */
export type OptimizerName = keyof typeof optimizers;

/** How the learning rate changes over the steps. */
export type ValleySchedule = "constant" | "warmdown" | "cosine";

/** A descent to make. */
export interface Descent {
  readonly steps: number;
  readonly schedule: ValleySchedule;
  /** The learning rates, as multiples of those that suit. */
  readonly rate: number;
}

/** The descent of one optimizer. */
export interface DescentPath {
  readonly optimizer: OptimizerName;
  /** The places, from the start on: one more than there are steps. */
  readonly path: readonly ValleyPlace[];
  /** The loss at each of them. */
  readonly losses: readonly number[];
}

/** The factor of the learning rate at a step. */
export function multiplierAt(schedule: ValleySchedule, step: number, steps: number): number {
  if (schedule === "cosine") return cosineSchedule(step, steps, 1, 0);
  if (schedule === "constant") return 1;
  const options = { steps, warmupSteps: 5, warmdownRatio: 0.6, finalFraction: 0 };
  return learningRateMultiplier(step, options);
}

/** Sends the optimizers down the valley, one after the other. */
export async function* descendValley(
  device: Device,
  { steps, schedule, rate }: Descent,
): AsyncGenerator<DescentPath> {
  using _run = device.scope();
  const curvatures = Tensor.from(device, [[valleyCurvatures.steep, 0], [0, valleyCurvatures.flat]]);
  for (const name of Object.keys(optimizers) as OptimizerName[]) {
    // Muon trains matrices: the two numbers are the diagonal of one.
    const start = [[valleyStart.steep, 0], [0, valleyStart.flat]];
    const weight = Tensor.from(device, start, { requiresGrad: true });
    const optimizer = optimizers[name]([weight], rate);
    const path: ValleyPlace[] = [];
    const losses: number[] = [];
    for (let step = 0; step <= steps; step++) {
      using _step = device.scope();
      optimizer.zeroGrad();
      const loss = weight.square().mul(curvatures).sum().mul(0.5);
      loss.backward();
      const [steep = NaN, , , flat = NaN] = [...await weight.data()].map(Number);
      path.push({ steep, flat });
      losses.push(await loss.item());
      for (const group of optimizer.groups) {
        group.lr = group.initialLr * multiplierAt(schedule, Math.min(step, steps - 1), steps);
      }
      optimizer.step();
    }
    yield { optimizer: name, path, losses };
  }
}

/** A matrix after each iteration of Muon's orthogonalization, from 0 on. */
export async function* orthogonalize(device: Device, matrix: Matrix): AsyncGenerator<Matrix> {
  using _run = device.scope();
  const norm = Math.hypot(...matrix.flat()) * 1.01;
  for (let iterations = 0; iterations <= 5; iterations++) {
    const x = Tensor.from(device, [matrix.map((row) => row.map((value) => value / norm))]);
    const [a, b, c, d] = [...await polarExpress(x, iterations).data()].map(Number);
    yield [[a!, b!], [c!, d!]];
  }
}
