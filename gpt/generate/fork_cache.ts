/** Copying the beginning of a KV cache. @module */

import { RangeError } from "../../tensor/errors.ts";
import type { KVCache } from "../model/kv_cache.ts";
import type { LanguageModel } from "./language_model.ts";

/**
 * Copies the first tokens of a cache to a new one, so that a prefix that two sequences share is
 * prefilled once.
 *
 * @param source A cache of one sequence.
 * @param ids The tokens to take over: the first ones that the source has read. At least one.
 * @returns A cache of one sequence that has read them, which the caller frees.
 * @throws {RangeError} If the source has not read so many, they do not fit, or the device has no room.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { forkCache } from "./fork_cache.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, vocabSize: 64, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...shape, windowPattern: "L" }, device);
 * const cache = model.createCache(1, 8);
 * model.forward(Tensor.from(device, [[7, 8, 9]], { dtype: "int32" }), undefined, { cache });
 * const fork = forkCache(model, cache, [7, 8], 8);
 * if (fork.position !== 2) throw new Error(`got ${fork.position}`);
 * await device.close();
 * ```
 */
export function forkCache(
  model: LanguageModel,
  source: KVCache,
  ids: readonly number[],
  capacity: number,
): KVCache {
  const count = ids.length;
  if (count < 1 || count > Math.min(source.position, capacity) || source.batchSize !== 1) {
    throw new RangeError(
      `Cannot fork a cache of ${source.batchSize} sequences after ${count} tokens: wanted one ` +
        `sequence and 1 to ${Math.min(source.position, capacity)} tokens`,
    );
  }
  const cache = model.createCache(1, capacity);
  cache.copyFrom(source, count);
  return cache;
}
