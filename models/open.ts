/**
 * Opening models that other programs have saved: folders of Hugging Face's transformers, GGUF files, and
 * nanochat's checkpoint folders.
 *
 * @module
 */

import type { TrainableModel } from "../gpt/browser.ts";
import {
  filesFolder,
  type Folder,
  openGguf,
  pathFolder,
  pathSource,
  readTiktokenPickle,
  type Source,
} from "../interchange/mod.ts";
import { checkDevice, checkOptions, describeValue } from "../tensor/checks.ts";
import { Error, wrongType, wrongValue } from "../tensor/errors.ts";
import type { Device } from "../tensor/mod.ts";
import { readHuggingFace, Tokenizer } from "../tokenizer/mod.ts";
import { openGgufModel } from "./gguf_model.ts";
import { ggufTokenizer } from "./gguf_tokenizer.ts";
import { openHuggingFace } from "./hugging_face.ts";
import { lastCheckpoint, openNanochat } from "./nanochat_folder.ts";
import { readJson, readText } from "./read_json.ts";
import { type OpenPretrainedOptions, unreadable } from "./weights.ts";

/** A model from elsewhere. */
export interface Pretrained {
  /** The model, on its device. */
  readonly model: TrainableModel;
  /** The tokenizer; `null` if the files contain none. */
  readonly tokenizer: Tokenizer | null;
  /** The template of its conversations, in Jinja; `null` if there is none. */
  readonly chatTemplate: string | null;
}

/**
 * Opens a model that another program has saved: what it is follows from looking at it.
 *
 * @param source The path or `file:` URL of a folder or of a `.gguf` file, or the files that the user of
 * a page chose.
 * @param device Where the model is to be.
 * @param options How to pack its weights.
 * @throws {Error} If there is no model.
 * @throws {SyntaxError} If a file is malformed or asks for what is not supported; the message names it.
 * @throws {RangeError} If the device has no room.
 * @throws {TypeError} If `source` or `device` is neither, or an option is unknown.
 *
 * @example
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { openPretrained } from "./open.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const message = await openPretrained(await Deno.makeTempDir(), device)
 *   .catch((error: Error) => error.message);
 * if (!`${message}`.includes("wanted config.json")) throw new Error(`${message}`);
 * await device.close();
 * ```
 */
export async function openPretrained(
  source: string | URL | readonly File[],
  device: Device,
  options: OpenPretrainedOptions = {},
): Promise<Pretrained> {
  const isFiles = Array.isArray(source);
  const path = isFiles ? "" : pathOf(source as string | URL);
  checkDevice("open a model", device, "second");
  checkOptions("open a model", options, { packing: true });
  if (isFiles) {
    return await openFolder(filesFolder(source as readonly File[]), () => null, device, options);
  }
  if (/^hf:/.test(path)) {
    const got = `${path}, which deno task chat --from ${path} downloads`;
    throw wrongValue("open a model", "a path of this machine", got);
  }
  const { isFile } = await Deno.stat(path).catch((cause) => {
    throw new Error(`Cannot open ${path}: ${(cause as Error).message}`, { cause });
  });
  if (isFile) return await openGgufFile(await pathSource(path), device, options);
  const trimmed = path.replace(/\/+$/, "") || "/";
  return await openFolder(
    pathFolder(trimmed),
    (name) => pathFolder(`${trimmed}/${name}`),
    device,
    options,
  );
}

function pathOf(source: string | URL): string {
  if (typeof source === "string") return source;
  const isUrl = source instanceof URL;
  if (isUrl && source.protocol === "file:") return decodeURIComponent(source.pathname);
  const wanted = "a path, a file: URL or a list of files first, and then a device";
  throw wrongType("open a model", wanted, isUrl ? source.href : describeValue(source));
}

async function openGgufFile(
  source: Source,
  device: Device,
  options: OpenPretrainedOptions,
): Promise<Pretrained> {
  const gguf = await openGguf(source);
  // The small files first, so that a problem with them shows before the weights are read.
  const tokenizer = ggufTokenizer(source.name, gguf);
  const template = gguf.facts.get("tokenizer.chat_template")?.value;
  return {
    model: await openGgufModel(source.name, gguf, device, options),
    tokenizer,
    chatTemplate: typeof template === "string" ? template : null,
  };
}

