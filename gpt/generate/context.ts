/** The default length of a conversation in tokens. @module */

import type { LanguageModel } from "./language_model.ts";

/** Maximum default context, since memory for all of it is reserved. */
const MAX_CONTEXT = 4096;

/** The share of the free memory that the KV cache of one sequence takes at most. */
const MEMORY_SHARE = 0.5;

/** Tokens of the cache that is measured. */
const PROBE_TOKENS = 16;

/**
 * The default number of tokens of a prompt and its answer: the minimum of the length that the model
 * was trained for, of 4,096, and of what fits into half of the device's free memory.
 *
 * @example A model that was trained for 16 tokens
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { defaultContext } from "./context.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, vocabSize: 64, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, windowPattern: "L" }, device);
 * if (defaultContext(model) !== 16) throw new Error("expected the training length");
 * await device.close();
 * ```
 */
export function defaultContext(model: LanguageModel): number {
  const { config, device, maximumLength } = model;
  const probe = model.createCache(1, PROBE_TOKENS);
  const bytesPerToken = probe.bytes / PROBE_TOKENS;
  probe.dispose();
  const { limitBytes, liveBytes } = device.memory;
  // A model without attention caches nothing.
  const fitting = bytesPerToken === 0
    ? Infinity
    : Math.floor(MEMORY_SHARE * (limitBytes - liveBytes) / bytesPerToken);
  return Math.max(1, Math.min(config.sequenceLen, maximumLength, MAX_CONTEXT, fitting));
}
