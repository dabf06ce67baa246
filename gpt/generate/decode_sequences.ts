/** Decoding sequences at different positions together. @module */

import { RangeError } from "../../tensor/errors.ts";
import type { Tensor } from "../../tensor/mod.ts";
import type { KVCache } from "../model/kv_cache.ts";
import type { LanguageModel } from "./language_model.ts";

/**
 * Runs one token of each of several sequences that are at different positions, as a server does whose
 * requests come and go.
 *
 * @param ids `int32 [sequences, 1]`
 * @param caches What came before, a cache of one sequence for each; the token is added to it.
 * @returns The logits of the next token, `[sequences, 1, vocabSize]`.
 * @throws {RangeError} If there is not one cache of one sequence for each token.
 *
 * @example Two sequences, of which one has read three tokens more
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
 * if (caches.map(({ position }) => position).join() !== "2,5") throw new Error("expected 2 and 5");
 * await device.close();
 * ```
 */
export function decodeSequences(
  model: LanguageModel,
  ids: Tensor,
  caches: readonly KVCache[],
): Tensor {
  if (caches.length !== ids.shape[0] || caches.some(({ batchSize }) => batchSize !== 1)) {
    throw new RangeError(
      `Cannot decode: wanted a cache of one sequence for each of ${ids.shape[0]} tokens, got ` +
        `${caches.length} of ${caches.map(({ batchSize }) => batchSize).join(", ")}`,
    );
  }
  return model.decode(ids, caches);
}