async function openFolder(
  folder: Folder,
  inner: (name: string) => Folder | null,
  device: Device,
  options: OpenPretrainedOptions,
): Promise<Pretrained> {
  const json = await readJson(folder, "config.json");
  if (json !== null) {
    // The small files first, so that a problem with them shows before the weights are read.
    const tokenizer = await huggingFaceTokenizer(folder, json);
    const chatTemplate = await readTemplate(folder);
    const model = await openHuggingFace(folder, json, device, options);
    return { model, tokenizer, chatTemplate };
  }
  const names = await folder.list();
  const checkpoint = lastCheckpoint(names);
  if (checkpoint !== null) {
    const tokenizer = await nanochatTokenizer([folder, inner("tokenizer")]);
    const model = await openNanochat(folder, checkpoint, device, options);
    return { model, tokenizer, chatTemplate: null };
  }
  const ggufs = names.filter((name) => name.endsWith(".gguf"));
  if (ggufs.length === 1) {
    return await openGgufFile((await folder.open(ggufs[0]!))!, device, options);
  }
  throw new Error(
    `Cannot open ${folder.name}: wanted config.json, meta_….json with model_….pt or one .gguf file, ` +
      `got ${names.slice(0, 5).join(", ") || "no files"}`,
  );
}

/**
 * The tokenizer of a folder of transformers. What begins a document and what ends a turn, other files say.
 *
 * @param config What `config.json` has.
 */
async function huggingFaceTokenizer(folder: Folder, config: unknown): Promise<Tokenizer | null> {
  const text = await readText(folder, "tokenizer.json");
  if (text === null) return null;
  const own = await readJson(folder, "tokenizer_config.json");
  const generation = await readJson(folder, "generation_config.json");
  try {
    const vocabulary = readHuggingFace(text);
    const { tokens, specialTokens, addedTokens = new Map() } = vocabulary;
    const named = new Set([...specialTokens.values(), ...addedTokens.values()]);
    const isToken = (id: unknown): id is number =>
      Number.isInteger(id) && (tokens[id as number] !== undefined || named.has(id as number));
    /** The id of a token that the tokenizer's config names, as a text or an object with one. */
    const idOf = (token: unknown): number | undefined => {
      const name = typeof token === "object" ? member(token, "content") : token;
      return typeof name === "string" ? specialTokens.get(name) : undefined;
    };
    const bos = member(own, "bos_token");
    const start = bos === null ? null : idOf(bos) ?? vocabulary.documentStart ??
      [...specialTokens.values()].find((id) => id === member(config, "bos_token_id"));
    const eos = member(generation, "eos_token_id") ?? member(config, "eos_token_id");
    const ends = [idOf(member(own, "eos_token")), ...[eos].flat()].filter(isToken);
    const { addsStart = false } = vocabulary;
    return new Tokenizer({
      ...vocabulary,
      ...start !== undefined && { documentStart: start },
      addsStart,
      ...ends.length > 0 && { ends: [...new Set(ends)] },
      ...sizeOf(member(config, "vocab_size")),
    });
  } catch (error) {
    throw unreadable(`${folder.name}/tokenizer.json`, "a tokenizer", (error as Error).message);
  }
}

/** The number of ids of the model, if it is a number: the model's own reader checks it. */
function sizeOf(vocabSize: unknown): { readonly size?: number } {
  return typeof vocabSize === "number" ? { size: vocabSize } : {};
}

/** A member of a value from JSON; `undefined` if it has none. */
function member(value: unknown, name: string): unknown {
  const isObject = typeof value === "object" && value !== null;
  return isObject && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

async function nanochatTokenizer(folders: readonly (Folder | null)[]): Promise<Tokenizer | null> {
  for (const folder of folders) {
    const source = await folder?.open("tokenizer.pkl") ?? null;
    if (source === null) continue;
    const { pattern, tokens, special } = await readTiktokenPickle(source);
    try {
      return new Tokenizer({ pattern, tokens, specialTokens: special });
    } catch (error) {
      throw unreadable(source.name, "a tokenizer", (error as Error).message);
    }
  }
  return null;
}

/** The template of conversations: a file of its own, or a member of the tokenizer's config. */
async function readTemplate(folder: Folder): Promise<string | null> {
  const own = await readText(folder, "chat_template.jinja");
  if (own !== null) return own;
  const config = await readJson(folder, "tokenizer_config.json");
  const template = member(config, "chat_template");
  if (!Array.isArray(template)) return typeof template === "string" ? template : null;
  // Several, by name: others are for calls of tools.
  const found = template.find((entry) => member(entry, "name") === "default");
  const text = member(found, "template");
  return typeof text === "string" ? text : null;
}
