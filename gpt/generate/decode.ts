/**
 * The decoding step of a GPT: one token for each sequence in a KV cache, with its operations fused,
 * because launching kernels takes most of the time of so little work. A test holds it equal to
 * {@linkcode GPT.forward}.
 *
 * @module
 */

import { inType, type Linear } from "../../nn/mod.ts";
import {
  concat,
  defineProgram,
  embedding,
  expression as ex,
  rmsNorm,
  rotary,
  runProgram,
  type Tensor,
} from "../../tensor/mod.ts";
import { ATTENTION_SHARPNESS, type Block, VALUE_GATE_SCALE } from "../model/block.ts";
import { headSize, LOGIT_CAP, smearChannels } from "../model/config.ts";
import type { GPT } from "../model/model.ts";
import type { SmearCache } from "../model/smear_cache.ts";
import { attentionStep } from "./kernels/attention_step.ts";
import { linears } from "./kernels/linears.ts";
import { SequenceRows } from "./sequence_rows.ts";

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
  readonly rows: SequenceRows;
}

/**
 * Runs the next tokens of several sequences: see {@linkcode LanguageModel.decode}. All but attention is
 * computed for all of them together.
 */
export function decodeFused(
  model: GPT,
  ids: Tensor,
  caches: readonly SmearCache[],
  counts?: readonly number[],
): Tensor {
  const rows = SequenceRows.ofDecoding(caches, ids.shape[0]!, counts);
  model.checkTokens(ids, rows.longest - 1);
  const { device, config, computeDtype, transformer } = model;
  using scope = device.scope();
  const { cos, sin } = rows.angles((start, count) => model.rotaryAngles(start, count));
  const embedded = rmsNorm(transformer.wte.forward(ids).to(computeDtype));
  const own = rows.split(embedded);
  const previous = rows.join(own.map((part, i) => {
    const [{ previousEmbedding }, tokens] = [caches[i]!, part.shape[1]!];
    if (tokens === 1) return previousEmbedding;
    return concat([previousEmbedding, part.slice(1, 0, tokens - 1)], 1);
  }));
  const gate = model.smear_gate.forward(embedded.slice(-1, 0, smearChannels));
  const operands = [embedded, previous, gate, model.smear_lambda];
  const x0 = runProgram(smear, operands, [], computeDtype);
  let x = x0;
  let middle = x0;
  transformer.h.forEach((block, layer) => {
    const lambdas = [model.resid_lambdas, model.x0_lambdas].map((all) =>
      all.slice(0, layer, layer + 1)
    );
    x = runProgram(mixResidual, [x, x0, ...lambdas], [], computeDtype);
    x = decodeBlock(block, x, { model, layer, ids, rows, cos, sin });
    if (layer === Math.floor(config.nLayer / 2)) middle = x;
  });
  caches.forEach((cache, i) => cache.advanceWith(own[i]!));
  const stream = runProgram(backOut, [x, middle, model.backout_lambda], [], "float32");
  if (computeDtype === "bfloat16") return scope.keep(model.logits(rows.last(stream)));
  const weight = model.lm_head.weight.slice(0, 0, config.vocabSize);
  const [logits] = linears(rows.last(stream), [weight], {
    normalize: true,
    activation: { softcap: LOGIT_CAP },
  });
  return scope.keep(logits!);
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
  const { model, layer, ids, cos, sin, rows } = context;
  const window = model.windows[layer]!;
  const size = headSize(model.config);
  const scale = ATTENTION_SHARPNESS / Math.sqrt(size);
  const heads = (rows: Tensor) => rows.reshape([rows.shape[0]!, 1, -1, size]);
  const projections = { queries: heads(q!), keys: heads(k!), values: heads(v!) };
  const table = model.value_embeds[layer]?.weight;
  const gated = table === undefined || gate === undefined ? null : { table, gate };
  const [cache] = rows.caches;
  if (rows.caches.length === 1 && cache!.batchSize === ids.shape[0]) {
    const { keys: cachedKeys, values: cachedValues } = cache!.buffers(layer);
    const inOneKernel = attentionStep({
      ...projections,
      embedding: gated && { ...gated, ids, scale: VALUE_GATE_SCALE },
      cos,
      sin,
      window,
      scale,
      cachedKeys,
      cachedValues,
      position: cache!.position,
    });
    if (inOneKernel !== null) return inOneKernel;
  }
  let { values } = projections;
  if (gated !== null) {
    const embeddings = embedding(gated.table, ids).reshape(values.shape);
    const operands = [values, embeddings, gated.gate.unsqueeze(-1)];
    values = runProgram(mixValueEmbedding, operands, [], model.computeDtype);
  }
  const queries = rmsNorm(rotary(projections.queries, cos, sin));
  const keys = rmsNorm(rotary(projections.keys, cos, sin));
  return rows.attend(layer, queries, keys, values, { window, scale });
}
