/**
 * Data loading: from a corpus to batches of token ids.
 *
 * A {@linkcode Source} has a `train` and a `validation` {@linkcode Split}, each with documents in
 * chunks. An {@linkcode Encoder} turns documents into token ids, and a {@linkcode Loader} turns
 * those into batches: {@linkcode PackedLoader} packs whole documents, {@linkcode RandomCropLoader}
 * crops a flat stream at random, {@linkcode SequentialLoader} reads a flat stream once, in order.
 * Each batch carries a state from which another loader resumes with exactly the next batch.
 *
 * | Corpus | Validation |
 * | --- | --- |
 * | `sotu`, the State of the Union | the last 20 addresses (2002 to 2021) |
 * | `wordnet`, definitions of words | one word in 20, with all its definitions |
 * | `.txt`, `.md`, `.jsonl`, also as `.gz`, `.zst`, `.zip` | the last 5 % of the bytes, in file name order |
 * | `.parquet` | the last file; in a single file, the last 5 % of the rows |
 * | stored data, {@linkcode storedSource} | as its files; parquet files are read while others arrive |
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

export * from "./browser.ts";
export { download, type DownloadOptions } from "./hub/download.ts";
export { Hub, type HubFile, type HubOptions } from "./hub/hub.ts";
export type { RequestOptions, Token } from "./hub/request.ts";
export { openSource, type OpenSourceOptions } from "./open_source.ts";
export { openings } from "./openings.ts";
export { parquetFiles, type ParquetOptions } from "./parquet/source.ts";
export { type DataRecord, openTable, records, type RecordsOptions } from "./records.ts";
export { SharedLoader, type ShareOptions } from "./share.ts";
export { sotuSource } from "./sotu.ts";
export { wordNetSource } from "./wordnet.ts";
export { documents, texts } from "./source.ts";
export {
  type Address,
  type HubAddress,
  isAddress,
  type PackageAddress,
  parseAddress,
  type WebAddress,
} from "./store/address.ts";
export {
  addressesOf,
  catalog,
  type CatalogEntry,
  type DataKind,
  type DataName,
  isDataName,
} from "./store/catalog.ts";
export { fetchInBackground } from "./store/background.ts";
export type { Connection } from "./store/open_origin.ts";
export type { RemoteFile } from "./store/origin.ts";
export {
  fetchData,
  type FetchOptions,
  findData,
  isFetching,
  listData,
  removeData,
  type StoredData,
  type StoredState,
} from "./store/store.ts";
export {
  type StoredSource,
  storedSource,
  type StoredSourceOptions,
} from "./store/stored_source.ts";
export { textFiles, type TextFilesOptions } from "./text_files.ts";
export {
  encodeTexts,
  readTokenStream,
  type ReadTokenStreamOptions,
  type TokenStream,
} from "./token_stream.ts";
export { openZip, type Zip } from "./unpack/zip.ts";
