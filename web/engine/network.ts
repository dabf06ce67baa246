/** Training a small network on points in the plane: the README's twenty lines, watched. @module */

import { meanSquaredError, MLP } from "../../nn/mod.ts";
import { AdamW, SGD } from "../../optim/mod.ts";
import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import { bounds, GRID, makePoints, type Point, type PointSet, SMALL_GRID } from "./points.ts";

export interface NetworkSpec {
  readonly set: PointSet;
  /** The reader's points, for the set `own`. */
  readonly own: readonly Point[];
  readonly hidden: readonly number[];
  readonly activation: "tanh" | "relu" | "sigmoid";
  readonly optimizer: "adamw" | "sgd";
  readonly learningRate: number;
  readonly seed: number;
  readonly steps: number;
  /** The seconds that it takes at least, so that one can watch it. @default {0} */
  readonly seconds?: number;
}

export interface NetworkProgress {
  readonly step: number;
  /** The losses of the steps since the last event. */
  readonly losses: readonly number[];
  /** The loss on points that are not trained on; `null` where there are none. */
  readonly validation: number | null;
  /** The outputs on a grid of {@linkcode GRID} rows from the top left. */
  readonly map: Float32Array;
  /** The outputs of each neuron, layer by layer, on a grid of {@linkcode SMALL_GRID} rows. */
  readonly neurons: readonly (readonly Float32Array[])[];
  /** The weights of each layer: for each of its neurons, one for each input. */
  readonly weights: readonly Float32Array[];
  /** The outputs on the training points. */
  readonly outputs: readonly number[];
}

const CELLS = SMALL_GRID * SMALL_GRID;

/** Training is shown this often, in milliseconds. */
const EVENT_INTERVAL = 60;

/** The centers of the cells of a grid, row by row from the top left. */
function gridPoints(set: PointSet, size: number): Float32Array {
  const [least, most] = bounds(set);
  const cell = (most - least) / size;
  return Float32Array.from({ length: 2 * size * size }, (_, i) => {
    const [row, column] = [Math.floor((i >> 1) / size), (i >> 1) % size];
    return i % 2 === 0 ? least + (column + 0.5) * cell : most - (row + 0.5) * cell;
  });
}

function split(points: readonly Point[], device: Device): { inputs: Tensor; targets: Tensor } {
  const inputs = Tensor.from(device, points.map(([x, y]) => [x, y]));
  return { inputs, targets: Tensor.from(device, points.map(([, , label]) => [label])) };
}

/**
 * Trains a network, and tells how it goes: before the first step, then about every 60 ms, then after
 * the last step.
 *
 * @param signal Ends the training between two steps.
 * @throws {RangeError} If there are no points, or a number makes no sense.
 */
export async function* trainNetwork(
  device: Device,
  spec: NetworkSpec,
  signal: AbortSignal,
): AsyncGenerator<NetworkProgress> {
  const { set, own, hidden, activation, learningRate, seed, steps, seconds = 0 } = spec;
  const points = set === "own" ? own : makePoints(set, seed);
  if (points.length === 0) {
    throw new RangeError("Cannot train the network: wanted at least 1 point, got none");
  }
  using _run = device.scope();
  const { inputs, targets } = split(points, device);
  const others = set === "own" || set === "xor" ? null : split(makePoints(set, seed + 1), device);
  const gridOf = (size: number) =>
    Tensor.from(device, gridPoints(set, size), { shape: [size * size, 2] });
  const grid = gridOf(GRID), small = gridOf(SMALL_GRID);
  const network = new MLP(device, [2, ...hidden, 1], { activation, seed });
  const optimizer = spec.optimizer === "sgd"
    ? new SGD(network.parameters(), { lr: learningRate })
    : new AdamW(network.parameters(), { lr: learningRate, weightDecay: 0 });

  const look = async (step: number, losses: readonly number[]): Promise<NetworkProgress> => {
    using _scope = device.scope();
    const [map, outputs, validation] = noGrad(() => [
      network.forward(grid),
      network.forward(inputs),
      others === null ? null : meanSquaredError(network.forward(others.inputs), others.targets),
    ]);
    let values = small;
    const layers = noGrad(() =>
      network.layers.slice(0, -1).map((layer) => values = layer.forward(values)[activation]())
    );
    const maps = await Promise.all(layers.map(async (layer, i) => {
      const all = Float32Array.from(await layer.transpose(0, 1).contiguous().data());
      return Array.from({ length: hidden[i]! }, (_, j) => all.slice(j * CELLS, (j + 1) * CELLS));
    }));
    const weights = await Promise.all(
      network.layers.map(async ({ weight }) => Float32Array.from(await weight.data())),
    );
    return {
      step,
      losses,
      validation: validation === null ? null : await validation.item(),
      map: Float32Array.from(await map.data()),
      neurons: maps,
      weights,
      outputs: [...await outputs.data()].map(Number),
    };
  };

  yield await look(0, []);
  let losses: number[] = [];
  let shown = performance.now();
  const pace = 1000 * seconds / steps;
  /** When it may go on, in milliseconds: what is paused is not caught up with. */
  let due = shown;
  for (let step = 1; step <= steps && !signal.aborted; step++) {
    using _scope = device.scope();
    optimizer.zeroGrad();
    const loss = meanSquaredError(network.forward(inputs), targets);
    loss.backward();
    optimizer.step();
    losses.push(await loss.item());
    due += pace;
    const since = (pace === 0 ? performance.now() : due) - shown;
    if (step < steps && since < EVENT_INTERVAL) continue;
    yield await look(step, losses);
    losses = [];
    const ahead = due - performance.now();
    if (ahead > 0) await new Promise((resolve) => setTimeout(resolve, ahead));
    shown = performance.now();
    due = Math.max(due, shown);
  }
}
