/**
 * Data loading without files: texts in memory, token streams, and the loaders.
 *
 * @example
 * ```ts
 * import { RandomCropLoader } from "./browser.ts";
 *
 * const tokens = Int32Array.from({ length: 100 }, (_, i) => i);
 * const loader = new RandomCropLoader({ tokens, seed: 1, batchSize: 2, sequenceLength: 8 });
 * const { inputs, targets } = await loader.take();
 * if (targets[0] !== inputs[0]! + 1) throw new Error(`got ${inputs[0]} and ${targets[0]}`);
 * ```
 *
 * @module
 */

export { listSource } from "./list_source.ts";
export { type Batch, type BatchOptions, Loader } from "./loader.ts";
export {
  PackedLoader,
  type PackedLoaderOptions,
  type PackedState,
  type PackingStatistics,
} from "./packed_loader.ts";
export {
  RandomCropLoader,
  type RandomCropLoaderOptions,
  type RandomCropState,
} from "./random_crop_loader.ts";
export {
  SequentialLoader,
  type SequentialLoaderOptions,
  type SequentialState,
} from "./sequential_loader.ts";
export type { Document, DocumentPosition, Source, Split, SplitName } from "./source.ts";
export type { LongDocuments } from "./pieces.ts";
export type { ReaderPosition } from "./piece_reader.ts";
export type { Encoder, TokenArray } from "./token_stream.ts";
