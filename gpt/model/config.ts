/**
 * The shape of a GPT: the few numbers that all the rest follows from.
 *
 * Source: nanochat, `nanochat/gpt.py`.
 *
 * @module
 */

import { RangeError } from "../../tensor/errors.ts";

/** The shape of a GPT, under nanochat's names. */
export interface GPTConfig {
  /** The longest sequence that the model is trained on, in tokens. */
  readonly sequenceLen: number;
  /** The number of tokens in the vocabulary. */
  readonly vocabSize: number;
  /** The number of layers. */
  readonly nLayer: number;
  /** The number of query heads. */
  readonly nHead: number;
  /** The number of key and value heads; each serves `nHead / nKvHead` query heads. */
  readonly nKvHead: number;
  /** The width of the residual stream. */
  readonly nEmbd: number;
  /**
   * Which layers look back over the whole sequence (L, long) and which over a quarter of it (S,
   * short), repeated over the layers. The last layer is always long.
   */
  readonly windowPattern: string;
}

/** The channels of the residual stream that decide how much of the previous token is mixed in. */
export const smearChannels = 24;

/** The channels of the residual stream that decide how much of the value embedding is mixed in. */
export const valueGateChannels = 12;

/** Limits far beyond any model: what is larger is a mistake, and would take minutes to fail. */
const MAX = { sequenceLen: 2 ** 24, vocabSize: 2 ** 24, nLayer: 1000, nEmbd: 2 ** 20 } as const;

/** The vocabulary is padded to a multiple of this, so that rows of the head divide evenly. */
const vocabMultiple = 64;

/** A short window is rounded up to a multiple of this. */
const windowMultiple = 128;

/**
 * Checks that a model of this shape can be built.
 *
 * @param config The shape to check.
 * @throws {RangeError} If a number is out of range or numbers do not go together; the message names
 * both.
 *
 * @example
 * ```ts
 * import { checkConfig } from "./config.ts";
 *
 * const config = {
 *   sequenceLen: 256,
 *   vocabSize: 4096,
 *   nLayer: 4,
 *   nHead: 4,
 *   nKvHead: 4,
 *   nEmbd: 256,
 *   windowPattern: "SSSL",
 * };
 * checkConfig(config);
 * ```
 */
export function checkConfig(config: GPTConfig): void {
  const { sequenceLen, vocabSize, nLayer, nHead, nKvHead, nEmbd, windowPattern } = config;
  // The smear looks at the previous token, so a sequence of one has nothing to learn from.
  checkWhole("sequenceLen", sequenceLen, 2, MAX.sequenceLen);
  checkWhole("vocabSize", vocabSize, 1, MAX.vocabSize);
  checkWhole("nLayer", nLayer, 1, MAX.nLayer);
  checkWhole("nHead", nHead, 1);
  checkWhole("nKvHead", nKvHead, 1);
  checkWhole("nEmbd", nEmbd, smearChannels, MAX.nEmbd);
  if (nEmbd % nHead !== 0) {
    throw refused(`nEmbd to be a multiple of nHead`, `${nEmbd} and ${nHead}`);
  }
  if (nHead % nKvHead !== 0) {
    throw refused(`nHead to be a multiple of nKvHead`, `${nHead} and ${nKvHead}`);
  }
  // Rotary embeddings turn pairs of channels.
  if ((nEmbd / nHead) % 2 !== 0) {
    throw refused(`an even head size nEmbd / nHead`, `${nEmbd} / ${nHead} = ${nEmbd / nHead}`);
  }
  if (!/^[SL]+$/i.test(windowPattern)) {
    throw refused(
      `windowPattern to be made of S and L`,
      JSON.stringify(windowPattern.slice(0, 80)),
    );
  }
}

/**
 * The number of channels of one attention head.
 *
 * @param config The shape of the model.
 *
 * @example
 * ```ts
 * import { headSize } from "./config.ts";
 *
 * if (headSize({ nEmbd: 256, nHead: 4 }) !== 64) throw new Error("expected 64");
 * ```
 */
export function headSize({ nEmbd, nHead }: Pick<GPTConfig, "nEmbd" | "nHead">): number {
  return nEmbd / nHead;
}

/**
 * The number of rows in the embedding and the head: the vocabulary, padded to a multiple of 64.
 *
 * @param config The shape of the model.
 *
 * @example
 * ```ts
 * import { paddedVocabSize } from "./config.ts";
 *
 * if (paddedVocabSize({ vocabSize: 97 }) !== 128) throw new Error("expected 128");
 * ```
 */
export function paddedVocabSize({ vocabSize }: Pick<GPTConfig, "vocabSize">): number {
  return Math.ceil(vocabSize / vocabMultiple) * vocabMultiple;
}

/**
 * Whether a layer mixes an embedding of the token itself into its values: every other layer, so
 * that the last one does.
 *
 * @param layer The layer, counted from 0.
 * @param nLayer The number of layers.
 *
 * @example
 * ```ts
 * import { hasValueEmbedding } from "./config.ts";
 *
 * const layers = [0, 1, 2, 3].filter((layer) => hasValueEmbedding(layer, 4));
 * if (layers.join() !== "1,3") throw new Error(`expected 1,3, got ${layers}`);
 * ```
 */
export function hasValueEmbedding(layer: number, nLayer: number): boolean {
  return layer % 2 === (nLayer - 1) % 2;
}

/**
 * How many tokens before itself a token attends to, for each layer.
 *
 * A short window is a quarter of the sequence, rounded up to a multiple of 128; for a short
 * sequence it is therefore wider than the sequence itself.
 *
 * @param config The shape of the model.
 * @returns One number for each layer; the last is always the whole sequence.
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

function checkWhole(name: string, value: number, least: number, most = Infinity): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw refused(`${name} to be a whole number of at least ${least}`, `${value}`);
  }
  if (value > most) throw refused(`${name} to be at most ${most}`, `${value}`);
}

function refused(wanted: string, got: string): RangeError {
  return new RangeError(`Cannot build a GPT: wanted ${wanted}, got ${got}`);
}
