/**
 * Parameter groups of nanochat's optimizer: Muon trains the matrices in layers, with one group per
 * shape so that it is updated as one stack; AdamW everything else.
 *
 * Source: nanochat, `setup_optimizer` in `nanochat/gpt.py`.
 *
 * @module
 */

import type { AdamWGroup, MuonAdamWGroupOptions, MuonGroup } from "../../optim/mod.ts";
import { checkOptions } from "../../tensor/checks.ts";
import type { Tensor } from "../../tensor/mod.ts";
import type { GPTConfig } from "./config.ts";
import { parameterGroup, parameterShapes } from "./parameters.ts";

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

const DEFAULTS: Required<LearningRates> = {
  unembeddingLr: 0.004,
  embeddingLr: 0.2,
  matrixLr: 0.02,
  weightDecay: 0,
  scalarLr: 0.5,
};

export type NamedGroup =
  | Omit<AdamWGroup, "parameters" | "initialLr">
  | Omit<MuonGroup, "parameters" | "initialLr" | "orthogonalizationDtype">;

/** The width at which AdamW's learning rates were tuned. */
const tunedWidth = 768;

/**
 * Divides a model's parameters into groups; every parameter is in one of them.
 *
 * Learning rates of embeddings and head scale with 1/√width.
 *
 * @throws {TypeError} If a name is unknown.
 */
export function optimizerGroups(
  config: GPTConfig,
  learningRates: LearningRates = {},
): NamedGroup[] {
  checkOptions("make an optimizer", learningRates, DEFAULTS);
  const rates = { ...DEFAULTS, ...learningRates };
  const shapes = parameterShapes(config);
  const namesOf = (group: string): string[] =>
    [...shapes.keys()].filter((name) => parameterGroup(name) === group);
  const widthScale = (config.nEmbd / tunedWidth) ** -0.5;
  const adamw = (
    names: string[],
    lr: number,
    betas: readonly [number, number],
    weightDecay: number,
  ): NamedGroup => ({ kind: "adamw", names, lr, betas, eps: 1e-10, weightDecay });

  return [
    adamw(namesOf("lmHead"), rates.unembeddingLr * widthScale, [0.8, 0.96], 0.01),
    adamw(namesOf("wte"), rates.embeddingLr * widthScale, [0.8, 0.995], 0.001),
    adamw(namesOf("valueEmbeds"), rates.embeddingLr * widthScale * 0.5, [0.8, 0.995], 0.01),
    adamw(["resid_lambdas"], rates.scalarLr * 0.01, [0.8, 0.95], 0.05),
    adamw(["x0_lambdas"], rates.scalarLr, [0.96, 0.95], 0),
    adamw(["smear_gate.weight", "smear_lambda", "backout_lambda"], 0.2, [0.8, 0.95], 0),
    ...groupByShape(namesOf("transformerMatrices"), shapes).map((names): NamedGroup => ({
      kind: "muon",
      names,
      lr: rates.matrixLr,
      momentum: 0.95,
      orthogonalizationSteps: 5,
      beta2: 0.9,
      weightDecay: rates.weightDecay,
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

/** Names of matrices by shape, in the order of rows, then columns. */
function groupByShape(names: readonly string[], shapes: Map<string, number[]>): string[][] {
  const length = (name: string, axis: number) => shapes.get(name)![axis]!;
  const sorted = names.toSorted((a, b) =>
    length(a, 0) - length(b, 0) || length(a, 1) - length(b, 1)
  );
  return [...Map.groupBy(sorted, (name) => shapes.get(name)!.join("x")).values()];
}
