/**
 * Which parameter of a GPT is trained how.
 *
 * Matrices inside the layers go to Muon, one group for each shape so that a group can be updated
 * as one stack. Everything else goes to AdamW.
 *
 * Source: nanochat, `setup_optimizer` in `nanochat/gpt.py`.
 *
 * @module
 */

import type { AdamWGroup, MuonAdamWGroupOptions, MuonGroup } from "../../optim/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";
import type { GPTConfig } from "../model/config.ts";
import { parameterGroup, parameterShapes } from "../model/parameters.ts";

/** The learning rates of a model's parts, and the weight decay of its matrices. */
export interface LearningRates {
  /** For the head; 0.004 by default. */
  readonly unembeddingLr?: number;
  /** For the embedding, and half of it for the value embeddings; 0.2 by default. */
  readonly embeddingLr?: number;
  /** For the matrices in the layers; 0.02 by default. */
  readonly matrixLr?: number;
  /** Cautious weight decay of the matrices in the layers; 0 by default. */
  readonly weightDecay?: number;
  /** For the scalars of the layers; 0.5 by default. */
  readonly scalarLr?: number;
}

/** A group of a model's optimizer, which names its parameters. */
export type NamedGroup =
  | Omit<AdamWGroup, "parameters" | "initialLr">
  | Omit<MuonGroup, "parameters" | "initialLr">;

/** The width at which the rates of AdamW were tuned. */
const tunedWidth = 768;

/**
 * Divides a model's parameters into the groups that an optimiser trains.
 *
 * The rates of the embeddings and the head are scaled by the inverse root of the width.
 *
 * @param config The shape of the model.
 * @param learningRates The learning rates and the weight decay.
 * @returns The groups; every parameter of the model is in one of them.
 *
 * @example
 * ```ts
 * import { optimizerGroups } from "./optimizer_groups.ts";
 *
 * const groups = optimizerGroups({
 *   sequenceLen: 256,
 *   vocabSize: 4096,
 *   nLayer: 4,
 *   nHead: 4,
 *   nKvHead: 4,
 *   nEmbd: 256,
 *   windowPattern: "SSSL",
 * });
 * const kinds = groups.map(({ kind }) => kind);
 * if (kinds.filter((kind) => kind === "muon").length !== 4) throw new Error(`got ${kinds}`);
 * ```
 */
export function optimizerGroups(
  config: GPTConfig,
  learningRates: LearningRates = {},
): NamedGroup[] {
  const {
    unembeddingLr = 0.004,
    embeddingLr = 0.2,
    matrixLr = 0.02,
    weightDecay = 0,
    scalarLr = 0.5,
  } = learningRates;
  const shapes = parameterShapes(config);
  const namesOf = (group: string): string[] =>
    [...shapes.keys()].filter((name) => parameterGroup(name) === group);
  const widthScale = (config.nEmbd / tunedWidth) ** -0.5;
  const eps = 1e-10;

  return [
    {
      kind: "adamw",
      names: namesOf("lmHead"),
      lr: unembeddingLr * widthScale,
      betas: [0.8, 0.96],
      eps,
      weightDecay: 0.01,
    },
    {
      kind: "adamw",
      names: namesOf("wte"),
      lr: embeddingLr * widthScale,
      betas: [0.8, 0.995],
      eps,
      weightDecay: 0.001,
    },
    {
      kind: "adamw",
      names: namesOf("valueEmbeds"),
      lr: embeddingLr * widthScale * 0.5,
      betas: [0.8, 0.995],
      eps,
      weightDecay: 0.01,
    },
    {
      kind: "adamw",
      names: ["resid_lambdas"],
      lr: scalarLr * 0.01,
      betas: [0.8, 0.95],
      eps,
      weightDecay: 0.05,
    },
    {
      kind: "adamw",
      names: ["x0_lambdas"],
      lr: scalarLr,
      betas: [0.96, 0.95],
      eps,
      weightDecay: 0,
    },
    {
      kind: "adamw",
      names: ["smear_gate.weight", "smear_lambda", "backout_lambda"],
      lr: 0.2,
      betas: [0.8, 0.95],
      eps,
      weightDecay: 0,
    },
    ...groupByShape(namesOf("transformerMatrices"), shapes).map((names): NamedGroup => ({
      kind: "muon",
      names,
      lr: matrixLr,
      momentum: 0.95,
      orthogonalizationSteps: 5,
      beta2: 0.9,
      weightDecay,
    })),
  ];
}

/**
 * The groups of {@linkcode optimizerGroups} with the parameters themselves, for the optimizer.
 *
 * @param parameters The model's, by name.
 */
export function optimizerGroupOptions(
  config: GPTConfig,
  learningRates: LearningRates,
  parameters: ReadonlyMap<string, Tensor>,
): MuonAdamWGroupOptions[] {
  return optimizerGroups(config, learningRates).map(({ names, ...group }) => ({
    ...group,
    parameters: new Map(names.map((name) => [name, parameters.get(name)!])),
  }));
}

/** Groups matrices by shape: fewer rows first, then fewer columns. */
function groupByShape(names: readonly string[], shapes: Map<string, number[]>): string[][] {
  const groups = new Map<string, { shape: number[]; names: string[] }>();
  for (const name of names) {
    const shape = shapes.get(name)!;
    const key = shape.join("x");
    const group = groups.get(key) ?? { shape, names: [] };
    group.names.push(name);
    groups.set(key, group);
  }
  return [...groups.values()]
    .sort((a, b) => a.shape[0]! - b.shape[0]! || a.shape[1]! - b.shape[1]!)
    .map((group) => group.names);
}
