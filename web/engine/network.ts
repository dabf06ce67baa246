/** Training a small network on points in the plane: the README's twenty lines, watched. @module */

import { meanSquaredError, MLP } from "../../nn/mod.ts";
import { AdamW, SGD } from "../../optim/mod.ts";
import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import {
  bounds,
  type Feature,
  features,
  GRID,
  makePoints,
  type Point,
  type PointSet,
  SMALL_GRID,
} from "./points.ts";

export interface NetworkSpec {
  readonly set: PointSet;
  /** The reader's points, for the set `own`. */
  readonly own: readonly Point[];
  /** How far points of the other sets are off their places. @default {0} */
  readonly noise?: number;
  /** The inputs that the network sees of a point. @default {["x", "y"]} */
  readonly features?: readonly Feature[];
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
function gridPoints(set: PointSet, size: number): (readonly [x: number, y: number])[] {
  const [least, most] = bounds(set);
  const cell = (most - least) / size;
  return Array.from({ length: size * size }, (_, i) => {
    const [row, column] = [Math.floor(i / size), i % size];
    return [least + (column + 0.5) * cell, most - (row + 0.5) * cell];
  });
}

/** The network that was made last, and what it is looked at with. */
interface Opened {
  readonly network: MLP;
  /** Shows the network at a step, after the losses since the last look. */
  look(step: number, losses: readonly number[]): Promise<NetworkProgress>;
  free(): void;
}

let current: Opened | null = null;

/** A weight to set: of a neuron for one of its inputs, layer by layer. */
export interface WeightChange {
  /** The layer, from 0; the last one is the output. */
  readonly layer: number;
  readonly neuron: number;
  readonly input: number;
  readonly value: number;
  /** The step that the network is at. */
  readonly step: number;
}

/** Sets a weight of the network that was made last. @throws {Error} If there is none. */
export async function* changeWeight(
  _device: Device,
  { layer, neuron, input, value, step }: WeightChange,
): AsyncGenerator<NetworkProgress> {
  const weight = current?.network.layers[layer]?.weight;
  const [neurons = 0, inputs = 0] = weight?.shape ?? [];
  if (current === null || weight === undefined || neuron >= neurons || input >= inputs) {
    throw new Error("Cannot change the weight: wanted one of the network, got none");
  }
  const values = Float32Array.from(await weight.data());
  values[neuron * inputs + input] = value;
  weight.assign(values);
  yield await current.look(step, []);
}

/** Makes a network, and the points that it learns. @throws {RangeError} If there are none. */
function open(
  device: Device,
  { set, own, noise = 0, features: names = ["x", "y"], hidden, activation, seed }: NetworkSpec,
): Opened & { readonly inputs: Tensor; readonly targets: Tensor } {
  const points = set === "own" ? own : makePoints(set, seed, noise);
  if (points.length === 0) {
    throw new RangeError("Cannot train the network: wanted at least 1 point, got none");
  }
  if (names.length === 0) {
    throw new RangeError("Cannot train the network: wanted at least 1 input, got none");
  }
  using scope = device.scope();
  const inputsOf = (points: readonly (readonly [number, number, ...unknown[]])[]) =>
    scope.keep(
      Tensor.from(device, points.map(([x, y]) => names.map((name) => features[name](x, y)))),
    );
  const targetsOf = (points: readonly Point[]) =>
    scope.keep(Tensor.from(device, points.map(([, , label]) => [label])));
  const inputs = inputsOf(points), targets = targetsOf(points);
  const test = set === "own" || set === "xor" ? null : makePoints(set, seed + 1, noise);
  const others = test === null ? null : { inputs: inputsOf(test), targets: targetsOf(test) };
  const grid = inputsOf(gridPoints(set, GRID)), small = inputsOf(gridPoints(set, SMALL_GRID));
  const network = new MLP(device, [names.length, ...hidden, 1], { activation, seed });
  for (const parameter of network.parameters().values()) scope.keep(parameter);
  return {
    network,
    inputs,
    targets,
    look: async (step, losses) => {
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
    },
    free: () => {
      const all = [inputs, targets, grid, small, others?.inputs, others?.targets];
      for (const tensor of [...all, ...network.parameters().values()]) tensor?.dispose();
    },
  };
}

/** Makes a network, and shows it before its first step. @throws {RangeError} If there are no points. */
export async function* openNetwork(
  device: Device,
  spec: NetworkSpec,
): AsyncGenerator<NetworkProgress> {
  current?.free();
  current = open(device, spec);
  yield await current.look(0, []);
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
  const { learningRate, steps, seconds = 0 } = spec;
  current?.free();
  const opened = open(device, spec);
  current = opened;
  const { network, inputs, targets } = opened;
  const look = (step: number, losses: readonly number[]) => opened.look(step, losses);
  const optimizer = spec.optimizer === "sgd"
    ? new SGD(network.parameters(), { lr: learningRate })
    : new AdamW(network.parameters(), { lr: learningRate, weightDecay: 0 });

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
  for (const value of optimizer.stateDict().values()) if (value instanceof Tensor) value.dispose();
}
