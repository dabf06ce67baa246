/**
 * Low-rank adapters: a network is fine-tuned by training a small correction of some of its
 * matrices, while everything else stays as it is. Source: Hu et al., "LoRA: Low-Rank Adaptation of
 * Large Language Models" (2021).
 *
 * @module
 */

import { checkOptions, checkThat, type OptionNames } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import { linear, noGrad, Tensor } from "../tensor/mod.ts";
import { uniform, zeros } from "./initializers.ts";
import { Linear } from "./linear.ts";
import { fieldsOf, Module } from "./module.ts";
import { inType, namedSeed, parameter } from "./parameter.ts";

/** Options for {@linkcode LoRALinear}. */
export interface LoRAOptions {
  /** The rank of the correction: the width between its two matrices. */
  readonly rank: number;
  /** The correction is scaled by alpha / rank. @default {2 * rank} */
  readonly alpha?: number;
  /** Random seed of the narrowing matrix; the widening one begins with zeros. */
  readonly seed: number;
}

const OPTIONS: OptionNames<LoRAOptions> = { rank: true, alpha: true, seed: true };

/**
 * A linear layer with an adapter: y = x Wᵀ + b + (alpha / rank) · (x Aᵀ) Bᵀ. Only A and B are trained;
 * at first B is zero, and the layer computes what it did before.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Linear } from "./linear.ts";
 * import { LoRALinear } from "./lora.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const layer = new LoRALinear(new Linear(device, 8, 8, { seed: 1 }), { rank: 2, seed: 2 });
 * const names = [...layer.parameters().keys()].join();
 * if (names !== "lora_A,lora_B") throw new Error(`got ${names}`);
 * await device.close();
 * ```
 */
export class LoRALinear extends Module {
  /** Narrows, `[rank, inputs]` */
  readonly lora_A: Tensor;
  /** Widens, `[outputs, rank]` */
  readonly lora_B: Tensor;
  readonly #frozen: Tensor;
  readonly #bias: Tensor | undefined;
  readonly #scale: number;

  /**
   * Adds an adapter to a layer, whose parameters are shared and no longer trained.
   *
   * @throws {RangeError} If the rank is not a whole number from 1 to the smaller side of the matrix.
   * @throws {TypeError} If an option is unknown.
   */
  constructor(layer: Linear, options: LoRAOptions) {
    super();
    checkOptions("add an adapter", options, OPTIONS, ["rank", "seed"]);
    const { rank, alpha = 2 * rank, seed } = options;
    const { device } = layer.weight;
    const [outputs, inputs] = layer.weight.shape as [number, number];
    const largest = Math.min(outputs, inputs);
    const what = `add an adapter to a matrix [${outputs}, ${inputs}]`;
    const isRight = Number.isInteger(rank) && rank >= 1 && rank <= largest;
    checkThat(isRight, what, `a rank from 1 to ${largest}`, rank);
    const bound = 1 / Math.sqrt(inputs);
    this.lora_A = parameter(device, [rank, inputs], uniform(-bound, bound), seed);
    this.lora_B = parameter(device, [outputs, rank], zeros, seed);
    this.#frozen = layer.weight.detach().keep();
    this.#bias = layer.bias?.detach().keep();
    this.#scale = alpha / rank;
  }

  /** The matrix with its correction, W + (alpha / rank) · B A, computed now: `[outputs, inputs]` */
  get weight(): Tensor {
    return this.#frozen.add(this.lora_B.matmul(this.lora_A).mul(this.#scale));
  }

  /**
   * Computes the output, `[..., inputs]` to `[..., outputs]`, in the dtype of x.
   *
   * @throws {RangeError} If the last axis has another length.
   */
  forward(x: Tensor): Tensor {
    const cast = (tensor: Tensor) => inType(tensor, x.dtype);
    const before = linear(x, cast(this.#frozen), this.#bias && cast(this.#bias));
    const narrow = linear(x, cast(this.lora_A));
    return before.add(linear(narrow, cast(this.lora_B)).mul(this.#scale));
  }
}

/** Options for {@linkcode addLoRA}. */
export interface AddLoRAOptions extends LoRAOptions {
  /** Whether the linear layer of this path gets an adapter. @default {() => true} */
  readonly isAdapted?: (path: string) => boolean;
}

/** The adapters of a network. */
export interface LoRAAdapters {
  /** The adapted layers, by path. */
  readonly layers: ReadonlyMap<string, LoRALinear>;
  /**
   * The values of the network with every correction added to its matrix, under the names that its
   * parameters had before: a network without adapters can load them.
   */
  mergedState(): Map<string, Tensor>;
}

/**
 * Adds adapters to linear layers of a network, in place, and freezes everything else: afterwards
 * its parameters are those of the adapters.
 *
 * @throws {RangeError} If no layer is to be adapted, or a rank is larger than a matrix has.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { addLoRA } from "./lora.ts";
 * import { MLP } from "./mlp.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const network = new MLP(device, [8, 16, 4], { activation: "tanh", seed: 1 });
 * const x = Tensor.ones(device, [1, 8]);
 * const before = await network.forward(x).data();
 * const adapters = addLoRA(network, { rank: 2, seed: 2 });
 * if (network.parameters().size !== 4) throw new Error("expected two matrices for each layer");
 * if ((await network.forward(x).data()).join() !== before.join()) throw new Error("no change yet");
 * if (adapters.mergedState().size !== 4) throw new Error("expected two weights and two biases");
 * await device.close();
 * ```
 */
export function addLoRA(network: Module, options: AddLoRAOptions): LoRAAdapters {
  const { isAdapted = () => true, seed, ...rest } = options;
  const before = network.parameters();
  const layers = new Map<string, LoRALinear>();
  const replacements: (() => void)[] = [];
  for (const [path, value, replace] of fieldsOf(network)) {
    if (value instanceof Linear && isAdapted(path)) {
      const layer = new LoRALinear(value, { ...rest, seed: namedSeed(seed, path)! });
      layers.set(path, layer);
      replacements.push(() => replace(layer));
    } else if (value instanceof Tensor && value.node?.isLeaf) {
      const parts = path.split(".").slice(0, -1);
      // The parameters of an adapted layer are in the adapter.
      if (layers.has(parts.join("."))) continue;
      const frozen = value.detach().keep();
      replacements.push(() => replace(frozen));
    }
  }
  if (layers.size === 0) throw wrongValue("add adapters", "a linear layer to adapt", "none");
  for (const replace of replacements) replace();
  const merged = (name: string) => layers.get(name.replace(/\.weight$/, ""))?.weight;
  const mergedState = () =>
    noGrad(() => new Map(Array.from(before, ([name, value]) => [name, merged(name) ?? value])));
  return { layers, mergedState };
}
