/** Decoding sequences at different positions together. @module */

import { RangeError } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/mod.ts";
import type { KVCache } from "../model/kv_cache.ts";
import type { LanguageModel } from "./language_model.ts";

/**
 * Runs the next tokens of several sequences that are at different positions, as a server does whose
 * requests come and go: the next token of one that is generated, and a chunk of a prompt of another.
 *
 * @param ids `int32 [tokens, 1]`: those of the first sequence, then of the second, and so on.
 * @param caches What came before: a cache for each sequence, or for several at one position. The tokens are
 * added to them.
 * @param counts The number of tokens of each sequence of a cache, at least one; one if it has several. By
 * default one.
 * @returns The logits after the last token of each sequence, `[sequences, 1, vocabSize]`.
 * @throws {RangeError} If there are not as many caches as counts, or not as many tokens as these say.
 *
 * @example Two sequences, one of which is three tokens longer
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { decodeSequences } from "./decode_sequences.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, vocabSize: 64, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...shape, windowPattern: "L" }, device);
 * const caches = [[7], [7, 8, 9, 10]].map((prompt) => {
 *   const cache = model.createCache(1, 8);
 *   model.forward(Tensor.from(device, [prompt], { dtype: "int32" }), undefined, { cache });
 *   return cache;
 * });
 * const logits = decodeSequences(model, Tensor.from(device, [[3], [5]], { dtype: "int32" }), caches);
 * if (logits.shape.join() !== "2,1,64") throw new Error(`got ${logits.shape}`);
 * // The next token of the first one, and two of the second.
 * const tokens = Tensor.from(device, [[9], [6], [6]], { dtype: "int32" });
 * decodeSequences(model, tokens, caches, [1, 2]);
 * if (caches.map(({ position }) => position).join() !== "3,7") throw new Error("expected 3 and 7");
 * await device.close();
 * ```
 */
export function decodeSequences(
  model: LanguageModel,
  ids: Tensor,
  caches: readonly KVCache[],
  counts: readonly number[] = caches.map(() => 1),
): Tensor {
  const sizes = caches.map(({ batchSize }) => batchSize);
  if (sizes.length !== counts.length || sizes.some((size, i) => size > 1 && counts[i] !== 1)) {
    throw new RangeError(
      `Cannot decode: wanted a cache for each of ${counts.length} counts, of one sequence if there are more ` +
        `tokens than one, got ${sizes.length} of ${sizes.join(", ")}`,
    );
  }
  const tokens = counts.reduce((sum, count, i) => sum + count * sizes[i]!, 0);
  if (counts.some((count) => !(Number.isInteger(count) && count > 0)) || tokens !== ids.shape[0]) {
    throw new RangeError(
      `Cannot decode: wanted one token or more of each sequence, ${ids.shape[0]} in all, got ` +
        counts.map((count, i) => count * sizes[i]!).join(" + "),
    );
  }
  return model.decode(ids, caches, counts);
}
