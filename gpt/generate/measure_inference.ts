/**
 * How fast a model reads and writes, for several sequences side by side, and how near that is to what
 * the device can do.
 *
 * Computing one more token reads all weights once, and the KV cache of each sequence: at small batch
 * sizes memory is the limit, and the more sequences there are, the more arithmetic is.
 *
 * Source: nanochat, `scripts/infer_bench.py`.
 *
 * @module
 */

import { RangeError } from "../../tensor/errors.ts";
import type { GPT } from "../model/model.ts";
import { parameterCounts } from "../model/parameters.ts";
import { decodeFlops, kvBytesPerToken, kvReadBytes } from "../train/costs.ts";
import { Engine } from "./engine.ts";

/** Tokens that are decoded before a measurement, so that kernels are compiled. */
const WARMUP_TOKENS = 8;

/** On a GPU tokens are read together; times are means over as many. */
const TOKENS_PER_READBACK = { cpu: 1, webgpu: 32 };

/** A tokenizer without special tokens, so that no sequence ends early. */
const endless = { special: () => -1, encode: () => [], decode: () => "" };

/** What is measured. */
export interface InferenceOptions {
  /** The length of the prompt; it is cut to what the training length leaves beside the decoded tokens. */
  readonly promptTokens: number;
  /** The tokens that are decoded after it: at least 2. */
  readonly decodeTokens: number;
  /** How many bytes the device moves in a second. */
  readonly bandwidth: number;
}

/** What decoding costs, whatever the device. */
export interface InferenceCosts {
  /** The tokens of the prompt. */
  readonly promptTokens: number;
  /** The bytes of all parameters, as stored. */
  readonly weightBytes: number;
  /** The bytes that a token takes in the KV cache. */
  readonly kvBytesPerToken: number;
  /** The bytes of the KV cache that a step reads for a sequence, half of the tokens being decoded. */
  readonly kvReadBytes: number;
  /** The most tokens in a second of one sequence that the bandwidth allows. */
  readonly ceilingTokensPerSecond: number;
}

/** How fast a batch was. */
export interface InferenceSpeed {
  /** The sequences side by side. */
  readonly batchSize: number;
  /** The time to the first token: the prompt is read once for all sequences. */
  readonly firstTokenMilliseconds: number;
  /** The median time of a step. */
  readonly stepMilliseconds: number;
  /** The tokens of all sequences in a second. */
  readonly tokensPerSecond: number;
  /** The part of the device's bandwidth; above 1 where weights stay in a cache. */
  readonly bandwidthShare: number;
  /** The part of the arithmetic that the device can do. */
  readonly flopsShare: number;
  /** The bytes in use on the device at the peak. */
  readonly memoryBytes: number;
}

/**
 * Computes what decoding costs.
 *
 * @throws {RangeError} If the decoded tokens leave no room for a prompt in the training length.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { inferenceCosts } from "./measure_inference.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 64, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 64, windowPattern: "L" }, device);
 * const options = { promptTokens: 100, decodeTokens: 16, bandwidth: 1e10 };
 * if (inferenceCosts(model, options).promptTokens !== 48) throw new Error("expected 64 - 16");
 * await device.close();
 * ```
 */
export function inferenceCosts(model: GPT, options: InferenceOptions): InferenceCosts {
  const { config } = model;
  const { decodeTokens, bandwidth } = options;
  const room = config.sequenceLen - decodeTokens;
  if (room < 1 || decodeTokens < 2) {
    throw new RangeError(
      `Cannot measure decoding: wanted from 2 to ${
        config.sequenceLen - 1
      } tokens after a prompt, ` +
        `got ${decodeTokens}`,
    );
  }
  const promptTokens = Math.min(options.promptTokens, room);
  const bytesPerValue = model.computeDtype === "float16" ? 2 : 4;
  const weightBytes = parameterCounts(config).total * Float32Array.BYTES_PER_ELEMENT;
  const kvBytes = kvReadBytes(config, promptTokens + Math.floor(decodeTokens / 2), bytesPerValue);
  return {
    promptTokens,
    weightBytes,
    kvBytesPerToken: kvBytesPerToken(config, bytesPerValue),
    kvReadBytes: kvBytes,
    ceilingTokensPerSecond: bandwidth / (weightBytes + kvBytes),
  };
}

/**
 * Measures prefill and decoding at a batch size.
 *
 * @param peakFlops The operations in a second that the device can do.
 * @throws {RangeError} If the device has no room for the batch.
 */
export async function measureInference(
  model: GPT,
  batchSize: number,
  options: InferenceOptions & { readonly peakFlops: number },
): Promise<InferenceSpeed> {
  const { decodeTokens, bandwidth, peakFlops } = options;
  const { promptTokens, weightBytes, kvReadBytes } = inferenceCosts(model, options);
  const { device, config } = model;
  const prompt = Array.from({ length: promptTokens }, (_, i) => i * 31 % config.vocabSize);
  const engine = new Engine(model, endless);
  const write = (maxTokens: number) =>
    engine.generate(prompt, { samples: batchSize, maxTokens, temperature: 0 });
  await Array.fromAsync(write(Math.min(WARMUP_TOKENS, decodeTokens)));
  let memoryBytes = 0;
  await device.synchronize();
  const times: number[] = [performance.now()];
  for await (const _step of write(decodeTokens)) {
    times.push(performance.now());
    memoryBytes = Math.max(memoryBytes, device.memory.liveBytes);
  }
  const [start, ...ends] = times as [number, ...number[]];
  const stepMilliseconds = medianStep(ends, TOKENS_PER_READBACK[device.kind]);
  const flops = batchSize * decodeFlops(config, promptTokens + Math.floor(decodeTokens / 2));
  const bytes = weightBytes + batchSize * kvReadBytes;
  const seconds = stepMilliseconds / 1000;
  return {
    batchSize,
    firstTokenMilliseconds: ends[0]! - start,
    stepMilliseconds,
    tokensPerSecond: batchSize * (ends.length - 1) / ((ends.at(-1)! - ends[0]!) / 1000),
    bandwidthShare: bytes / seconds / bandwidth,
    flopsShare: flops / seconds / peakFlops,
    memoryBytes,
  };
}

/** The median, over groups of steps, of the time of a step. */
function medianStep(ends: readonly number[], together: number): number {
  const size = Math.min(together, ends.length - 1);
  const means: number[] = [];
  for (let end = size; end < ends.length; end += size) {
    means.push((ends[end]! - ends[end - size]!) / size);
  }
  means.sort((a, b) => a - b);
  const middle = means.length >> 1;
  return means.length % 2 === 1 ? means[middle]! : (means[middle - 1]! + means[middle]!) / 2;
}
