/**
 * The Muon update on stacks of matrices: gradients and momentum of matrices of one shape are
 * stacked, [count, rows, columns], so that the matmuls are batched. Parameters stay separate
 * tensors: the first kernel writes into the stack, the last one reads from it.
 *
 * Source: nanochat, `muon_step_fused` in `nanochat/optim.py`.
 *
 * @module
 */

import { Error, RangeError } from "../tensor/errors.ts";
import {
  defineProgram,
  type Device,
  expression as ex,
  repeatProgram,
  runProgram,
  runProgramInto,
  Tensor,
} from "../tensor/mod.ts";
import { allocate } from "../tensor/tensor.ts";
import { blend, sumOfSquares } from "./formulas.ts";
import type { Update } from "./optimizer.ts";
import { checkNumber, type ParameterGroup, type ParameterGroupOptions } from "./parameters.ts";
import { MAX_ITERATIONS, polarExpress } from "./polar_express.ts";

/** A parameter group of Muon. */
export interface MuonGroup extends ParameterGroup {
  /** The kind of group. */
  readonly kind: "muon";
  /** Exponential decay rate of the momentum. */
  momentum: number;
  /** Polar Express iterations, from 0 to 5. */
  orthogonalizationSteps: number;
  /** Exponential decay rate of the update's second moment. */
  beta2: number;
}

/** Options of a group of Muon. */
export interface MuonGroupOptions extends ParameterGroupOptions {
  /** The kind of group, in an optimizer with several. */
  readonly kind?: "muon";
  /** Exponential decay rate of the momentum. @default {0.95} */
  readonly momentum?: number;
  /** Polar Express iterations, from 0 to 5. @default {5} */
  readonly orthogonalizationSteps?: number;
  /** Exponential decay rate of the update's second moment. @default {0.9} */
  readonly beta2?: number;
}

// Norms below stay sums of squares until the end: a matrix's sum is the sum of its rows' sums, so
// one pass over the matrix gives both.

/**
 * Matrices of a stack per kernel: each needs a buffer besides those of the stack, and every GPU
 * offers 8. On the CPU, a dispatch costs next to nothing.
 */
const together = ({ kind }: Device): number => kind === "cpu" ? 1 : 4;

