/**
 * From a corpus to batches.
 *
 * A {@linkcode Source} has documents in chunks, in a `train` and a `validation` {@linkcode Split}. An
 * {@linkcode Encoder} turns them into token ids. A {@linkcode Loader} makes batches of them:
 * {@linkcode PackedLoader} from whole documents, {@linkcode RandomCropLoader} from random places of a
 * flat stream, {@linkcode SequentialLoader} from a flat stream in order, once. Every loader gives a
 * state with each batch from which another one goes on with exactly the next batch.
 *
 * | Corpus | Validation |
 * | --- | --- |
 * | `sotu`, the State of the Union | the last 20 addresses (2002 to 2021) |
 * | `.txt`, `.md`, `.jsonl` | the last twentieth of the bytes, in the order of the names |
 * | `.parquet` | the last file; of a single file the last twentieth of the rows |
 *
 * @example Train on a corpus in memory
 * ```ts
 * import { listSource, PackedLoader, readTokenStream, SequentialLoader } from "./mod.ts";
 *
 * const rhymes = ["one, two,", "buckle my shoe;", "three, four,", "knock at the door."];
 * const source = listSource("rhyme", rhymes, 1);
 * const encoder = { encode: (text: string) => [...new TextEncoder().encode(text)], bos: 256 };
 * const size = { batchSize: 2, sequenceLength: 8 };
 *
 * const split = await source.open("train");
 * const train = await PackedLoader.open({ split, encoder, seed: 1, ...size });
 * const { inputs, targets, shape, state } = await train.take();
 * console.log(inputs.length, targets.length, shape, state.epoch);
 *
 * const { tokens } = await readTokenStream(await source.open("validation"), encoder);
 * for await (const batch of new SequentialLoader({ tokens, ...size })) console.log(batch.shape);
 * ```
 *
 * @module
 */

export { listSource } from "./list_source.ts";
export { type Batch, type BatchOptions, Loader } from "./loader.ts";
export { openSource, type OpenSourceOptions } from "./open_source.ts";
export {
  PackedLoader,
  type PackedLoaderOptions,
  type PackedState,
  type PackingStatistics,
} from "./packed_loader.ts";
export { parquetFiles, type ParquetOptions } from "./parquet.ts";
export type { ReaderPosition } from "./piece_reader.ts";
export type { LongDocuments } from "./pieces.ts";
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
export { sotuSource } from "./sotu.ts";
export {
  type Document,
  type DocumentPosition,
  documents,
  type Source,
  type Split,
  type SplitName,
  texts,
} from "./source.ts";
export { textFiles, type TextFilesOptions } from "./text_files.ts";
export {
  type Encoder,
  encodeTexts,
  readTokenStream,
  type ReadTokenStreamOptions,
  type TokenArray,
  type TokenStream,
} from "./token_stream.ts";
