/**
 * Muon, on stacks of matrices: gradients and momentum of matrices of one shape are
 * stacked, [count, rows, columns], so that the matmuls are batched. Parameters stay separate
 * tensors: the first kernel writes into the stack, the last one reads from it.
 *
 * Source: nanochat, `muon_step_fused` in `nanochat/optim.py`.
 *
 * @module
 */

import { checkThat } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import { checkFloat } from "../tensor/layout.ts";
import { repeatProgram } from "../tensor/formula/rebuild.ts";
import {
  defineProgram,
  type Device,
  expression as ex,
  type FloatType,
  runProgram,
  runProgramInto,
  Tensor,
} from "../tensor/mod.ts";
import { multiplyProgram } from "../tensor/ops/elementwise.ts";
import { allocate } from "../tensor/tensor.ts";
import { blend, sumOfSquares } from "./formulas.ts";
import { checkNumber, Optimizer, type Rule, type Update } from "./optimizer.ts";
import type { Hyperparameters, ParameterGroup, ParametersOrGroups } from "./parameters.ts";
import { MAX_ITERATIONS, polarExpress } from "./polar_express.ts";

/** A parameter group of Muon. */
export interface MuonGroup extends ParameterGroup {
  /** The kind of group, in an optimizer with several. */
  readonly kind: "muon";
  /** Exponential decay rate of the momentum. @default {0.95} */
  momentum: number;
  /** Polar Express iterations, from 0 to 5. @default {5} */
  orthogonalizationSteps: number;
  /**
   * Dtype of the matrices that Polar Express multiplies: nanochat's is `bfloat16`. @default {"float32"}
   */
  orthogonalizationDtype: FloatType;
  /** Exponential decay rate of the update's second moment. @default {0.9} */
  beta2: number;
}

// Norms below stay sums of squares until the end: a matrix's sum is the sum of its rows' sums, so
// one pass over the matrix gives both.

/**
 * Matrices of a stack per kernel: each needs a buffer besides those of the stack, and every GPU
 * offers 8. On the CPU, a dispatch costs next to nothing.
 */
const together = ({ kind }: Device): number => kind === "cpu" ? 1 : 4;

/**
 * The matrices of `size` elements that a stack has at most: a step takes several times as many for what it
 * computes, and larger stacks are no faster. A power of two, which threads divide evenly.
 */
export const matricesOfStack = (size: number): number =>
  2 ** Math.floor(Math.log2(Math.max(1, 2 ** 23 / size)));

/** The new momentum, the Nesterov gradient, and the sum of squares of its rows. */
const momentumProgram = defineProgram(
  { name: "muon momentum", inputs: ["gradient", "momentum"], scalars: ["oneMinusBeta", "beta"] },
  ({ gradient, momentum, oneMinusBeta, beta }) => {
    const mean = blend(momentum, gradient, oneMinusBeta);
    const ahead = blend(gradient, mean, beta);
    return [mean, ahead, ex.rowSum(ex.square(ahead))];
  },
);

/** Row scales: all rows to their mean norm (MuonEq), then the matrix to just below norm 1. */
const equalizationProgram = defineProgram(
  { name: "muon equalization", inputs: ["rowSquares"] },
  ({ rowSquares }) => {
    const target = ex.sqrt(ex.rowMean(rowSquares));
    const factor = ex.divide(target, ex.max(ex.sqrt(rowSquares), 1e-6));
    const norm = ex.sqrt(ex.rowSum(ex.multiply(rowSquares, ex.square(factor))));
    return [ex.divide(factor, ex.add(ex.multiply(norm, 1.01), 1e-6))];
  },
);

/**
 * The second moment of each line of a matrix, and the line's scale: Muon+ rescales the matrix to
 * the norm of an orthogonal one; NorMuon then divides each line by its root second moment while
 * keeping the matrix norm.
 */
