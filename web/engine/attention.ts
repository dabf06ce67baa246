/** Attention by the library's operation, to hold the lesson's numbers against. @module */

import type { AttentionWeights, Matrix } from "../../lessons/attention.ts";
import { attention, attentionPattern, type Device, Tensor } from "../../tensor/mod.ts";

/** Words, weights, and heads. */
export interface AttentionInput {
  readonly inputs: Matrix;
  readonly weights: AttentionWeights;
  readonly heads: number;
}

/** The shares of all heads, and then the output, row by row. */
export async function* attentionOf(
  device: Device,
  { inputs, weights, heads }: AttentionInput,
): AsyncGenerator<number[]> {
  using _scope = device.scope();
  const x = Tensor.from(device, inputs);
  const project = (weight: Matrix) =>
    x.matmul(Tensor.from(device, weight)).reshape([1, inputs.length, heads, -1]);
  const [q, k, v] = [weights.query, weights.key, weights.value].map(project) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const [pattern, output] = await Promise.all([
    attentionPattern(q, k).data(),
    attention(q, k, v).data(),
  ]);
  yield [...pattern, ...output].map(Number);
}
