/**
 * Looking inside a checkpoint: opening its files, one watched forward pass, and continuing a text.
 *
 * @module
 */

import {
  checkFile,
  checkpointFileName,
  type CheckpointMeta,
  type CheckpointPart,
  decodeModel,
  decodeTokenizer,
  Engine,
  type GPT,
  inspect,
  type Inspection,
  parameterCounts,
  parseMeta,
} from "../../gpt/browser.ts";
import type { Device } from "../../tensor/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";

/** The files of a checkpoint by name; others among them are not read. */
export type ModelFiles = ReadonlyMap<string, Blob>;

/** A text, and ids that follow it. */
export interface Prompt {
  readonly text: string;
  readonly more: readonly number[];
}

/** What is asked about a model. */
export type InsideInput =
  | { readonly kind: "open"; readonly files: ModelFiles }
  | { readonly kind: "look"; readonly prompt: Prompt }
  | {
    readonly kind: "write";
    readonly prompt: Prompt;
    readonly maxTokens: number;
    readonly temperature: number;
    readonly topK: number;
    readonly seed: number;
  };

/** A model that was opened. */
export interface Opened {
  readonly kind: "opened";
  readonly meta: Pick<CheckpointMeta, "modelConfig" | "settings" | "state">;
  readonly parameters: number;
}

/** What a forward pass shows. */
export interface Seen extends Inspection {
  readonly kind: "seen";
  /** The tokens; the first one begins the document. */
  readonly ids: readonly number[];
  /** Every token that is named here, as text. */
  readonly texts: ReadonlyMap<number, string>;
}

/** What the page hears. */
export type InsideEvent = Opened | Seen | { readonly kind: "written"; readonly id: number };

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

let current: Model | null = null;

/**
 * Answers about a model: the one that was opened last, unless `input` opens another.
 *
 * @param device Where it is computed.
 * @param signal Ends the writing after a token.
 * @throws {Error} If files are missing or damaged, or nothing was opened; if the text is too long.
 */
export async function* askInside(
  device: Device,
  input: InsideInput,
  signal: AbortSignal,
): AsyncGenerator<InsideEvent> {
  if (input.kind === "open") {
    const opened = await openModel(device, input.files);
    if (current !== null) free(current.model);
    current = opened;
    const { modelConfig, settings, state } = opened.meta;
    const parameters = parameterCounts(modelConfig).total;
    yield { kind: "opened", meta: { modelConfig, settings, state }, parameters };
    return;
  }
  if (current === null) throw new Error("Cannot look inside a model: wanted an open one, got none");
  if (current.device !== device) {
    const moved = await openModel(device, current.files);
    free(current.model);
    current = moved;
  }
  const { model, tokenizer } = current;
  const { text, more } = input.prompt;
  const ids = [...tokenizer.encode(text, { prepend: tokenizer.bos }), ...more];
  if (input.kind === "look") return yield await look(model, tokenizer, ids);
  const { kind: _kind, prompt: _prompt, ...options } = input;
  for await (const { tokens } of new Engine(model, tokenizer).generate(ids, options)) {
    if (signal.aborted) return;
    yield { kind: "written", id: tokens[0]! };
  }
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
  const meta = await reading(name, async () => await parseMeta(await bytesOf(files.get(name)!)));
  const part = async <Result>(
    part: CheckpointPart,
    decode: (bytes: Uint8Array) => Result,
  ): Promise<Result> => {
    const path = checkpointFileName(part, meta.state.step);
    const [file, digest] = [files.get(path), meta.files[part]];
    if (file === undefined || digest === undefined) {
      throw new Error(`Cannot open a model: wanted ${path} beside ${name}, got ${given}`);
    }
    const bytes = await bytesOf(file);
    await checkFile(path, bytes, digest);
    return await reading(path, () => decode(bytes));
  };
  const { modelConfig } = meta;
  const tokenizer = await part("tokenizer", (bytes) => decodeTokenizer(bytes, modelConfig));
  const optim = withOptimizer ? await part("optim", (bytes) => bytes) : null;
  const model = await part("model", (bytes) => decodeModel(bytes, modelConfig, device));
  return { device, files, meta, model, tokenizer, optim };
}

async function bytesOf(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.arrayBuffer());
}

/** Adds the file's name to errors. */
async function reading<Result>(
  path: string,
  read: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : `${cause}`;
    throw new Error(`Cannot read ${path}: ${reason}`, { cause });
  }
}

/** Inspects the model, and names the tokens of the text and those that it finds likely. */
async function look(model: GPT, tokenizer: Tokenizer, ids: readonly number[]): Promise<Seen> {
  if (ids.length > MAX_TOKENS) {
    throw new RangeError(
      `Cannot look inside the model: wanted at most ${MAX_TOKENS} tokens, got ${ids.length}`,
    );
  }
  const found = await inspect(model, ids);
  const named = [ids, found.candidates, ...found.stages.map(({ likely }) => likely)];
  const texts = new Map<number, string>();
  for (const id of named.flatMap((some) => [...some])) {
    if (!texts.has(id)) texts.set(id, tokenizer.decode([id]));
  }
  return { kind: "seen", ids, texts, ...found };
}
