/**
 * Ablation: parts of a model are switched off, to see what they were good for. And two checkpoints side by
 * side.
 *
 * @module
 */

import { type GPT, writeTexts } from "../../gpt/browser.ts";
import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { type ModelFiles, preparePrompt, type Prompt } from "./inside.ts";
import { openOnce } from "./open_models.ts";
import { listParts, type Part, switchOff } from "./switch_off.ts";

/** How a model does on a text, and how it goes on. */
export interface Outcome {
  /** Mean surprise of the tokens after the first, in bits per byte of their text. */
  readonly bitsPerByte: number;
  /** The likeliest continuation. */
  readonly written: string;
}

/** A text for the open model, whose parts are switched off. */
export interface AblationTask {
  readonly prompt: Prompt;
  /** Whether each part is switched off in turn. */
  readonly wantsEach: boolean;
}

/** The whole model, and the one without some of its parts. */
export interface Ablated {
  readonly whole: Outcome;
  readonly without: Outcome;
  /** Bits per byte without each part alone; empty unless that was asked for. */
  readonly each: readonly (readonly [part: Part, bitsPerByte: number])[];
}

/** Tokens that are written after the text. */
const WRITTEN = 24;

/** Compares the open model with the one without the parts that the prompt names. */
export async function* ablateInside(
  device: Device,
  { prompt, wantsEach }: AblationTask,
): AsyncGenerator<Ablated> {
  const { model, tokenizer, ids } = await preparePrompt(device, prompt);
  const whole = await outcomeOf(model, tokenizer, prompt.text, ids);
  const each: [Part, number][] = [];
  for (const part of wantsEach ? listParts(model.config) : []) {
    using _off = await switchOff(model, [part]);
    each.push([part, await bitsPerByte(model, tokenizer, ids)]);
  }
  using _off = await switchOff(model, prompt.off);
  yield { whole, without: await outcomeOf(model, tokenizer, prompt.text, ids), each };
}

/** Another model, and the text that the open one is looked at with. */
export interface CompareTask {
  readonly prompt: Prompt;
  readonly other: ModelFiles;
}

/** Two models, token by token. */
export interface ComparedModels {
  readonly models: readonly {
    readonly outcome: Outcome;
    /** The tokens, with the surprise of each in bits; 0 for the one that begins the document. */
    readonly tokens: readonly (readonly [text: string, bits: number])[];
  }[];
}

/** Compares the open model with another one, which may have other tokens. */
export async function* compareInside(
  device: Device,
  { prompt, other }: CompareTask,
): AsyncGenerator<ComparedModels> {
  const open = await preparePrompt(device, prompt);
  const { model, tokenizer } = await openOnce(device, other);
  const ids = tokenizer.encode(prompt.text, { prepend: tokenizer.bos });
  const models = [];
  for (const one of [open, { model, tokenizer, ids }]) {
    const bits = await surprises(one.model, one.ids);
    const tokens = one.ids.map((id, i) => [one.tokenizer.decode([id]), bits[i - 1] ?? 0] as const);
    models.push({
      outcome: await outcomeOf(one.model, one.tokenizer, prompt.text, one.ids),
      tokens,
    });
  }
  yield { models };
}

async function outcomeOf(
  model: GPT,
  tokenizer: Tokenizer,
  text: string,
  ids: readonly number[],
): Promise<Outcome> {
  const options = { maxTokens: WRITTEN, temperature: 0 };
  const [written = ""] = await writeTexts(model, tokenizer, text, options);
  return { bitsPerByte: await bitsPerByte(model, tokenizer, ids), written };
}

async function bitsPerByte(
  model: GPT,
  tokenizer: Tokenizer,
  ids: readonly number[],
): Promise<number> {
  const bytes = tokenizer.tokenBytes();
  const bits = await surprises(model, ids);
  return bits.reduce((sum, x) => sum + x, 0) /
    ids.slice(1).reduce((sum, id) => sum + bytes[id]!, 0);
}

/** The surprise of each token but the first, in bits. */
async function surprises(model: GPT, ids: readonly number[]): Promise<Float32Array> {
  if (ids.length < 2) return new Float32Array();
  using _scope = model.device.scope();
  const row = (some: readonly number[]) => Tensor.from(model.device, [some], { dtype: "int32" });
  const losses = noGrad(() =>
    model.forward(row(ids.slice(0, -1)), row(ids.slice(1)), { reduction: "none" })
  );
  return Float32Array.from(await losses.data(), (nats) => Number(nats) / Math.LN2);
}
