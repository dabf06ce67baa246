/**
 * The decoding step of a GPT: one token for each sequence in a KV cache, with its operations fused,
 * because launching kernels takes most of the time of so little work. A test holds it equal to
 * {@linkcode GPT.forward}.
 *
 * @module
 */

import { inType, type Linear } from "../../nn/mod.ts";
import {
  attention,
  attentionStep,
  concat,
  defineProgram,
  embedding,
  expression as ex,
  linears,
  rmsNorm,
  rotaryNorm,
  runProgram,
  stack,
  type Tensor,
} from "../../tensor/mod.ts";
import { ATTENTION_SHARPNESS, type Block, VALUE_GATE_SCALE } from "../model/block.ts";
import { headSize, LOGIT_CAP, smearChannels } from "../model/config.ts";
import type { GPT } from "../model/model.ts";
import type { SmearCache } from "../model/smear_cache.ts";

const smear = defineProgram(
  { name: "smear", inputs: ["current", "previous", "gate", "lambda"] },
  ({ current, previous, gate, lambda }) => [
    ex.add(current, ex.multiply(ex.multiply(lambda, ex.sigmoid(gate)), previous)),
  ],
);

const mixResidual = defineProgram(
  { name: "residual mix", inputs: ["x", "x0", "residLambda", "x0Lambda"] },
  ({ x, x0, residLambda, x0Lambda }) => [
    ex.add(ex.multiply(residLambda, x), ex.multiply(x0Lambda, x0)),
  ],
);

const mixValueEmbedding = defineProgram(
  { name: "value residual", inputs: ["value", "embedding", "gate"] },
  ({ value, embedding, gate }) => [
    ex.add(value, ex.multiply(ex.multiply(VALUE_GATE_SCALE, ex.sigmoid(gate)), embedding)),
  ],
);

const backOut = defineProgram(
  { name: "backout", inputs: ["x", "middle", "lambda"] },
  ({ x, middle, lambda }) => [ex.subtract(x, ex.multiply(lambda, middle))],
);

interface Context {
  readonly model: GPT;
  readonly layer: number;
  readonly ids: Tensor;
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** One for all sequences, or one for each. */
  readonly caches: readonly SmearCache[];
}

/**
 * Runs one token of each sequence. All but attention is computed for all of them together.
 *
 * @param ids `int32 [sequences, 1]`
 * @param caches The earlier tokens: one cache of all sequences, or one of one sequence for each.
 * @returns The logits of the next token, `[sequences, 1, vocabSize]`.
 */
export function decodeFused(model: GPT, ids: Tensor, caches: readonly SmearCache[]): Tensor {
  model.checkTokens(ids, Math.max(...caches.map(({ position }) => position)));
  const { device, config, computeDtype, transformer } = model;
  using scope = device.scope();
  const angles = anglesOf(model, caches);
  const embedded = rmsNorm(transformer.wte.forward(ids).to(computeDtype));
  const previous = joined(caches.map(({ previousEmbedding }) => previousEmbedding));
  const gate = model.smear_gate.forward(embedded.slice(-1, 0, smearChannels));
  const operands = [embedded, previous, gate, model.smear_lambda];
  const [x0] = runProgram(smear, operands, [], computeDtype) as [Tensor];
  let x = x0;
  let middle = x0;
  transformer.h.forEach((block, layer) => {
    const lambdas = [model.resid_lambdas, model.x0_lambdas].map((all) =>
      all.slice(0, layer, layer + 1)
    );
    [x] = runProgram(mixResidual, [x, x0, ...lambdas], [], computeDtype) as [Tensor];
    x = decodeBlock(block, x, { model, layer, ids, caches, ...angles });
    if (layer === Math.floor(config.nLayer / 2)) middle = x;
  });
  caches.forEach((cache, i) => cache.advanceWith(partOf(embedded, caches, i)));
  const [stream] = runProgram(backOut, [x, middle, model.backout_lambda], [], "float32");
  const weight = model.lm_head.weight.slice(0, 0, config.vocabSize);
  const [logits] = linears(stream!, [weight], {
    normalize: true,
    activation: { softcap: LOGIT_CAP },
  });
  return scope.keep(logits!);
}

