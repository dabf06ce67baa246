/**
 * Exporting models: to folders for Hugging Face's transformers, GGUF files, and nanochat's
 * checkpoint folders.
 *
 * @module
 */

import { GPT, type TrainableModel } from "../gpt/browser.ts";
import {
  elementTypes,
  type Fact,
  writeGguf,
  writeSafetensorsFolder,
  writeTiktokenPickle,
  writeTorchFile,
} from "../interchange/mod.ts";
import { checkOptions, type OptionNames } from "../tensor/checks.ts";
import { RangeError, TypeError } from "../tensor/errors.ts";
import { startOfTexts, type Tokenizer, writeHuggingFace } from "../tokenizer/mod.ts";
import { cardText, type ModelCard } from "./card.ts";
import { toGguf } from "./gguf_model.ts";
import { toGgufTokenizer } from "./gguf_tokenizer.ts";
import { toHuggingFace } from "./hugging_face.ts";
import { toNanochat } from "./nanochat_folder.ts";
import { Nanochat2025 } from "./nanochat_2025.ts";
import type { Pretrained } from "./open.ts";
import { tensorsToWrite } from "./weights.ts";

/** The formats that models are exported to. */
export const exportFormats = ["huggingface", "gguf", "nanochat"] as const;

/** The types of numbers that weights are exported in. */
export const exportTypes = ["f32", "f16", "bf16", "q8_0", "q4_0"] as const;

/** Options for {@linkcode exportPretrained}. */
export interface ExportOptions {
  /** The kind of files. */
  readonly to: (typeof exportFormats)[number];
  /**
   * The type of the weights; 8 and 4 bits only in GGUF, where vectors stay f32. In f32 nanochat gets its
   * embeddings in bf16, as it keeps them, where that loses nothing.
   * @default {"f32"}
   */
  readonly type?: (typeof exportTypes)[number];
  /** The origin of the model, for the README.md of `huggingface`; its name is that in a GGUF file, too. */
  readonly card?: ModelCard | undefined;
  /** Maximum bytes of a file of weights of `huggingface`: larger models take several. @default {5e9} */
  readonly shardBytes?: number;
}

const OPTIONS: OptionNames<ExportOptions> = { to: true, type: true, card: true, shardBytes: true };

