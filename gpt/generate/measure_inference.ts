/**
 * Speed of prefill and decoding by batch size, compared with the limits of the device.
 *
 * Decoding a token reads all weights once, and the KV cache of each sequence: small batches are
 * bound by memory bandwidth, large ones by arithmetic.
 *
 * Source: nanochat, `scripts/infer_bench.py`.
 *
 * @module
 */

import { checkThat } from "../../tensor/checks.ts";
import { parameterBytes } from "../../nn/mod.ts";
import { Engine } from "./engine.ts";
import type { TrainableModel } from "./language_model.ts";

/** Untimed tokens, so that kernels are compiled. */
const WARMUP_TOKENS = 8;

/** Tokens between read-backs, over which step times are averaged. */
const TOKENS_PER_READBACK = { cpu: 1, webgpu: 32 };

const endless = { special: () => -1, encode: () => [], decode: () => "" };

/** Options for {@linkcode measureInference}. */
export interface InferenceOptions {
  /** Prompt length; shortened if prompt and decoded tokens exceed the training length. */
  readonly promptTokens: number;
  /** Tokens to decode: at least 2. */
  readonly decodeTokens: number;
  /** Memory bandwidth of the device in bytes per second. */
  readonly bandwidth: number;
}

/** The costs of decoding, independent of the device. */
export interface InferenceCosts {
  /** Prompt length. */
  readonly promptTokens: number;
  /** Bytes of all parameters, as stored. */
  readonly weightBytes: number;
  /** Bytes per token in the KV cache. */
  readonly kvBytesPerToken: number;
  /** Bytes of KV cache that a step reads per sequence, averaged over the decoded tokens. */
  readonly kvReadBytes: number;
  /** Maximum tokens per second of one sequence at the given bandwidth. */
  readonly ceilingTokensPerSecond: number;
}

/** The speed at one batch size. */
export interface InferenceSpeed {
  /** Number of sequences. */
  readonly batchSize: number;
  /** Time to the first token; the prompt is prefilled once for all sequences. */
  readonly firstTokenMilliseconds: number;
  /** Median time of a step. */
  readonly stepMilliseconds: number;
  /** Tokens per second, of all sequences. */
  readonly tokensPerSecond: number;
  /** Fraction of the device's bandwidth; above 1 if weights stay in a CPU cache. */
  readonly bandwidthShare: number;
  /** Fraction of the device's peak FLOP/s. */
  readonly flopsShare: number;
  /** Peak memory in use on the device, in bytes. */
  readonly memoryBytes: number;
}

/**
 * Computes the costs of decoding.
 *
 * @throws {RangeError} If the decoded tokens leave no space for a prompt in the training length.
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
export function inferenceCosts(model: TrainableModel, options: InferenceOptions): InferenceCosts {
  const { config } = model;
  const { decodeTokens, bandwidth } = options;
  const room = config.sequenceLen - decodeTokens;
  const wanted = `from 2 to ${config.sequenceLen - 1} tokens after a prompt`;
  checkThat(room >= 1 && decodeTokens >= 2, "measure decoding", wanted, decodeTokens);
  const promptTokens = Math.min(options.promptTokens, room);
  const weightBytes = parameterBytes(model);
  const { cacheBytes } = model.decodingCosts(promptTokens + Math.floor(decodeTokens / 2));
  return {
    promptTokens,
    weightBytes,
    kvBytesPerToken: model.decodingCosts(1).cacheBytes,
    kvReadBytes: cacheBytes,
    ceilingTokensPerSecond: bandwidth / (weightBytes + cacheBytes),
  };
}

/**
 * Measures prefill and decoding at a batch size.
 *
 * @param peakFlops Peak FLOP/s of the device.
 * @throws {RangeError} If the device is out of memory.
 */
export async function measureInference(
  model: TrainableModel,
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
  const { flops: perSequence } = model.decodingCosts(promptTokens + Math.floor(decodeTokens / 2));
  const flops = batchSize * perSequence;
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