/** The angles of the next position of each cache: `[1, 1, size / 2]`, or `[sequences, 1, 1, size / 2]`. */
function anglesOf(model: GPT, caches: readonly SmearCache[]): { cos: Tensor; sin: Tensor } {
  const all = caches.map(({ position }) => model.rotaryAngles(position, 1));
  if (all.length === 1) return all[0]!;
  return { cos: stack(all.map(({ cos }) => cos)), sin: stack(all.map(({ sin }) => sin)) };
}

/** Rows of the sequences of all caches, from those in each. */
function joined(parts: readonly Tensor[]): Tensor {
  return parts.length === 1 ? parts[0]! : concat(parts);
}

/** The rows of the sequences in a cache. */
function partOf(x: Tensor, caches: readonly SmearCache[], i: number): Tensor {
  return caches.length === 1 ? x : x.slice(0, i, i + 1);
}

function decodeBlock({ attn, mlp }: Block, x: Tensor, context: Context): Tensor {
  const weightOf = ({ weight }: Linear) => inType(weight, x.dtype);
  const gates = attn.ve_gate === undefined ? [] : [attn.ve_gate];
  const projections = [attn.c_q, attn.c_k, attn.c_v, ...gates].map(weightOf);
  const gathered = decodeAttention(linears(x, projections, { normalize: true }), context);
  const joined = gathered.reshape(x.shape);
  const [afterAttention] = linears(joined, [weightOf(attn.c_proj)], { residual: x });
  const wide = { normalize: true, activation: "reluSquared" } as const;
  const [hidden] = linears(afterAttention!, [weightOf(mlp.c_fc)], wide);
  return linears(hidden!, [weightOf(mlp.c_proj)], { residual: afterAttention! })[0]!;
}

/** Attention, from queries, keys, values and perhaps gate: one kernel on a GPU if they allow it. */
function decodeAttention([q, k, v, gate]: readonly Tensor[], context: Context): Tensor {
  const { model, layer, ids, cos, sin, caches } = context;
  const window = model.windows[layer]!;
  const size = headSize(model.config);
  const scale = ATTENTION_SHARPNESS / Math.sqrt(size);
  const heads = (rows: Tensor) => rows.reshape([rows.shape[0]!, 1, -1, size]);
  const projections = { queries: heads(q!), keys: heads(k!), values: heads(v!) };
  const table = model.value_embeds[layer]?.weight;
  const gated = table === undefined || gate === undefined ? null : { table, gate };
  if (caches.length === 1) {
    const { keys: cachedKeys, values: cachedValues } = caches[0]!.buffers(layer);
    const inOneKernel = attentionStep({
      ...projections,
      embedding: gated && { ...gated, ids, scale: VALUE_GATE_SCALE },
      ...{ cos, sin, window, scale, cachedKeys, cachedValues, position: caches[0]!.position },
    });
    if (inOneKernel !== null) return inOneKernel;
  }
  let { values } = projections;
  if (gated !== null) {
    const embeddings = embedding(gated.table, ids).reshape(values.shape);
    const operands = [values, embeddings, gated.gate.unsqueeze(-1)];
    [values] = runProgram(mixValueEmbedding, operands, [], model.computeDtype) as [Tensor];
  }
  const queries = rotaryNorm(projections.queries, cos, sin);
  const keys = rotaryNorm(projections.keys, cos, sin);
  return joined(caches.map((cache, i) => {
    const of = (x: Tensor) => partOf(x, caches, i);
    const all = cache.extend(layer, of(keys), of(values));
    return attention(of(queries), all.keys, all.values, { window, scale });
  }));
}
