/** Scaled-dot-product attention. @module */

import { apply, type Operation } from "../../apply.ts";
import { checkOptions, checkThat, type OptionNames } from "../../checks.ts";
import { checkFloat, formatShape, shapesEqual, type Specification } from "../../layout.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import { runFastest } from "../../fast_paths.ts";
import { allocate, checkTensor, Tensor } from "../../tensor.ts";
import { attend, attendBackward, maskedSoftmax } from "./body.ts";
import { maskedAttention } from "./masked.ts";
import { type AttentionCall, type ForwardViews, UNLIMITED } from "./problem.ts";
import { copy } from "../elementwise.ts";
import { matmul } from "../matmul/matmul.ts";
import { runProgramOutputs } from "../program.ts";
import { expand, reshape, transpose, unsqueeze } from "../views.ts";

/** Options for {@linkcode attention}: the mask and the scale. */
export interface AttentionOptions {
  /** Whether to mask keys after the query's position. @default {true} */
  readonly causal?: boolean;
  /** Sliding window: the number of earlier keys a query attends to; −1 for all. @default {-1} */
  readonly window?: number;
  /** Scale of the scores q·k. @default {1 / √D} */
  readonly scale?: number;
  /**
   * 1 where a query attends to a key that the other options let it see, and 0 where not; broadcast to
   * `[B, H, Tq, Tk]`. A query without keys gets zeros, and one whose mask has other numbers, such as
   * those that PyTorch adds to the scores, gets NaN. All scores are in memory then.
   */
  readonly mask?: Tensor | undefined;
}

const PATTERN_OPTIONS = { causal: true, window: true, scale: true };
const OPTIONS: OptionNames<AttentionOptions> = { ...PATTERN_OPTIONS, mask: true };

type Attributes = Pick<AttentionCall<ForwardViews>, "scale" | "left" | "right">;

/** Checks the options of attention for these queries, and fills in the defaults. */
export function resolveOptions(q: Tensor, options: AttentionOptions): Attributes {
  checkTensor("compute attention", q);
  const { causal = true, window = -1, scale = 1 / Math.sqrt(q.shape.at(-1) ?? 1) } = options;
  const isCount = Number.isInteger(window) && window >= -1;
  checkThat(isCount, "compute attention", "a window of −1 or more keys, a whole number", window);
  const left = window < 0 ? UNLIMITED : Math.min(window, UNLIMITED);
  return { scale, left, right: causal ? 0 : UNLIMITED };
}

function describe<V extends ForwardViews>(views: V, attributes: Attributes): AttentionCall<V> {
  const [batch, queries, heads, headSize] = views.q.shape as [number, number, number, number];
  const [, keys, keyHeads] = views.k.shape as [number, number, number];
  return { views, batch, queries, keys, heads, keyHeads, headSize, ...attributes };
}

function checkOperands(operands: readonly Specification[], { right }: Attributes): void {
  const [q, k, v] = operands as [Specification, Specification, Specification];
  checkFloat("compute attention", q.dtype, "q of type ");
  for (const [i, { dtype, shape }] of operands.entries()) {
    const name = "qkv"[i];
    if (dtype !== q.dtype) {
      throw wrongType("compute attention", `${name} of type ${q.dtype}`, dtype);
    }
    if (shape.length !== 4 || shape[2] === 0 || shape[3] === 0) {
      const wanted = `${name} of shape [batch, tokens, heads, head size]`;
      throw wrongValue("compute attention", wanted, formatShape(shape));
    }
  }
  const shapes = operands.map(({ shape }, i) => `${"qkv"[i]} ${formatShape(shape)}`).join(", ");
  const wrong = (wanted: string, got: string) =>
    wrongValue("compute attention", wanted, `${got} (${shapes})`);
  if (!shapesEqual(k.shape, v.shape)) throw wrong("k and v of one shape", "two");
  const [batch, queries, heads, headSize] = q.shape as [number, number, number, number];
  const [keyBatch, keys, keyHeads, keySize] = k.shape as [number, number, number, number];
  if (batch !== keyBatch) throw wrong(`a batch of ${batch} for q and k`, `${keyBatch} for k`);
  if (headSize !== keySize) throw wrong(`a head size of ${headSize}`, `${keySize} for k`);
  if (heads % keyHeads !== 0) {
    throw wrong("query heads in equal groups", `${heads} for ${keyHeads} key heads`);
  }
  if (right === 0 && keys < queries) {
    throw wrong(`at least ${queries} keys, as many as queries, since causal is set`, `${keys}`);
  }
}

const attentionOperation: Operation<
  Attributes,
  readonly [q: Tensor, k: Tensor, v: Tensor],
  readonly [y: Tensor, logSums: Tensor]