const varianceProgram = defineProgram({
  name: "muon variance",
  inputs: ["squares", "variance"],
  scalars: ["lineLength", "targetNorm", "oneMinusBeta2"],
}, ({ squares, variance, lineLength, targetNorm, oneMinusBeta2 }) => {
  const scale = ex.divide(targetNorm, ex.max(ex.sqrt(ex.rowSum(squares)), 1e-6));
  const lineSquares = ex.multiply(squares, ex.square(scale));
  const running = blend(variance, ex.divide(lineSquares, lineLength), oneMinusBeta2);
  const inverse = ex.divide(1, ex.sqrt(ex.max(running, 1e-10)));
  const norm = ex.sqrt(ex.rowSum(lineSquares));
  const newNorm = ex.sqrt(ex.rowSum(ex.multiply(lineSquares, ex.square(inverse))));
  const restored = ex.divide(norm, ex.max(newNorm, 1e-10));
  return [running, ex.multiply(scale, ex.multiply(inverse, restored))];
});

/** The new parameter. Cautious weight decay: only where the update also points towards zero. */
const updateProgram = defineProgram({
  name: "muon update",
  inputs: ["parameter", "direction", "factor"],
  scalars: ["lr", "decay"],
}, ({ parameter, direction, factor, lr, decay }) => {
  const step = ex.multiply(direction, factor);
  const shrinks = ex.lessEqual(0, ex.multiply(step, parameter));
  const decayed = ex.select(shrinks, ex.multiply(decay, parameter), 0);
  return [ex.subtract(parameter, ex.add(ex.multiply(lr, step), decayed))];
});

/** The updates of a group's matrices: one for each stack of a shape. */
function muonUpdates(group: MuonGroup, parameters: ReadonlyMap<string, Tensor>): Update[] {
  for (const [name, { shape, size }] of parameters) {
    if (shape.length === 2 && size > 0) continue;
    throw wrongValue(`train ${name} by Muon`, "a matrix", `the shape [${shape.join(", ")}]`);
  }
  const shapes = Map.groupBy(parameters, ([, { shape }]) => shape.join("x"));
  return [...shapes.values()].flatMap((same) => {
    const stacks = Map.groupBy(same, ([, { size }], i) => Math.floor(i / matricesOfStack(size)));
    return Array.from(stacks.values(), (stack) => muonUpdate(group, new Map(stack)));
  });
}

/** The update of a stack of matrices of one shape. */
function muonUpdate(group: MuonGroup, stack: ReadonlyMap<string, Tensor>): Update {
  const parameters = [...stack.values()];
  const count = parameters.length;
  const { device, shape } = parameters[0]!;
  const [rows, columns] = shape as [number, number];
  // Lines are rows, or columns if there are more of them.
  const linesAreRows = rows >= columns;
  const lineShape = linesAreRows ? [rows, 1] : [1, columns];
  const momentum = Tensor.zeros(device, [count, rows, columns]);
  const momenta = parameters.map((_, i) => item(momentum, i).keep());
  const variance = Tensor.zeros(device, [count, Math.max(rows, columns)]).keep();
  const state = [...stack.keys()].flatMap((name, i) =>
    [
      [`${name}.momentum`, momenta[i]!],
      [`${name}.variance`, item(variance, i).reshape(lineShape).keep()],
    ] as const
  );
  const batchSize = together(device);
  const batches = [...Map.groupBy(parameters.keys(), (i) => Math.floor(i / batchSize)).values()];

  function step(): void {
    const make = (shape: readonly number[], dtype: FloatType = "float32") =>
      allocate(device, { shape, dtype }, "muon");
    // (count, rows, columns) stacked gradients
    const ahead = make([count, rows, columns], group.orthogonalizationDtype);
    const rowSquares = make([count, rows, 1]);
    for (const batch of batches) {
      runProgramInto(
        repeatProgram(momentumProgram, batch.length),
        batch.flatMap((i) => [parameters[i]!.grad!, momenta[i]!]),
        batch.flatMap((i) => [momenta[i]!, item(ahead, i), item(rowSquares, i)]),
        batch.flatMap(() => [1 - group.momentum, group.momentum]),
      );
    }

    const rowFactor = runProgram(equalizationProgram, [rowSquares.reshape([count, rows])]);
    runProgramInto(multiplyProgram, [ahead, rowFactor!.reshape([count, rows, 1])], [ahead]);
    const direction = polarExpress(ahead, group.orthogonalizationSteps);

    const lines = linesAreRows ? direction : direction.transpose();
    const squares = runProgram(sumOfSquares, [lines]).squeeze(-1); // (count, lines)
    const factor = make(squares.shape);
    runProgramInto(
      varianceProgram,
      [squares, variance],
      [variance, factor],
      [Math.min(rows, columns), Math.sqrt(Math.min(rows, columns)), 1 - group.beta2],
    );

    // Tall matrices move more, so that a step changes every layer's output by about as much.
    const lr = group.lr * Math.sqrt(Math.max(1, rows / columns));
    for (const batch of batches) {
      runProgramInto(
        repeatProgram(updateProgram, batch.length),
        batch.flatMap((i) => [
          parameters[i]!,
          item(direction, i),
          item(factor, i).reshape(lineShape),
        ]),
        batch.map((i) => parameters[i]!),
        batch.flatMap(() => [lr, lr * group.weightDecay]),
      );
    }
  }

  return { parameters: stack, state: new Map(state), check: () => checkGroup(group), step };
}

