/**
 * The part of `serve` that also runs in a browser: the batch that requests join and leave.
 *
 * @module
 */

export {
  Batcher,
  type BatcherOptions,
  type BatcherStatistics,
  type GeneratedToken,
  type GenerationRequest,
  type GenerationResult,
  type HeldCache,
  type OnToken,
  QueueFullError,
} from "./batch/batcher.ts";
