/** Sampling from the logits of a batch on the device, each row with options of its own. @module */

import { embedding, noGrad, Tensor } from "../../tensor/mod.ts";
import { sampleAlike, type SamplingOptions } from "./sampling.ts";

/** A row of logits to sample from, on the device. */
export interface RowToSample {
  /** The row of the logits. */
  readonly row: number;
  /** How to sample it: `isSampledOnDevice`. */
  readonly options: SamplingOptions;
  /** The number from 0 up to 1 that decides. */
  readonly uniform: number;
}

/**
 * Samples a token from each of these rows with options of its own. Rows whose options are equal are
 * sampled together, and what one gets does not depend on the others.
 *
 * @param logits `[rows, vocabulary]`
 * @returns The token of each row that was asked for; −1 if its largest logit is NaN or infinite.
 *
 * @example The most likely token of one row, and a sampled one of another
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { sampleRows } from "./sample_rows.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const logits = Tensor.from(device, [[0, 5, 4], [9, 9, 9], [0, 5, 4]]);
 * const tokens = await sampleRows(logits, [
 *   { row: 0, options: { temperature: 0 }, uniform: 0.99 },
 *   { row: 2, options: { topK: 2 }, uniform: 0.99 },
 * ]);
 * if (tokens.join() !== "1,2") throw new Error(`got ${tokens}`);
 * await device.close();
 * ```
 */
export async function sampleRows(
  logits: Tensor,
  rows: readonly RowToSample[],
): Promise<Int32Array<ArrayBuffer>> {
  const { device, shape: [count] } = logits;
  const indices = Array.from(rows.keys());
  const groups = Map.groupBy(indices, (i) => {
    const { temperature, topK } = rows[i]!.options;
    return `${temperature} ${topK}`;
  });
  const sampled = noGrad(() => {
    using scope = device.scope();
    return Array.from(groups.values(), (members) => {
      const ids = members.map((i) => rows[i]!.row);
      const isWhole = ids.length === count && ids.every((id, i) => id === i);
      const own = isWhole
        ? logits
        : embedding(logits, Tensor.from(device, ids, { dtype: "int32" }));
      const uniforms = () => Float32Array.from(members, (i) => rows[i]!.uniform);
      return { members, ids: scope.keep(sampleAlike(own, rows[members[0]!]!.options, uniforms)) };
    });
  });
  const tokens = new Int32Array(rows.length);
  try {
    await Promise.all(sampled.map(async ({ members, ids }) => {
      (await ids.data()).forEach((token, i) => tokens[members[i]!] = token);
    }));
  } finally {
    for (const { ids } of sampled) ids.dispose();
  }
  return tokens;
}