function checkGroup({ momentum, beta2, orthogonalizationSteps, ...others }: MuonGroup): void {
  checkNumber("momentum", momentum, 1);
  checkNumber("beta2", beta2, 1);
  const isCount = [...Array(MAX_ITERATIONS + 1).keys()].includes(orthogonalizationSteps);
  const wanted = `orthogonalizationSteps to be a whole number from 0 to ${MAX_ITERATIONS}`;
  checkThat(isCount, "step the optimizer", wanted, orthogonalizationSteps);
  checkFloat("step the optimizer", others.orthogonalizationDtype, "orthogonalizationDtype as ");
}

function item(stack: Tensor, i: number): Tensor {
  return stack.slice(0, i, i + 1).reshape(stack.shape.slice(1));
}

export const MUON: Rule<MuonGroup> = {
  defaults: {
    kind: "muon",
    lr: 0.02,
    weightDecay: 0,
    momentum: 0.95,
    orthogonalizationSteps: 5,
    orthogonalizationDtype: "float32",
    beta2: 0.9,
  },
  makeUpdates: muonUpdates,
};

/**
 * Muon: trains matrices with orthogonalized momentum updates. This is nanochat's variant: Nesterov
 * momentum, row normalization (MuonEq), orthogonalization by Polar Express, rescaling to the norm
 * of an orthogonal matrix (Muon+), variance normalization per row or column (NorMuon), and cautious
 * weight decay.
 *
 * It is for the weights of hidden layers: train embeddings, the output layer, biases and scalars
 * with AdamW (see `MuonAdamW`). In a group, either all matrices of one shape have gradients or
 * none.
 *
 * Source: Jordan et al., "Muon" (2024); "NorMuon" (arXiv 2510.05491); "MuonEq" (arXiv 2603.28254);
 * "Muon+" (arXiv 2602.21545).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Muon } from "./muon.ts";
 * import { linearSchedule } from "./schedules.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.from(device, [[3, 1], [0, 2]], { requiresGrad: true });
 * const optimizer = new Muon([weight], { lr: 0.2, momentum: 0.8 });
 * for (let i = 0; i < 50; i++) {
 *   for (const group of optimizer.groups) group.lr = linearSchedule(i, 50, group.initialLr, 0);
 *   optimizer.zeroGrad();
 *   weight.square().sum().backward();
 *   optimizer.step();
 * }
 * const norm = await weight.square().sum().item();
 * if (norm > 0.01) throw new Error(`expected to come near 0, got ${norm}`);
 * await device.close();
 * ```
 */
export class Muon extends Optimizer<MuonGroup> {
  /**
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.02, `momentum` 0.95, `orthogonalizationSteps` 5,
   * `orthogonalizationDtype` `float32`, `beta2` 0.9, `weightDecay` 0.
   * @throws {RangeError} If there are no parameters, one occurs twice or is not a matrix.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(parameters: ParametersOrGroups<MuonGroup>, options: Hyperparameters<MuonGroup> = {}) {
    super([MUON], parameters, options);
  }
}