/** A file to write. */
export interface ExportedFile {
  /** The name in the folder. */
  readonly name: string;
  /** The content, in pieces that are computed on demand. */
  readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/**
 * Exports a model to files of another program. Everything is checked before the first file. A chat
 * template is left out of nanochat's folders, which have no place for one: its code renders conversations.
 *
 * @param opened The model, opened with `openPretrained` or trained here.
 * @throws {RangeError} If the format cannot hold the model, the type or the tokenizer; the message
 * says which.
 * @throws {TypeError} If the format, the type or an option is unknown.
 *
 * @example
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { exportPretrained } from "./export.ts";
 * import { GPT2 } from "./gpt2.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const sizes = { vocabSize: 128, sequenceLen: 16, layers: 1, heads: 2, width: 32, mlpWidth: 64 };
 * const model = new GPT2({ ...sizes, epsilon: 1e-5 }, device);
 * const opened = { model, tokenizer: null, chatTemplate: null };
 * const names: string[] = [];
 * for await (const { name, chunks } of exportPretrained(opened, { to: "huggingface" })) {
 *   for await (const _bytes of chunks);
 *   names.push(name);
 * }
 * if (names.join() !== "config.json,model.safetensors") throw new Error(names.join());
 * await device.close();
 * ```
 */
export async function* exportPretrained(
  opened: Pretrained,
  options: ExportOptions,
): AsyncGenerator<ExportedFile> {
  checkOptions("export the model", options, OPTIONS, ["to"]);
  const { to, type = "f32", card, shardBytes = 5e9 } = options;
  check("to", exportFormats, to);
  check("type", exportTypes, type);
  const { model } = opened;
  const name = nameOf(model);
  if (type === "f16" && (model instanceof GPT || model instanceof Nanochat2025)) {
    throw new RangeError(
      `Cannot export the model: wanted f32 or bf16, since ReLU² of ${name} goes beyond the range of ` +
        "f16, got f16",
    );
  }
  if (to !== "gguf" && !["f32", "f16", "bf16"].includes(type)) {
    throw new RangeError(`Cannot export as ${to}: wanted f32, f16 or bf16, got ${type}`);
  }
  if (to === "huggingface") yield* asHuggingFace(opened, type, card, shardBytes);
  else if (to === "gguf") yield* asGguf(opened, type, card);
  else yield* asNanochat(opened, type);
}

function* asHuggingFace(
  { model, tokenizer, chatTemplate }: Pretrained,
  type: string,
  card: ModelCard | undefined,
  shardBytes: number,
): Generator<ExportedFile> {
  const written = toHuggingFace(model);
  if (written === null) {
    const lost =
      "has no place for smear, backout, value embeddings and the mixed residual stream of";
    throw new RangeError(`Cannot export as huggingface: it ${lost} ${nameOf(model)}`);
  }
  const { config, layout } = written;
  const [start, ends] = [tokenizer?.documentStart ?? null, tokenizer?.ends ?? []];
  const ids = { bos_token_id: start, eos_token_id: ends.length > 1 ? ends : ends[0] ?? null };
  yield json("config.json", {
    ...config,
    ...ids,
    torch_dtype: { f32: "float32", f16: "float16", bf16: "bfloat16" }[type],
  });
  if (tokenizer !== null) yield json("generation_config.json", ids);
  const tensors = tensorsToWrite(model, layout, () => type.toUpperCase());
  yield* writeSafetensorsFolder(tensors, { format: "pt" }, shardBytes);
  if (tokenizer !== null) {
    const { vocabulary } = tokenizer;
    const addsStart = startOfTexts(vocabulary) !== null;
    yield textFile("tokenizer.json", writeHuggingFace({ ...vocabulary, addsStart }));
    yield json("tokenizer_config.json", {
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: start === null ? null : tokenizer.decode([start]),
      eos_token: ends.length === 0 ? null : tokenizer.decode([ends[0]!]),
      model_max_length: model.config.sequenceLen,
    });
  }
  if (chatTemplate !== null) yield textFile("chat_template.jinja", chatTemplate);
  if (card !== undefined) yield textFile("README.md", cardText(card, model));
}

function* asGguf(
  { model, tokenizer, chatTemplate }: Pretrained,
  type: string,
  card: ModelCard | undefined,
): Generator<ExportedFile> {
  const written = toGguf(model);
  if (written === null) {
    throw new RangeError(
      `Cannot export as gguf: llama.cpp has no architecture with the ReLU², capped logits and norms of ` +
        nameOf(model),
    );
  }
  const { facts, layout, others } = written;
  const matrixType = type.toUpperCase();
  const { block } = elementTypes.get(matrixType)!;
  const tensors = tensorsToWrite(
    model,
    layout,
    // llama.cpp adds position embeddings and norms in f32.
    (parameter, shape) => shape.length < 2 || parameter === "wpe.weight" ? "F32" : matrixType,
  );
  for (const [name, { type, shape }] of tensors) {
    if (type !== matrixType || shape.at(-1)! % block === 0) continue;
    throw new RangeError(
      `Cannot export as gguf: wanted rows in blocks of ${block} for ${type}, got ${name} of ` +
        `[${shape}]`,
    );
  }
  const text = (value: string): Fact => ({ type: "string", value });
  const all = new Map<string, Fact>([
    ...facts,
    ...card === undefined ? [] : [["general.name", text(card.name)] as const],
    ...tokenizer === null ? [] : toGgufTokenizer(tokenizer, model.config.vocabSize),
    ...chatTemplate === null ? [] : [["tokenizer.chat_template", text(chatTemplate)] as const],
  ]);
  yield { name: "model.gguf", chunks: writeGguf(all, new Map([...tensors, ...others])) };
}

async function* asNanochat(
  { model, tokenizer }: Pretrained,
  type: string,
): AsyncGenerator<ExportedFile> {
  const config = toNanochat(model);
  if (config === null) {
    throw new RangeError(
      `Cannot export as nanochat: wanted one of nanochat's architectures, got ${nameOf(model)}`,
    );
  }
  const tokens = tokenizer?.vocabulary.tokens ?? [];
  const hole = tokens.findIndex((token) => token === undefined);
  if (hole !== -1) {
    throw new RangeError(
      `Cannot export as nanochat: wanted a tokenizer with a token of each id, got none of ${hole}`,
    );
  }
  if (tokenizer !== null) checkTiktoken(tokenizer);
  const layout = { nameOf: (parameter: string) => parameter };
  // nanochat keeps embeddings in bf16, and gets them so where that loses nothing.
  const rounded = new Set<string>();
  for (const [name, parameter] of model.parameters()) {
    const isEmbedding = /^(transformer\.wte|value_embeds\.\d+)\.weight$/.test(name);
    if (isEmbedding && isExactInBf16(await parameter.data())) rounded.add(name);
  }
  const tensors = tensorsToWrite(
    model,
    layout,
    (name) => type === "f32" && rounded.has(name) ? "BF16" : type.toUpperCase(),
  );
  yield { name: "model_000000.pt", chunks: writeTorchFile(tensors) };
  if (tokenizer !== null) {
    const { pattern, specialTokens: special } = tokenizer.vocabulary;
    const encoding = {
      name: "nanodino",
      pattern,
      tokens: tokens.map((token) => Uint8Array.from(token!)),
      special,
    };
    yield { name: "tokenizer.pkl", chunks: once(() => writeTiktokenPickle(encoding)) };
  }
  // Last, as it completes the checkpoint.
  yield json("meta_000000.json", { step: 0, model_config: config });
}

/**
 * Checks that a `tiktoken.Encoding`, which has one pattern, bytes of tokens and special tokens, can hold a
 * tokenizer.
 *
 * @throws {RangeError} If texts would be split or encoded in another way.
 */
function checkTiktoken({ vocabulary }: Tokenizer): void {
  const { morePatterns = [], normalization = null, addedTokens = new Map() } = vocabulary;
  const refuse = (wanted: string, got: string) =>
    new RangeError(`Cannot export as nanochat: wanted a tokenizer ${wanted}, got ${got}`);
  if (morePatterns.length > 0) {
    throw refuse("with one split pattern", `${1 + morePatterns.length}`);
  }
  if (normalization !== null) throw refuse("that leaves texts as they are", normalization);
  if (addedTokens.size > 0) {
    const [name] = addedTokens.keys();
    throw refuse("whose named tokens are all special", `${JSON.stringify(name)}, which is not`);
  }
}

/** Whether the lower halves of all numbers are 0. */
function isExactInBf16(values: ArrayLike<number>): boolean {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  return bits.every((each) => (each & 0xffff) === 0);
}

function check(option: string, known: readonly string[], value: string): void {
  if (known.includes(value)) return;
  throw new TypeError(
    `Cannot export the model: wanted ${option} to be ${known.join(", ")}, got ${value}`,
  );
}

function nameOf({ architecture = "nanochat" }: TrainableModel): string {
  return architecture;
}

function json(name: string, value: unknown): ExportedFile {
  return textFile(name, `${JSON.stringify(value, null, 2)}\n`);
}

function textFile(name: string, text: string): ExportedFile {
  return { name, chunks: once(() => new TextEncoder().encode(text)) };
}

async function* once(
  make: () => Uint8Array<ArrayBuffer>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield await Promise.resolve(make());
}
