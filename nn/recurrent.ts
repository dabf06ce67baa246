/** The common base of LSTM and GRU: layers, directions, and the walk over the positions. @module */

import { describeValue, type OptionNames, withArticle } from "../tensor/checks.ts";
import { wrongType, wrongValue } from "../tensor/errors.ts";
import { formatShape, shapesEqual } from "../tensor/layout.ts";
import { concat, type Device, linear, stack, Tensor } from "../tensor/mod.ts";
import { type Cell, runCell } from "../tensor/ops/recurrent.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { Dropout } from "./dropout.ts";
import { uniform } from "./initializers.ts";
import { Module } from "./module.ts";
import { checkLayer, checkSizes, inType, namedSeed, parameter } from "./parameter.ts";

/** Options for {@linkcode LSTM} and {@linkcode GRU}. */
export interface RecurrentOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1, different for each layer; or `null` for zeros. */
  readonly seed: number | null;
  /** Number of layers; each reads the output of the one before. @default {1} */
  readonly layers?: number;
  /** Whether to add learned biases. @default {true} */
  readonly bias?: boolean;
  /** Whether each layer also reads the sequence backwards; the output has both. @default {false} */
  readonly bidirectional?: boolean;
  /** Dropout between layers, during training. @default {0} */
  readonly dropout?: number;
}

const OPTIONS: OptionNames<RecurrentOptions> = {
  seed: true,
  layers: true,
  bias: true,
  bidirectional: true,
  dropout: true,
};

/** The common part of {@linkcode LSTM} and {@linkcode GRU}. */
export abstract class Recurrent extends Module {
  /**
   * The parameters, under PyTorch's names: `weight_ih_l0`, `[gates · width, inputs]`, `weight_hh_l0`,
   * `[gates · width, width]`, `bias_ih_l0` and `bias_hh_l0`, `[gates · width]`, and the same for
   * `l1` and so on, and with `_reverse` for the other direction.
   */
  readonly [parameter: `weight_${string}` | `bias_${string}`]: Tensor;
  /** Width of the hidden state. */
  readonly width: number;
  readonly #name: string;
  readonly #cell: Cell;
  readonly #inputs: number;
  readonly #layers: number;
  /** The ends of the names of parameters, one for each direction. */
  readonly #directions: readonly string[];
  /** The dropouts between layers. */
  protected readonly dropouts: readonly Dropout[];

  /** Creates the parameters, those of the gates one below the other. */
  protected constructor(
    name: string,
    cell: Cell,
    device: Device,
    inputs: number,
    width: number,
    options: RecurrentOptions,
  ) {
    super();
    checkLayer(name, device, { inputs, width }, options, OPTIONS, ["seed"]);
    const { seed, layers = 1, bias = true, bidirectional = false, dropout = 0 } = options;
    checkSizes(`make ${withArticle(name)}`, { layers });
    this.#name = name;
    this.#cell = cell;
    this.#inputs = inputs;
    this.#layers = layers;
    this.#directions = bidirectional ? ["", "_reverse"] : [""];
    this.width = width;
    const bound = 1 / Math.sqrt(width);
    for (let layer = 0; layer < layers; layer++) {
      const columns = layer === 0 ? inputs : width * this.#directions.length;
      for (const direction of this.#directions) {
        const add = (kind: string, shape: readonly number[]) => {
          const name = `${kind}_l${layer}${direction}`;
          const seedOfPart = namedSeed(seed, name);
          Reflect.set(this, name, parameter(device, shape, uniform(-bound, bound), seedOfPart));
        };
        add("weight_ih", [cell.gates * width, columns]);
        add("weight_hh", [cell.gates * width, width]);
        if (bias) ["bias_ih", "bias_hh"].forEach((kind) => add(kind, [cell.gates * width]));
      }
    }
    this.dropouts = Array.from(
      { length: layers - 1 },
      (_, i) => new Dropout(dropout, { seed: namedSeed(seed ?? 0, `dropout_l${i}`) }),
    );
  }

  /**
   * Runs all layers over `[batch, positions, inputs]`.
   *
   * @param given Initial states by name, each `[layers · directions, batch, width]`; zeros by
   * default.
   * @returns The output, `[batch, positions, directions · width]`, and the last states.
   */
  protected run<Name extends string>(
    x: Tensor,
    given: Readonly<Record<Name, Tensor>> | undefined,
    names: readonly Name[],
  ): { readonly output: Tensor } & Readonly<Record<Name, Tensor>> {
    const what = `run ${withArticle(this.#name)}`;
    checkTensor(what, x);
    const [batch = 0, positions = 0, inputs] = x.shape;
    if (x.shape.length !== 3 || inputs !== this.#inputs || positions === 0) {
      const wanted = `[batch, positions, ${this.#inputs}] with a position or more`;
      throw wrongValue(what, wanted, formatShape(x.shape));
    }
    const shape = [this.#layers * this.#directions.length, batch, this.width];
    const initial = names.map((name) => {
      if (given === undefined) return Tensor.zeros(x.device, shape, { dtype: x.dtype });
      const state = given[name];
      if (!(state instanceof Tensor)) {
        throw wrongType(what, `states as { ${names.join(", ")} }`, describeValue(given));
      }
      if (shapesEqual(state.shape, shape)) return state;
      throw wrongValue(what, `a ${name} state of ${formatShape(shape)}`, formatShape(state.shape));
    });
    const last: Tensor[][] = names.map(() => []);
    let output = x;
    for (let layer = 0; layer < this.#layers; layer++) {
      const before = layer === 0 ? output : this.dropouts[layer - 1]!.forward(output);
      const outputs = this.#directions.map((direction) => {
        const first = stack(initial.map((each) => each.at(last[0]!.length)));
        const states = this.#runLayer(before, first, `l${layer}${direction}`);
        const end = direction === "" ? positions - 1 : 0;
        last.forEach((each, i) => each.push(states.at(i, [], end)));
        return states.at(0);
      });
      output = concat(outputs, -1);
    }
    const states = Object.fromEntries(names.map((name, i) => [name, stack(last[i]!)]));
    return { output, ...states as Record<Name, Tensor> };
  }

  /** Runs one layer, in the direction that its name has at the end. */
  #runLayer(x: Tensor, initial: Tensor, name: string): Tensor {
    const get = (kind: "weight_ih" | "weight_hh" | "bias_ih" | "bias_hh") => {
      const tensor = this[`${kind}_${name}`];
      return tensor && inType(tensor, x.dtype);
    };
    const gates = linear(x, get("weight_ih")!, get("bias_ih"));
    const isReverse = name.endsWith("_reverse");
    return runCell(this.#cell, gates, get("weight_hh")!, initial, {
      bias: get("bias_hh"),
      isReverse,
    });
  }
}