> = {
  name: "attention",
  infer: (operands, attributes) => {
    checkOperands(operands, attributes);
    const [batch, queries, heads] = operands[0]!.shape as [number, number, number];
    return [
      { shape: operands[0]!.shape, dtype: operands[0]!.dtype },
      // The log-sum-exp, log₂ Σ 2^score: all that the gradient needs of the softmax.
      { shape: [batch, heads, queries], dtype: "float32" },
    ];
  },
  run: (device, operands, [y, logSums], attributes) => {
    const [q, k, v] = operands.map(withUnitStride) as [Tensor, Tensor, Tensor];
    const views = { q, k, v, y, logSums };
    if (y.size === 0) return;
    const call = describe(views, attributes);
    runFastest("attention", call, device, () => attend(device, views, call));
  },
  gradient: {
    savesInputs: [0, 1, 2],
    savesOutputs: [0, 1],
    apply: (upstream, saved, attributes) => {
      const { device } = upstream;
      const [q, k, v, dy] = [saved.input(0), saved.input(1), saved.input(2), upstream]
        .map(withUnitStride) as [Tensor, Tensor, Tensor, Tensor];
      const [dq, dk, dv] = [q, k, v].map(({ shape, dtype }) =>
        allocate(device, { shape, dtype }, "the gradient of attention")
      ) as [Tensor, Tensor, Tensor];
      const views = { q, k, v, y: saved.output(0), logSums: saved.output(1), dy, dq, dk, dv };
      if (q.shape[0] === 0) return [dq, dk, dv];
      const call = describe(views, attributes);
      runFastest("attention gradient", call, device, () => attendBackward(device, views, call));
      return [dq, dk, dv];
    },
  },
};

/** The tensor, or a copy if the elements of a head are not contiguous, or tokens share them. */
function withUnitStride(x: Tensor): Tensor {
  const [, tokens, , headSize] = x.shape as [number, number, number, number];
  const isApart = tokens <= 1 || x.strides[1]! >= headSize;
  return isApart && (headSize === 1 || x.strides[3] === 1) ? x : copy(x);
}

/**
 * Scaled dot-product attention: softmax(q kᵀ · scale) v, over the keys that each query may attend
 * to: not to later ones, unless `causal` is `false`, which is PyTorch's default.
 *
 * Query `i` is at position `Tk − Tq + i`, so that `k` and `v` may start with keys of a KV cache.
 * Memory is O(Tq + Tk), not O(Tq · Tk), including the gradient. Views (slices of a cache,
 * transposes) are read in place if the elements of a head are contiguous.
 *
 * Source: Dao et al., "FlashAttention" (2022), whose layout this is; Ainslie et al., "GQA" (2023).
 *
 * @param q Queries, `[B, Tq, H, D]`, of the float dtype of `k` and `v`; kernels compute in single
 * precision.
 * @param k Keys, `[B, Tk, Hkv, D]`; query head h uses key head `floor(h / (H / Hkv))`.
 * @param v Values, of the shape of `k`.
 * @returns `[B, Tq, H, D]`; zeros for a query without keys.
 * @throws {RangeError} If the shapes do not match, there are fewer keys than queries with `causal`,
 * or `window` is not an integer from −1.
 * @throws {TypeError} If the tensors are not floats of one dtype.
 *
 * @example With equal keys, each query gets the mean of the values so far
 * ```ts
 * import { attention, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = [1, 3, 1, 1];
 * const ones = Tensor.ones(device, shape);
 * const y = attention(ones, ones, Tensor.from(device, [1, 2, 6], { shape }));
 * if ((await y.data()).join() !== "1,1.5,3") throw new Error("expected the means of 1, 2 and 6");
 * await device.close();
 * ```
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkOptions("compute attention", options, OPTIONS);
  const attributes = resolveOptions(q, options);
  if (options.mask !== undefined) {
    checkOperands([q, k, v], attributes);
    return maskedAttention(q, k, v, options.mask, attributes);
  }
  const [y, logSums] = apply(attentionOperation, [q, k, v], attributes);
  logSums.dispose();
  return y!;
}

/**
 * The attention pattern: how much each query attends to each key, the weights of the values in
 * {@linkcode attention}, which never stores these Tq · Tk weights per head.
 *
 * @param q Queries, `[B, Tq, H, D]`
 * @param k Keys, `[B, Tk, Hkv, D]`
 * @returns `[B, H, Tq, Tk]`: each row sums to 1.
 * @throws {RangeError} If the shapes do not match.
 *
 * @example The first query sees only the first key
 * ```ts
 * import { attentionPattern, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const ones = Tensor.ones(device, [1, 2, 1, 4]);
 * const pattern = await attentionPattern(ones, ones).data();
 * if (pattern.join() !== "1,0,0.5,0.5") throw new Error(`got ${pattern}`);
 * await device.close();
 * ```
 */
export function attentionPattern(
  q: Tensor,
  k: Tensor,
  options: Omit<AttentionOptions, "mask"> = {},
): Tensor {
  checkOptions("compute attention", options, PATTERN_OPTIONS);
  const { scale, left, right } = resolveOptions(q, options);
  checkTensor("compute attention", k);
  checkOperands([q, k, k], { scale, left, right });
  const [batch, queries, heads, size] = q.shape as [number, number, number, number];
  const [, keys, keyHeads] = k.shape as [number, number, number];
  const grouped = [batch, keyHeads, heads / keyHeads, keys, size];
  const repeated = expand(unsqueeze(transpose(k, 1, 2), 2), grouped);
  const products = matmul(
    reshape(transpose(q, 1, 2), [batch, keyHeads, heads / keyHeads, queries, size]),
    repeated,
    { transposeB: true },
  );
  const positions = Tensor.arange(q.device, keys - queries, keys);
  const operands = [products, reshape(positions, [queries, 1])];
  const [pattern, logSums] = runProgramOutputs(maskedSoftmax, operands, [scale, left, right]);
  logSums!.dispose();
  return reshape(pattern!, [batch, heads, queries, keys]);
}
