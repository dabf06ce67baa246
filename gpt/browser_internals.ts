/**
 * The parts of the model and of generation that pages and servers share, and models of other
 * architectures. It is to `internals.ts` what `browser.ts` is to `mod.ts`: all of it runs in a browser.
 * Code that trains or uses a model needs none of it.
 *
 * @module
 */

export { headSize } from "./model/config.ts";
export type { KeysAndValues } from "./model/kv_cache.ts";
export { nanochat, nanochatConfig, parameterCount } from "./files/architecture.ts";
export { type ParameterCounts, parameterCounts, type ParameterGroup } from "./model/parameters.ts";
export type { InspectableModel, WatchedNames } from "./generate/inspect.ts";
export { type RotaryAngles, SequenceRows } from "./generate/sequence_rows.ts";
export { chunked } from "./generate/chunked.ts";
export {
  type Continuation,
  generateEach,
  type GenerateEachOptions,
  type PromptToContinue,
} from "./generate/generate_each.ts";
export { decodeSequences } from "./generate/decode_sequences.ts";
export { forkCache } from "./generate/fork_cache.ts";
export { defaultContext } from "./generate/context.ts";
export { type GenerationTokens, generationTokens, RowState } from "./generate/row_state.ts";
export { largestLogits, logProbabilities } from "./generate/sample_token.ts";
export { type RowToSample, sampleRows } from "./generate/sample_rows.ts";
export { isSampledOnDevice } from "./generate/sampling.ts";
export {
  bytesOfParameters,
  checkRoom,
  freeBytes,
  type ParameterShapes,
  typeNames,
  type WeightsInfo,
  weightsOf,
} from "./files/room.ts";
export {
  type CheckpointPart,
  digestOf,
  type FileDigest,
  formatMeta,
} from "./files/checkpoint_meta.ts";
export { MatmulPeak, measureMatmulPeak } from "./train/matmul_peak.ts";
export { type FloatType, type Profile, profileAsText, profileAsTrace } from "../tensor/mod.ts";
