/** The shape of a GPT. Source: nanochat, `nanochat/gpt.py`. @module */

import { checkOptions } from "../../tensor/checks.ts";
import { RangeError } from "../../tensor/errors.ts";

/** The shape of a GPT, under nanochat's names. */
export interface GPTConfig {
  /** Training length in tokens. */
  readonly sequenceLen: number;
  /** Vocabulary size. */
  readonly vocabSize: number;
  /** Number of layers. */
  readonly nLayer: number;
  /** Number of query heads. */
  readonly nHead: number;
  /** Number of key and value heads; each serves `nHead / nKvHead` query heads. */
  readonly nKvHead: number;
  /** Width of the residual stream. */
  readonly nEmbd: number;
  /**
   * Attention windows by layer, repeated: L (long) spans the whole sequence, S (short) a quarter.
   * The last layer is always long.
   */
  readonly windowPattern: string;
}

/** Logits are soft-capped to ±15. */
export const LOGIT_CAP = 15;

/** Channels of the residual stream that the smear gate reads. */
export const smearChannels = 24;

/** Channels of the residual stream that value embedding gates read. */
export const valueGateChannels = 12;

/**
 * The minimum and maximum of each number. The maximum is far beyond any model: anything larger is a
 * mistake, and would take minutes to fail.
 */
const LIMITS = {
  // The smear gate looks at the previous token, so there must be two.
  sequenceLen: [2, 2 ** 24],
  vocabSize: [1, 2 ** 24],
  nLayer: [1, 1000],
  nHead: [1, Infinity],
  nKvHead: [1, Infinity],
  nEmbd: [smearChannels, 2 ** 20],
} as const;

/** The vocabulary is padded to a multiple of this, so that rows of the head divide evenly. */
const vocabMultiple = 64;

/** Short windows are rounded up to a multiple of this. */
const windowMultiple = 128;

/**
 * Checks that a model of this shape can be built.
 *
 * @throws {RangeError} If numbers are out of range or incompatible; the message names both.
 * @throws {TypeError} If it has an unknown name.
 *
 * @example
 * ```ts
 * import { checkConfig } from "./config.ts";
 *
 * const config = {
 *   sequenceLen: 256, vocabSize: 4096, nLayer: 4, nHead: 4, nKvHead: 4, nEmbd: 256,
 *   windowPattern: "SSSL",
 * };
 * checkConfig(config);
 * ```
 */
export function checkConfig(config: GPTConfig): void {
  checkOptions("build a GPT", config, { ...LIMITS, windowPattern: true });
  for (const name of Object.keys(LIMITS) as (keyof typeof LIMITS)[]) {
    const [least, most] = LIMITS[name];
    if (!Number.isSafeInteger(config[name]) || config[name] < least) {
      throw refused(`${name} to be a whole number of at least ${least}`, `${config[name]}`);
    }
    if (config[name] > most) throw refused(`${name} to be at most ${most}`, `${config[name]}`);
  }
  const { nHead, nEmbd, windowPattern } = config;
  for (const [name, divisor] of [["nEmbd", "nHead"], ["nHead", "nKvHead"]] as const) {
    if (config[name] % config[divisor] === 0) continue;
    throw refused(
      `${name} to be a multiple of ${divisor}`,
      `${config[name]} and ${config[divisor]}`,
    );
  }
  // Rotary embeddings rotate pairs of channels.
  if ((nEmbd / nHead) % 2 !== 0) {
    throw refused(`an even head size nEmbd / nHead`, `${nEmbd} / ${nHead} = ${nEmbd / nHead}`);
  }
  if (!/^[SL]+$/i.test(windowPattern)) {
    const got = `${JSON.stringify(windowPattern)}`.slice(0, 80);
    throw refused("windowPattern to be made of S and L", got);
  }
}

/** Channels of an attention head: 64 for a width of 256 and 4 heads. */
export function headSize({ nEmbd, nHead }: Pick<GPTConfig, "nEmbd" | "nHead">): number {
  return nEmbd / nHead;
}

/** Rows of the embedding and the head: the vocabulary size, padded to a multiple of 64. */
export function paddedVocabSize({ vocabSize }: Pick<GPTConfig, "vocabSize">): number {
  return Math.ceil(vocabSize / vocabMultiple) * vocabMultiple;
}

/** Whether a layer adds a value embedding: every other layer, ending with the last. */
export function hasValueEmbedding(layer: number, nLayer: number): boolean {
  return layer % 2 === (nLayer - 1) % 2;
}

/**
 * The attention window of each layer: how many earlier tokens a token attends to.
 *
 * Short windows are a quarter of the sequence, rounded up to a multiple of 128; for a short
 * sequence, that is more than the sequence.
 *
 * @example
 * ```ts
 * import { windowSizes } from "./config.ts";
 *
 * const sizes = windowSizes({ sequenceLen: 2048, nLayer: 4, windowPattern: "SL" });
 * if (sizes.join() !== "512,2048,512,2048") throw new Error(`got ${sizes}`);
 * ```
 */
export function windowSizes(
  { sequenceLen, nLayer, windowPattern }: Pick<
    GPTConfig,
    "sequenceLen" | "nLayer" | "windowPattern"
  >,
): number[] {
  const short = Math.ceil(Math.ceil(sequenceLen / 4) / windowMultiple) * windowMultiple;
  return Array.from({ length: nLayer }, (_, layer) => {
    const isLong = windowPattern[layer % windowPattern.length]?.toUpperCase() === "L";
    return isLong || layer === nLayer - 1 ? sequenceLen : short;
  });
}

function refused(wanted: string, got: string): RangeError {
  return new RangeError(`Cannot build a GPT: wanted ${wanted}, got ${got}`);
}
