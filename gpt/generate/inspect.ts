/** Looking inside a model: attention, logit lens, surprise and gates of one forward pass. @module */

import { type Device, gather, noGrad, Tensor, topK } from "../../tensor/mod.ts";
import { wrongValue } from "../../tensor/errors.ts";
import type { Watch } from "../model/block.ts";
import type { CachedForwardOptions, LanguageModel } from "./language_model.ts";

/** The names of a model's intermediate values. */
export interface WatchedNames {
  /** The residual stream as it enters, after each layer, and as the head reads it, `[B, T, width]`. */
  readonly stages: readonly string[];
  /** Attention weights of each layer, `[B, heads, T, T]`. */
  readonly patterns: readonly string[];
  /** Weights of value embeddings of each layer, `[B, T, heads]`, in layers that have some. */
  readonly gates: readonly string[];
  /** Weights of the previous token's embedding, `[B, T − 1, 1]`, if the model has any. */
  readonly smear: string;
}

/** A model whose intermediate values can be watched. */
export interface InspectableModel extends LanguageModel {
  /** The names that `watch` is called with. */
  readonly watchedNames: WatchedNames;
  /** Runs the model, and calls `watch` with its intermediate values. */
  forward(
    ids: Tensor,
    targets?: undefined,
    options?: CachedForwardOptions & { readonly watch?: Watch },
  ): Tensor;
  /** The logits if the head read this residual stream, `[B, T, vocabSize]`. */
  logits(stream: Tensor): Tensor;
}

/** The residual stream at one place in the model, for each of T tokens. */
export interface InspectedStage {
  /** The root mean square, `[T]`. */
  readonly size: Float32Array;
  /** The logit lens: the likeliest next tokens if this were the last stage, `[T, lensTokens]`. */
  readonly likely: Int32Array;
  /** Their probabilities, `[T, lensTokens]`. */
  readonly probabilities: Float32Array;
  /** The probability of the token that follows, `[T − 1]`; surprise is −log₂ of it. */
  readonly next: Float32Array;
}

/** The intermediate results of a forward pass over T tokens. */
export interface Inspection {
  /** Attention weights `[T, T]`, by layer and head: a row reads, a column is read. */
  readonly attention: readonly (readonly Float32Array[])[];
  /** The residual stream as it enters, after each layer, and as the head reads it. */
  readonly stages: readonly InspectedStage[];
  /** The largest logits of each token in descending order, `[T, candidates]`. */
  readonly logits: Float32Array;
  /** The tokens that they belong to, `[T, candidates]`. */
  readonly candidates: Int32Array;
  /** Weight of the previous embedding, for each token but the first: `[T − 1]`; empty without any. */
  readonly smear: Float32Array;
  /** Weights of value embeddings `[T, nKvHead]`, by layer; `null` in layers without any. */
  readonly gates: readonly (Float32Array | null)[];
}

/** Options for {@linkcode inspect}. */
export interface InspectOptions {
  /** The number of tokens that the logit lens names. @default {5} */
  readonly lensTokens?: number;
  /** The number of logits of each token; at most the vocabulary. @default {50} */
  readonly candidates?: number;
}

/**
 * Runs a model once over tokens, and reads what it computes on its way to the next ones.
 *
 * Attention takes `nLayer · nHead · T²` numbers, so this is for some hundred tokens.
 *
 * @param ids T tokens, at least one.
 * @throws {RangeError} If there are no tokens, more than the model can see, or unknown ones.
 *
 * @example How surprised is a model by each token?
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { inspect } from "./inspect.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 64, windowPattern: "L" }, device, { seed: 1 });
 * const { stages } = await inspect(model, [3, 1, 4]);
 * const bits = Array.from(stages.at(-1)!.next, (probability) => -Math.log2(probability));
 * // An untrained model has no idea: log₂ of 64 tokens.
 * if (bits.some((surprise) => Math.abs(surprise - 6) > 0.1)) throw new Error(`${bits}`);
 * await device.close();
 * ```
 */
export async function inspect(
  model: InspectableModel,
  ids: readonly number[],
  { lensTokens = 5, candidates = 50 }: InspectOptions = {},
): Promise<Inspection> {
  const { device, config: { vocabSize }, watchedNames: names } = model;
  const length = ids.length;
  if (length === 0) throw wrongValue("inspect a model", "at least 1 token", "0");
  using _scope = device.scope();
  const seen = new Map<string, Tensor>();
  const watch = (name: string, value: Tensor) => void seen.set(name, value);
  const tokens = asRow(device, ids);
  // No token follows the last one: the value gathered for it is cut off.
  const following = asRow(device, [...ids.slice(1), ids[0]!]).unsqueeze(-1);
  const logits = noGrad(() => model.forward(tokens, undefined, { watch }));
  const stages: InspectedStage[] = [];
  for (const stage of names.stages) {
    using _scope = device.scope();
    const stream = seen.get(stage)!;
    const [size, likely, next] = noGrad(() => {
      const probabilities = model.logits(stream).softmax();
      return [
        stream.to("float32").square().mean(-1).sqrt(),
        topK(probabilities, Math.min(lensTokens, vocabSize)),
        gather(probabilities, -1, following),
      ];
    });
    stages.push({
      size: await floats(size),
      likely: Int32Array.from(await likely.indices.data()),
      probabilities: await floats(likely.values),
      next: (await floats(next)).subarray(0, length - 1),
    });
  }
  const attention: Float32Array[][] = [];
  const gates: (Float32Array | null)[] = [];
  for (const name of names.patterns) {
    const pattern = seen.get(name)!;
    const [values, area] = [await floats(pattern), length ** 2];
    attention.push(
      Array.from(
        { length: pattern.shape[1]! },
        (_, head) => values.slice(head * area, (head + 1) * area),
      ),
    );
  }
  for (const name of names.gates) {
    const gate = seen.get(name);
    gates.push(gate === undefined ? null : await floats(gate));
  }
  const smear = seen.get(names.smear);
  const best = topK(logits, Math.min(candidates, vocabSize));
  return {
    attention,
    stages,
    logits: await floats(best.values),
    candidates: Int32Array.from(await best.indices.data()),
    smear: smear === undefined ? new Float32Array() : await floats(smear),
    gates,
  };
}

function asRow(device: Device, ids: readonly number[]): Tensor {
  return Tensor.from(device, Int32Array.from(ids), { shape: [1, ids.length] });
}

async function floats(tensor: Tensor): Promise<Float32Array> {
  return Float32Array.from(await tensor.data());
}
