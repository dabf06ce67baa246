/**
 * Looking inside a checkpoint: opening its files, one watched forward pass, and continuing a text.
 *
 * @module
 */

import {
  checkFile,
  type CheckpointContent,
  checkpointFileName,
  type CheckpointMeta,
  decodeModel,
  decodeTokenizer,
  encodeCheckpoint,
  Engine,
  type GenerateOptions,
  type GPT,
  type GPTConfig,
  inspect,
  type Inspection,
  parseMeta,
} from "../../gpt/browser.ts";
import {
  type CheckpointPart,
  type FileDigest,
  nanochatConfig,
  parameterCount,
} from "../../gpt/browser_internals.ts";
import type { Device } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { type Part, switchOff } from "./switch_off.ts";

/** The files of a checkpoint by name; others among them are not read. */
export type ModelFiles = ReadonlyMap<string, Blob>;

/** A text, and ids that follow it, for a model some of whose parts may be switched off. */
export interface Prompt {
  readonly text: string;
  readonly more: readonly number[];
  readonly off: readonly Part[];
}

/** A model that was opened. */
export interface Opened {
  readonly meta: Pick<CheckpointMeta, "settings" | "state"> & { readonly modelConfig: GPTConfig };
  readonly parameters: number;
}

/** The intermediate results of a forward pass, for the page. */
export interface Seen extends Inspection {
  /** The tokens; the first one begins the document. */
  readonly ids: readonly number[];
  /** Every token that is named here, as text. */
  readonly texts: ReadonlyMap<number, string>;
}

/** Maximum number of tokens to look at, so that patterns fit a page. */
const MAX_TOKENS = 128;

/** A checkpoint whose model is on a device. */
export interface Model {
  readonly device: Device;
  readonly files: ModelFiles;
  readonly meta: CheckpointMeta;
  readonly model: GPT;
  readonly tokenizer: Tokenizer;
  /** The file of the optimizer state, if it was asked for. */
  readonly optim: Uint8Array | null;
}

/** The model that was opened last. */
let current: Model | null = null;

async function open(device: Device, files: ModelFiles): Promise<Model> {
  const opened = await openModel(device, files);
  if (current !== null) free(current.model);
  return current = opened;
}

/** Opens a model. @throws {Error} If files are missing or damaged. */
export async function* openInside(device: Device, files: ModelFiles): AsyncGenerator<Opened> {
  const { meta } = await open(device, files);
  const { settings, state } = meta;
  const modelConfig = nanochatConfig(meta);
  const parameters = parameterCount(meta);
  yield { meta: { modelConfig, settings, state }, parameters };
}

/** The open model on a device, with a prompt in tokens. @throws {Error} If none is open. */
export async function preparePrompt(
  device: Device,
  { text, more }: Prompt,
): Promise<Pick<Model, "model" | "tokenizer"> & { readonly ids: number[] }> {
  if (current === null) throw new Error("Cannot look inside a model: wanted an open one, got none");
  const { model, tokenizer } = current.device === device
    ? current
    : await open(device, current.files);
  const ids = [...tokenizer.encode(text, { prepend: tokenizer.bos }), ...more];
  return { model, tokenizer, ids };
}

/**
 * Inspects the open model, and names the tokens of the prompt and those that it finds likely.
 *
 * @throws {RangeError} If the prompt is too long.
 */
export async function* lookInside(device: Device, prompt: Prompt): AsyncGenerator<Seen> {
  const { model, tokenizer, ids } = await preparePrompt(device, prompt);
  if (ids.length > MAX_TOKENS) {
    throw new RangeError(
      `Cannot look inside the model: wanted at most ${MAX_TOKENS} tokens, got ${ids.length}`,
    );
  }
  using _off = await switchOff(model, prompt.off);
  const found = await inspect(model, ids);
  const named = [ids, found.candidates, ...found.stages.map(({ likely }) => likely)];
  const all = new Set(named.flatMap((some) => [...some]));
  const texts = new Map([...all].map((id) => [id, tokenizer.decode([id])]));
  yield { ids, texts, ...found };
}

/** Continues a prompt by tokens that the open model samples; a signal ends it after a token. */
export async function* writeInside(
  device: Device,
  { prompt, ...options }: { readonly prompt: Prompt } & GenerateOptions,
  signal: AbortSignal,
): AsyncGenerator<number> {
  const { model, tokenizer, ids } = await preparePrompt(device, prompt);
  using _off = await switchOff(model, prompt.off);
  for await (const { tokens } of new Engine(model, tokenizer).generate(ids, options)) {
    if (signal.aborted) return;
    yield tokens[0]!;
  }
}

/** A checkpoint as files. */
export async function checkpointFiles(content: CheckpointContent): Promise<ModelFiles> {
  const encoded = [...await encodeCheckpoint(content)] as [string, BlobPart][];
  return new Map(encoded.sort().map(([name, bytes]) => [name, new Blob([bytes])]));
}

/** Frees the parameters of a model at once; its tables go with it. */
export function free(model: GPT): void {
  for (const parameter of model.parameters().values()) parameter.dispose();
}

/**
 * Opens the latest checkpoint among files, as `openCheckpoint` does in a folder.
 *
 * @param withOptimizer Whether its optimizer state is read, too.
 * @throws {Error} If a file is missing or damaged; the message names it.
 */
export async function openModel(
  device: Device,
  files: ModelFiles,
  withOptimizer = false,
): Promise<Model> {
  const found = [...files.keys()];
  const given = found.slice(0, 5).join(", ") || "none";
  const name = found.filter((name) => /^meta_\d{6,}\.json$/.test(name)).sort().at(-1);
  if (name === undefined) {
    throw new Error(`Cannot open a model: wanted a file like meta_000100.json, got ${given}`);
  }
  const meta = await read(name, files.get(name)!, parseMeta);
  const part = <Result>(part: CheckpointPart, decode: (bytes: Uint8Array) => Result) => {
    const path = checkpointFileName(part, meta.state.step);
    const [file, digest] = [files.get(path), meta.files[part]];
    if (file !== undefined && digest !== undefined) return read(path, file, decode, digest);
    throw new Error(`Cannot open a model: wanted ${path} beside ${name}, got ${given}`);
  };
  const modelConfig = nanochatConfig(meta);
  const tokenizer = await part("tokenizer", (bytes) => decodeTokenizer(bytes, modelConfig));
  const optim = withOptimizer ? await part("optim", (bytes) => bytes) : null;
  const model = await part("model", (bytes) => decodeModel(bytes, modelConfig, device));
  return { device, files, meta, model, tokenizer, optim };
}

/** Reads a file of a checkpoint; errors name it. */
async function read<Result>(
  path: string,
  file: Blob,
  decode: (bytes: Uint8Array) => Result | Promise<Result>,
  digest?: FileDigest,
): Promise<Result> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (digest !== undefined) await checkFile(path, bytes, digest);
  try {
    return await decode(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : `${cause}`;
    throw new Error(`Cannot read ${path}: ${reason}`, { cause });
  }
}
