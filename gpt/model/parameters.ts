/** Parameters of a GPT: names, shapes, counts. Source: nanochat, `nanochat/gpt.py`. @module */

import { sizeOf } from "../../tensor/layout.ts";
import {
  type GPTConfig,
  hasValueEmbedding,
  headSize,
  paddedVocabSize,
  smearChannels,
  valueGateChannels,
} from "./config.ts";

/**
 * The shape of each parameter, by its name in nanochat's `state_dict`, in that order. Weights are
 * [outputs, inputs].
 *
 * @example
 * ```ts
 * import { parameterShapes } from "./parameters.ts";
 *
 * const size = { sequenceLen: 256, vocabSize: 4096, nLayer: 4, nHead: 4, nKvHead: 2, nEmbd: 256 };
 * const shapes = parameterShapes({ ...size, windowPattern: "SSSL" });
 * const keys = shapes.get("transformer.h.0.attn.c_k.weight");
 * if (keys?.join() !== "128,256") throw new Error(`got ${keys}`);
 * ```
 */
export function parameterShapes(config: GPTConfig): Map<string, number[]> {
  const { nLayer, nHead, nKvHead, nEmbd } = config;
  const vocabSize = paddedVocabSize(config);
  const queryWidth = nHead * headSize(config);
  const keyWidth = nKvHead * headSize(config);
  const layers = Array.from({ length: nLayer }, (_, layer) => layer);

  const shapes = new Map<string, number[]>([
    ["resid_lambdas", [nLayer]],
    ["x0_lambdas", [nLayer]],
    ["smear_lambda", [1]],
    ["backout_lambda", [1]],
    ["transformer.wte.weight", [vocabSize, nEmbd]],
  ]);
  for (const layer of layers) {
    const block = `transformer.h.${layer}`;
    shapes.set(`${block}.attn.c_q.weight`, [queryWidth, nEmbd]);
    shapes.set(`${block}.attn.c_k.weight`, [keyWidth, nEmbd]);
    shapes.set(`${block}.attn.c_v.weight`, [keyWidth, nEmbd]);
    shapes.set(`${block}.attn.c_proj.weight`, [nEmbd, nEmbd]);
    if (hasValueEmbedding(layer, nLayer)) {
      shapes.set(`${block}.attn.ve_gate.weight`, [nKvHead, valueGateChannels]);
    }
    shapes.set(`${block}.mlp.c_fc.weight`, [4 * nEmbd, nEmbd]);
    shapes.set(`${block}.mlp.c_proj.weight`, [nEmbd, 4 * nEmbd]);
  }
  shapes.set("lm_head.weight", [vocabSize, nEmbd]);
  shapes.set("smear_gate.weight", [1, smearChannels]);
  for (const layer of layers.filter((layer) => hasValueEmbedding(layer, nLayer))) {
    shapes.set(`value_embeds.${layer}.weight`, [vocabSize, keyWidth]);
  }
  return shapes;
}

/** Parts of a model, by which parameters are counted and trained. */
export type ParameterGroup =
  | "wte"
  | "valueEmbeds"
  | "lmHead"
  | "transformerMatrices"
  | "scalars";

/** The part of a model that a parameter of {@linkcode parameterShapes} belongs to. */
export function parameterGroup(name: string): ParameterGroup {
  if (name.startsWith("transformer.wte.")) return "wte";
  if (name.startsWith("transformer.h.")) return "transformerMatrices";
  if (name.startsWith("value_embeds.")) return "valueEmbeds";
  if (name.startsWith("lm_head.")) return "lmHead";
  return "scalars";
}

/** Number of parameters by part, and in total. */
export type ParameterCounts = Record<ParameterGroup | "total", number>;

/**
 * Counts the parameters of each part, with the padding of the head and the embeddings.
 *
 * @example
 * ```ts
 * import { parameterCounts } from "./parameters.ts";
 *
 * const size = { sequenceLen: 256, vocabSize: 256, nLayer: 4, nHead: 2, nKvHead: 2, nEmbd: 64 };
 * const { total } = parameterCounts({ ...size, windowPattern: "SSSL" });
 * if (total !== 262226) throw new Error(`expected 262226, got ${total}`);
 * ```
 */
export function parameterCounts(config: GPTConfig): ParameterCounts {
  const counts: ParameterCounts = {
    wte: 0,
    valueEmbeds: 0,
    lmHead: 0,
    transformerMatrices: 0,
    scalars: 0,
    total: 0,
  };
  for (const [name, shape] of parameterShapes(config)) {
    const count = sizeOf(shape);
    counts[parameterGroup(name)] += count;
    counts.total += count;
  }
  return counts;
}

/**
 * Counts the parameters that take part in matmuls: weights of linear layers, but neither
 * embeddings, which are looked up, nor scalars.
 */
export function matmulParameters(config: GPTConfig): number {
  const { lmHead, transformerMatrices } = parameterCounts(config);
  return lmHead + transformerMatrices + smearChannels;
}
