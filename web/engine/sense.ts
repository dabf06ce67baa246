/** Stories that a model tells, with its attention or without. @module */

import { Engine, type GPT } from "../../gpt/browser.ts";
import { defaultContext } from "../../gpt/browser_internals.ts";
import type { Device } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { free, type ModelFiles, openModel } from "./inside.ts";
import { listParts, switchOff } from "./switch_off.ts";

/** A story to tell. */
export interface Telling {
  readonly files: ModelFiles;
  /** Whether attention is on. */
  readonly hasAttention: boolean;
  /** Other seeds tell other stories. */
  readonly seed: number;
}

const SAMPLING = { temperature: 0.7, topK: 50 };

/** The model that tells, and what it was opened from. */
let current: {
  readonly key: string;
  readonly device: Device;
  readonly tokenizer: Tokenizer;
  readonly whole: GPT;
  readonly blind: GPT;
} | null = null;

/** The model of some files, and the same one without attention. @throws {Error} If they are damaged. */
async function openBoth(device: Device, files: ModelFiles) {
  const name = [...files.keys()].filter((name) => name.startsWith("meta_")).sort().at(-1) ?? "";
  const key = await files.get(name)?.text() ?? "";
  if (current !== null && current.key === key && current.device === device) return current;
  const { model: whole, tokenizer } = await openModel(device, files);
  const { model: blind } = await openModel(device, files);
  // For good: this model tells no other stories.
  await switchOff(blind, listParts(blind.config).filter((part) => !part.endsWith("mlp")));
  if (current !== null) [current.whole, current.blind].forEach(free);
  return current = { key, device, tokenizer, whole, blind };
}

/** Tells one story, piece by piece, to its end or to that of the context. */
export async function* tellStory(
  device: Device,
  { files, hasAttention, seed }: Telling,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { whole, blind, tokenizer } = await openBoth(device, files);
  const model = hasAttention ? whole : blind;
  const prompt = [tokenizer.bos];
  const options = { ...SAMPLING, seed, maxTokens: defaultContext(model) - prompt.length };
  const ids: number[] = [];
  let told = "";
  for await (const { tokens } of new Engine(model, tokenizer).generate(prompt, options)) {
    if (signal.aborted || tokens[0] === tokenizer.bos) return;
    ids.push(tokens[0]!);
    const text = tokenizer.decode(ids);
    if (text.length > told.length) yield text.slice(told.length);
    told = text;
  }
}
