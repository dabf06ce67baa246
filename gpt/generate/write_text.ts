/** Streaming text generation. @module */

import { wrongValue } from "../../tensor/errors.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { Engine, type GenerateOptions } from "./engine.ts";
import type { LanguageModel } from "./language_model.ts";

/** Prompts for a model whose training data is unknown. */
export const defaultPrompts: readonly string[] = [
  "The",
  "I am",
  "In the beginning",
  "One of the",
  "We must",
];

/**
 * Continues a text. A character may span several tokens; it is yielded when it is complete.
 *
 * @param options Sampling options; one sample. `maxTokens` is an upper bound, see {@linkcode
 * roomAfter}.
 * @returns The continuation, in pieces.
 * @throws {RangeError} If an option is out of range, or the prompt is too long.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { writeText } from "./write_text.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose is a rose"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const { vocabSize } = tokenizer;
 * const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
 * let text = "a rose";
 * for await (const piece of writeText(model, tokenizer, text, { maxTokens: 4 })) text += piece;
 * console.log(text);
 * await device.close();
 * ```
 */
export async function* writeText(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompt: string,
  options: Omit<GenerateOptions, "samples"> = {},
): AsyncGenerator<string, void, void> {
  const { ids, fitting } = encodePrompt(model, tokenizer, prompt, options);
  yield* decodePieces(tokenizer, sampled());

  async function* sampled(): AsyncGenerator<number, void, void> {
    for await (const { tokens } of new Engine(model, tokenizer).generate(ids, fitting)) {
      yield tokens[0]!;
    }
  }
}

/**
 * Decodes ids as they come. Special tokens are left out.
 *
 * @returns Non-empty pieces of text; an incomplete character waits for the next id.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { decodePieces } from "./write_text.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose"], { vocabSize: 265 });
 * const pieces = await Array.fromAsync(decodePieces(tokenizer, [0xc3, 0xa9, 0x21]));
 * if (pieces.join("|") !== "é|!") throw new Error(`got ${pieces}`);
 * ```
 */
export async function* decodePieces(
  tokenizer: Tokenizer,
  ids: Iterable<number> | AsyncIterable<number>,
): AsyncGenerator<string, void, void> {
  const special = new Set(tokenizer.specialTokens.values());
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for await (const id of ids) {
    if (special.has(id)) continue;
    const piece = decoder.decode(tokenizer.decodeBytes([id]), { stream: true });
    if (piece !== "") yield piece;
  }
  const rest = decoder.decode();
  if (rest !== "") yield rest;
}

/**
 * Several continuations of a text, prefilled once. @throws {RangeError} As {@linkcode writeText}.
 */
export async function writeTexts(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerateOptions = {},
): Promise<string[]> {
  const special = new Set(tokenizer.specialTokens.values());
  const { ids, fitting } = encodePrompt(model, tokenizer, prompt, options);
  const { tokens } = await new Engine(model, tokenizer).generateBatch(ids, fitting);
  return tokens.map((sample) =>
    tokenizer.decode(sample.slice(ids.length).filter((id) => !special.has(id)))
  );
}

/** Maximum number of tokens after a prompt: rotary angles end at ten times the training length. */
export function roomAfter(model: LanguageModel, tokenizer: Tokenizer, prompt: string): number {
  return model.maximumLength -
    tokenizer.encode(prompt, { prepend: tokenizer.documentStart }).length;
}

/** Greedy short continuations of prompts, each with its prompt. One that is too long stays alone. */
export async function likelyTexts(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly string[] = defaultPrompts,
): Promise<string[]> {
  const texts: string[] = [];
  for (const prompt of prompts) {
    const [text] = roomAfter(model, tokenizer, prompt) < 1
      ? [""]
      : await writeTexts(model, tokenizer, prompt, { maxTokens: 16, temperature: 0 });
    texts.push(prompt + text);
  }
  return texts;
}

/** The ids of a prompt, and options that ask for no more tokens than fit. */
function encodePrompt(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerateOptions,
): { ids: number[]; fitting: GenerateOptions } {
  const ids = tokenizer.encode(prompt, { prepend: tokenizer.documentStart });
  const { maxTokens } = options;
  const room = model.maximumLength - ids.length;
  if (maxTokens === undefined || maxTokens <= room) return { ids, fitting: options };
  if (room < 1) {
    throw wrongValue("continue the prompt", `fewer than ${model.maximumLength} tokens`, ids.length);
  }
  return { ids, fitting: { ...options, maxTokens: room } };
}
