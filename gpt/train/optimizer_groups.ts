/**
 * Parameter groups of nanochat's optimizer: Muon trains the matrices in layers, with one group per
 * shape so that it is updated as one stack; AdamW everything else.
 *
 * Source: nanochat, `setup_optimizer` in `nanochat/gpt.py`.
 *
 * @module
 */

import type { AdamWGroup, MuonAdamWGroupOptions, MuonGroup } from "../../optim/mod.ts";
import type { Tensor } from "../../tensor/mod.ts";
import type { GPTConfig } from "../model/config.ts";
import { parameterGroup, parameterShapes } from "../model/parameters.ts";

/** Learning rates by part of the model, and the weight decay of matrices. */
export interface LearningRates {
  /** The head. @default {0.004} */
  readonly unembeddingLr?: number;
  /** The embedding; half of it for value embeddings. @default {0.2} */
  readonly embeddingLr?: number;
  /** Matrices in layers. @default {0.02} */
  readonly matrixLr?: number;
  /** Cautious weight decay of matrices in layers. @default {0} */
  readonly weightDecay?: number;
  /** Scalars of layers. @default {0.5} */
  readonly scalarLr?: number;
}

export type NamedGroup =
  | Omit<AdamWGroup, "parameters" | "initialLr">
  | Omit<MuonGroup, "parameters" | "initialLr">;

/** The width at which AdamW's learning rates were tuned. */
const tunedWidth = 768;

/**
 * Divides a model's parameters into groups; every parameter is in one of them.
 *
 * Learning rates of embeddings and head scale with 1/√width.
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

/** {@linkcode optimizerGroups} with the parameters themselves, by name. */
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
