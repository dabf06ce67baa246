/** The attention pattern: the weights that flash attention does not store. @module */

import { checkTensor, Tensor } from "../../tensor.ts";
import { matmul } from "../matmul/matmul.ts";
import { runProgramOutputs } from "../program.ts";
import { expand, reshape, transpose, unsqueeze } from "../views.ts";
import { type AttentionOptions, resolveOptions } from "./attention.ts";
import { maskedSoftmax } from "./body.ts";

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
export function attentionPattern(q: Tensor, k: Tensor, options: AttentionOptions = {}): Tensor {
  const { scale, left, right } = resolveOptions(q, options);
  checkTensor("compute attention", k);
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
