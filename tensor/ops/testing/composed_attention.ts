/** Attention composed of matmuls and a softmax: the reference for the fused kernels. @module */

import { type Device, Tensor } from "../../mod.ts";

/** Attention of queries `[batch, queries, heads, size]` to at least as many keys and values. */
export type Attention = (q: Tensor, k: Tensor, v: Tensor) => Tensor;

/** Causal attention that stores all scores, with −10³⁰ where masked. */
export function composedAttention(device: Device, queries: number, keys: number): Attention {
  const mask = Float32Array.from({ length: queries * keys }, (_, at) => {
    const position = keys - queries + Math.floor(at / keys);
    return at % keys <= position ? 0 : -1e30;
  });
  const hidden = Tensor.from(device, mask, { shape: [queries, keys] });
  return (q, k, v) => {
    const [q2, k2, v2] = [q, k, v].map((x) => x.transpose(1, 2)) as [Tensor, Tensor, Tensor];
    const scores = q2.matmul(k2, { transposeB: true }).mul(1 / Math.sqrt(q.shape[3]!));
    return scores.add(hidden).softmax().matmul(v2).transpose(1, 2);
  };
}
