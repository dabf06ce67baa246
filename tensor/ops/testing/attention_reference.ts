/** Reference attention in double precision, by its definition, with its gradient. @module */

/** The sizes of a call and its mask: query i is at position `keys − queries + i`. */
export interface AttentionCase {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly causal: boolean;
  readonly window: number;
  readonly scale: number;
}

/** Contiguous arrays: q, y and their gradients [B, Tq, H, D], the others [B, Tk, Hkv, D]. */
export interface AttentionArrays {
  readonly q: ArrayLike<number>;
  readonly k: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly dy: ArrayLike<number>;
}

export interface AttentionResult {
  readonly y: Float64Array;
  readonly dq: Float64Array;
  readonly dk: Float64Array;
  readonly dv: Float64Array;
}

/** Computes the result and the gradients. A query without keys gives zeros. */
export function referenceAttention(sizes: AttentionCase, arrays: AttentionArrays): AttentionResult {
  const { batch, queries, keys, heads, keyHeads, headSize, causal, window, scale } = sizes;
  const { q, k, v, dy } = arrays;
  const result = {
    y: new Float64Array(q.length),
    dq: new Float64Array(q.length),
    dk: new Float64Array(k.length),
    dv: new Float64Array(v.length),
  };
  const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number) => {
    let sum = 0;
    for (let d = 0; d < headSize; d++) sum += a[i + d]! * b[j + d]!;
    return sum;
  };
  const add = (to: Float64Array, i: number, factor: number, from: ArrayLike<number>, j: number) => {
    for (let d = 0; d < headSize; d++) to[i + d]! += factor * from[j + d]!;
  };
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < queries; i++) {
      for (let h = 0; h < heads; h++) {
        const position = keys - queries + i;
        const row = ((b * queries + i) * heads + h) * headSize;
        const keyHead = Math.floor(h / (heads / keyHeads));
        const seen: number[] = [];
        for (let j = 0; j < keys; j++) {
          if ((!causal || j <= position) && (window < 0 || position - j <= window)) {
            seen.push(((b * keys + j) * keyHeads + keyHead) * headSize);
          }
        }
        const scores = seen.map((at) => scale * dot(q, row, k, at));
        const maximum = scores.reduce((a, b) => Math.max(a, b), -Infinity);
        const powers = scores.map((score) => Math.exp(score - maximum));
        const sum = powers.reduce((a, b) => a + b, 0);
        const weights = powers.map((power) => power / sum);
        seen.forEach((at, n) => add(result.y, row, weights[n]!, v, at));
        const delta = dot(dy, row, result.y, row);
        seen.forEach((at, n) => {
          add(result.dv, at, weights[n]!, dy, row);
          const change = scale * weights[n]! * (dot(dy, row, v, at) - delta);
          add(result.dq, row, change, k, at);
          add(result.dk, at, change, q, row);
        });
      }
    }
  }
  return result;
}