/** The new momentum, the Nesterov gradient, and the sum of squares of its rows. */
const momentumProgram = defineProgram(
  { name: "muon momentum", inputs: ["gradient", "momentum"], scalars: ["newShare", "kept"] },
  ({ gradient, momentum, newShare, kept }) => {
    const mean = blend(momentum, gradient, newShare);
    const ahead = blend(gradient, mean, kept);
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

const scaleProgram = defineProgram(
  { name: "muon scale", inputs: ["x", "factor"] },
  ({ x, factor }) => [ex.multiply(x, factor)],
);

/**
 * The second moment of each line of a matrix, and the line's scale: Muon+ rescales the matrix to
 * the norm of an orthogonal one; NorMuon then divides each line by its root second moment while
 * keeping the matrix norm.
 */
const varianceProgram = defineProgram({
  name: "muon variance",
  inputs: ["squares", "variance"],
  scalars: ["lineLength", "targetNorm", "newShare"],
}, ({ squares, variance, lineLength, targetNorm, newShare }) => {
  const scale = ex.divide(targetNorm, ex.max(ex.sqrt(ex.rowSum(squares)), 1e-6));
  const lineSquares = ex.multiply(squares, ex.square(scale));
  const running = blend(variance, ex.divide(lineSquares, lineLength), newShare);
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

class Stack {
  readonly names: readonly string[];
  readonly parameters: readonly Tensor[];
  readonly rows: number;
  readonly columns: number;
  /** Momentum of each matrix, `[rows, columns]`: views of one stack. */
  readonly momenta: readonly Tensor[];
  /** Second moment of each line: `[count, lines]`. */
  readonly variance: Tensor;

  constructor(names: readonly string[], parameters: readonly Tensor[]) {
    this.names = names;
    this.parameters = parameters;
    const { device, shape } = parameters[0]!;
    [this.rows, this.columns] = shape as [number, number];
    const momentum = Tensor.zeros(device, [parameters.length, ...shape]);
    this.momenta = parameters.map((_, i) => item(momentum, i).keep());
    this.variance = Tensor.zeros(device, [parameters.length, Math.max(...shape)]).keep();
  }

  /** Lines are rows, or columns if there are more of them. */
  get linesAreRows(): boolean {
    return this.rows >= this.columns;
  }

  /** The shape of one number per line, broadcastable to a matrix. */
  get lineShape(): number[] {
    return this.linesAreRows ? [this.rows, 1] : [1, this.columns];
  }

  /** Whether there are gradients. @throws {Error} If only some of the matrices have one. */
  get hasGradients(): boolean {
    const missing = this.names.filter((_, i) => this.parameters[i]!.grad === null);
    if (missing.length === 0) return true;
    if (missing.length === this.parameters.length) return false;
    throw new Error(
      `Cannot step the optimizer: wanted gradients for all matrices of shape [${this.rows}, ` +
        `${this.columns}] or for none, got none for ${missing.join(", ")}`,
    );
  }

  step(group: MuonGroup): void {
    const { parameters, rows, columns, linesAreRows, lineShape } = this;
    const { device } = parameters[0]!;
    using _temporaries = device.scope();
    const make = (shape: readonly number[]) =>
      allocate(device, { shape, dtype: "float32" }, "muon");
    const count = parameters.length;

    const ahead = make([count, rows, columns]); // (count, rows, columns) stacked gradients
    const rowSquares = make([count, rows, 1]);
    const batchSize = together(device);
    const batches = Map.groupBy(parameters.keys(), (i) => Math.floor(i / batchSize));
    for (const batch of batches.values()) {
      runProgramInto(
        repeatProgram(momentumProgram, batch.length),
        batch.flatMap((i) => [parameters[i]!.grad!, this.momenta[i]!]),
        batch.flatMap((i) => [this.momenta[i]!, item(ahead, i), item(rowSquares, i)]),
        batch.flatMap(() => [1 - group.momentum, group.momentum]),
      );
    }

    const [rowFactor] = runProgram(equalizationProgram, [rowSquares.reshape([count, rows])]);
    runProgramInto(scaleProgram, [ahead, rowFactor!.reshape([count, rows, 1])], [ahead]);
    const direction = polarExpress(ahead, group.orthogonalizationSteps);

    const lines = linesAreRows ? direction : direction.transpose();
    const squares = runProgram(sumOfSquares, [lines])[0]!.squeeze(-1); // (count, lines)
    const factor = make(squares.shape);
    runProgramInto(
      varianceProgram,
      [squares, this.variance],
      [this.variance, factor],
      [Math.min(rows, columns), Math.sqrt(Math.min(rows, columns)), 1 - group.beta2],
    );

    // Tall matrices move more, so that a step changes every layer's output by about as much.
    const lr = group.lr * Math.sqrt(Math.max(1, rows / columns));
    for (const batch of batches.values()) {
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
}

function item(stack: Tensor, i: number): Tensor {
  return stack.slice(0, i, i + 1).reshape(stack.shape.slice(1));
}

export class MuonUpdate implements Update {
  /** `<name>.momentum`, and `<name>.variance` of shape [rows, 1] or [1, columns]. */
  readonly tensors: Map<string, Tensor> = new Map();
  readonly numbers: Map<string, number> = new Map();
  readonly #group: MuonGroup;
  readonly #stacks: readonly Stack[];

  constructor(group: MuonGroup) {
    this.#group = group;
    const { names, parameters } = group;
    parameters.forEach(({ shape, size }, i) => {
      if (shape.length === 2 && size > 0) return;
      throw new RangeError(
        `Cannot train ${names[i]!} by Muon: wanted a matrix, got the shape [${shape.join(", ")}]`,
      );
    });
    const byShape = Map.groupBy(parameters.keys(), (i) => parameters[i]!.shape.join("x"));
    this.#stacks = Array.from(
      byShape.values(),
      (all) => new Stack(all.map((i) => names[i]!), all.map((i) => parameters[i]!)),
    );
    for (const { names, momenta, variance, lineShape } of this.#stacks) {
      names.forEach((name, i) => {
        this.tensors.set(`${name}.momentum`, momenta[i]!);
        this.tensors.set(`${name}.variance`, item(variance, i).reshape(lineShape).keep());
      });
    }
  }

  check(): void {
    const { momentum, beta2, orthogonalizationSteps } = this.#group;
    checkNumber("momentum", momentum, 1);
    checkNumber("beta2", beta2, 1);
    if (![...Array(MAX_ITERATIONS + 1).keys()].includes(orthogonalizationSteps)) {
      throw new RangeError(
        `Cannot step the optimizer: wanted orthogonalizationSteps to be a whole number from 0 to ` +
          `${MAX_ITERATIONS}, got ${orthogonalizationSteps}`,
      );
    }
    for (const stack of this.#stacks) void stack.hasGradients;
  }

  step(): void {
    for (const stack of this.#stacks) if (stack.hasGradients) stack.step(this.#group);
  }
}
