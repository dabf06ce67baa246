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
  readonly rows: Rows;
}

/** The rows of a batch, `[tokens, 1, …]`, and the caches that they belong to. */
class Rows {
  readonly caches: readonly SmearCache[];
  readonly #ends: readonly number[];

  /** @param counts The number of tokens for each cache; one cache may be of several sequences. */
  constructor(caches: readonly SmearCache[], counts: readonly number[]) {
    this.caches = caches;
    let end = 0;
    this.#ends = counts.map((count) => end += count);
  }

  /** For each cache its tokens, `[sequences, tokens, …]`. */
  split(x: Tensor): Tensor[] {
    if (this.caches.length === 1 && this.caches[0]!.batchSize === x.shape[0]) return [x];
    return this.#ends.map((end, i) => {
      const part = x.slice(0, this.#ends[i - 1] ?? 0, end);
      return part.reshape([1, part.shape[0]!, ...x.shape.slice(2)]);
    });
  }

  /** Undoes `split`. */
  join(parts: readonly Tensor[]): Tensor {
    if (parts.length === 1 && parts[0]!.shape[1] === 1) return parts[0]!;
    const rows = parts.map((part) => part.reshape([-1, 1, ...part.shape.slice(2)]));
    return rows.length === 1 ? rows[0]! : concat(rows);
  }

  /** The last token for each cache, `[sequences, 1, …]`. */
  last(x: Tensor): Tensor {
    if (this.#ends.at(-1) === this.caches.length) return x;
    const last = this.#ends.map((end) => x.slice(0, end - 1, end));
    return last.length === 1 ? last[0]! : concat(last);
  }
}

/**
 * Runs one token of each sequence, or several. All but attention is computed for all of them together.
 *
 * @param ids `int32 [tokens, 1]`: those of the first sequence, of the second, and so on.
 * @param caches The earlier tokens: one cache of all sequences, or one of one sequence for each.
 * @param counts The number of tokens of each sequence. @default one each
 * @returns The logits of the next token, `[sequences, 1, vocabSize]`.
 */
export function decodeFused(
  model: GPT,
  ids: Tensor,
  caches: readonly SmearCache[],
  counts: readonly number[] = caches.map(() => 1),
): Tensor {
  model.checkTokens(ids, Math.max(...caches.map(({ position }, i) => position + counts[i]! - 1)));
  const rows = new Rows(caches, counts);
  const { device, config, computeDtype, transformer } = model;
  using scope = device.scope();
  const angles = anglesOf(model, rows, counts);
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
    x = decodeBlock(block, x, { model, layer, ids, rows, ...angles });
    if (layer === Math.floor(config.nLayer / 2)) middle = x;
  });
  caches.forEach((cache, i) => cache.advanceWith(own[i]!));
  const stream = runProgram(backOut, [x, middle, model.backout_lambda], [], "float32");
  const weight = model.lm_head.weight.slice(0, 0, config.vocabSize);
  const [logits] = linears(rows.last(stream), [weight], {
    normalize: true,
    activation: { softcap: LOGIT_CAP },
  });
  return scope.keep(logits!);
}

/** The angles of the next positions of each cache: `[1, 1, size / 2]`, or `[tokens, 1, 1, size / 2]`. */
function anglesOf(
  model: GPT,
  { caches }: Rows,
  counts: readonly number[],
): { cos: Tensor; sin: Tensor } {
  const all = caches.map(({ position }, i) => model.rotaryAngles(position, counts[i]!));
  if (all.length === 1 && counts[0] === 1) return all[0]!;
  const join = (name: "cos" | "sin") => concat(all.map((angles) => angles[name])).unsqueeze(1);
  return { cos: join("cos"), sin: join("sin") };
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
      ...{ cos, sin, window, scale, cachedKeys, cachedValues, position: cache!.position },
    });
    if (inOneKernel !== null) return inOneKernel;
  }
  let { values } = projections;
  if (gated !== null) {
    const embeddings = embedding(gated.table, ids).reshape(values.shape);
    const operands = [values, embeddings, gated.gate.unsqueeze(-1)];
    values = runProgram(mixValueEmbedding, operands, [], model.computeDtype);
  }
  const queries = rotaryNorm(projections.queries, cos, sin);
  const keys = rotaryNorm(projections.keys, cos, sin);
  const [ownKeys, ownValues] = [rows.split(keys), rows.split(values)];
  return rows.join(
    rows.split(queries).map((own, i) => {
      const all = rows.caches[i]!.extend(layer, ownKeys[i]!, ownValues[i]!);
      return attention(own, all.keys, all.values, { window, scale });
    }),
  );
}
