/** Models in GGUF files: GPT-2 and the Llama family. @module */

import type { TrainableModel } from "../gpt/browser.ts";
import type { Fact, GgufFile, StoredTensor, TensorToWrite } from "../interchange/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { GPT2, gpt2, type GPT2Config } from "./gpt2.ts";
import { Llama, llama, type LlamaConfig, type RopeScaling } from "./llama.ts";
import { ORIGINAL_LENGTH, ROPE_FACTORS, ropeFactors, scalingOf } from "./rope_factors.ts";
import {
  buildFrom,
  Fields,
  type Layout,
  type OpenPretrainedOptions,
  unreadable,
} from "./weights.ts";

/**
 * Opens the model of a GGUF file.
 *
 * @param file Its name, for messages.
 * @throws {SyntaxError} If it is malformed, or needs an unsupported feature, such as a GPT-2 whose head
 * is not its embedding; the message names it.
 * @throws {RangeError} If the device has no room.
 */
export async function openGgufModel(
  file: string,
  gguf: GgufFile,
  device: Device,
  options: OpenPretrainedOptions = {},
): Promise<TrainableModel> {
  const { tensors } = gguf;
  const all = fieldsOf(file, gguf, "general.");
  const kind = all.oneOf("architecture", ...["gpt2", "llama", "qwen2", "qwen3"] as const);
  if (!all.has("architecture")) throw unreadable(file, "general.architecture", "none");
  const fields = fieldsOf(file, gguf, `${kind}.`);
  const embedding = tensors.get("token_embd.weight");
  const vocabSize = embedding?.shape[0];
  if (vocabSize === undefined) throw unreadable(file, "a tensor token_embd.weight", "none");
  const head = tensors.get("output.weight");
  if (kind === "gpt2") {
    if (head !== undefined) await checkHead(file, head, embedding!);
    const config = gpt2Config(fields, vocabSize);
    const [layout, architecture] = [gpt2Layout, gpt2];
    return await buildFrom({ file, tensors, layout, architecture, config }, device, options);
  }
  const plain = llamaConfig(kind, fields, vocabSize, head === undefined);
  const config = { ...plain, ropeScaling: await readScaling(file, gguf, fields, plain) };
  const [layout, architecture] = [llamaLayout(config), llama];
  return await buildFrom({ file, tensors, layout, architecture, config }, device, options);
}

/** The scaling of rotary frequencies, if a tensor has factors of it. */
async function readScaling(
  file: string,
  { tensors }: GgufFile,
  fields: Fields,
  config: LlamaConfig,
): Promise<RopeScaling | null> {
  const stored = tensors.get(ROPE_FACTORS);
  if (stored === undefined) return null;
  const { shape } = stored;
  const isVector = shape.length === 1 && 2 * shape[0]! === config.headSize;
  const originalLength = fields.number("rope.scaling.original_context_length", ORIGINAL_LENGTH);
  const scaling = isVector ? scalingOf(await stored.float32(), config, originalLength) : null;
  if (scaling !== null) return scaling;
  throw unreadable(file, "rotary frequencies that are scaled as Llama 3's", ROPE_FACTORS);
}

/**
 * A GGUF file's metadata of a model, the layout of its tensors, and the tensors that are not
 * parameters.
 */
export function toGguf(
  model: TrainableModel,
): {
  readonly facts: Map<string, Fact>;
  readonly layout: Layout;
  readonly others: ReadonlyMap<string, TensorToWrite>;
} | null {
  const counts = (kind: string, values: Record<string, number>) =>
    Object.entries(values).map(([name, value]): [string, Fact] => [
      `${kind}.${name}`,
      { type: "uint32", value },
    ]);
  const float = (value: number): Fact => ({ type: "float32", value });
  const sizes = ({ config }: GPT2 | Llama) => ({
    context_length: config.sequenceLen,
    embedding_length: config.width,
    block_count: config.layers,
    feed_forward_length: config.mlpWidth,
    "attention.head_count": config.heads,
  });
  if (model instanceof GPT2) {
    const facts = new Map<string, Fact>([
      ["general.architecture", { type: "string", value: "gpt2" }],
      ...counts("gpt2", sizes(model)),
      ["gpt2.attention.layer_norm_epsilon", float(model.config.epsilon)],
    ]);
    return { facts, layout: gpt2Layout, others: new Map() };
  }
  if (!(model instanceof Llama)) return null;
  const { kind, keyHeads, headSize, epsilon, ropeBase, vocabSize } = model.config;
  const facts = new Map<string, Fact>([
    ["general.architecture", { type: "string", value: kind }],
    ...counts(kind, {
      ...sizes(model),
      vocab_size: vocabSize,
      "attention.head_count_kv": keyHeads,
      "attention.key_length": headSize,
      "attention.value_length": headSize,
      "rope.dimension_count": headSize,
    }),
    [`${kind}.attention.layer_norm_rms_epsilon`, float(epsilon)],
    [`${kind}.rope.freq_base`, float(ropeBase)],
  ]);
  const { ropeScaling } = model.config;
  const others = new Map<string, TensorToWrite>();
  if (ropeScaling !== null) {
    const factors = ropeFactors(model.config, ropeScaling);
    others.set(ROPE_FACTORS, {
      type: "F32",
      shape: [factors.length],
      bytes: () => Promise.resolve(new Uint8Array(factors.buffer)),
    });
    const name = `${kind}.rope.scaling.original_context_length`;
    facts.set(name, { type: "uint32", value: ropeScaling.originalLength });
  }
  return { facts, layout: llamaLayout(model.config), others };
}

/** The facts whose names begin with a prefix, which is removed. */
function fieldsOf(file: string, { facts }: GgufFile, prefix: string): Fields {
  const values = [...facts].filter(([name]) => name.startsWith(prefix)).map(([name, fact]) =>
    [name.slice(prefix.length), plain(fact.value)] as const
  );
  return new Fields(file, Object.fromEntries(values));
}

function plain(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

function gpt2Config(fields: Fields, vocabSize: number): GPT2Config {
  return {
    vocabSize,
    sequenceLen: fields.number("context_length"),
    layers: fields.number("block_count"),
    heads: fields.number("attention.head_count"),
    width: fields.number("embedding_length"),
    mlpWidth: fields.number("feed_forward_length"),
    epsilon: fields.number("attention.layer_norm_epsilon"),
  };
}

/** Rows that are compared at once, so that a large vocabulary takes little memory. */
const ROWS_AT_ONCE = 1024;

/** Bits of precision of the types that round numbers. */
const BITS: Readonly<Record<string, number>> = {
  F16: 11,
  BF16: 8,
  Q8_0: 8,
  Q6_K: 6,
  Q5_0: 5,
  Q5_1: 5,
  Q5_K: 5,
  Q4_0: 4,
  Q4_1: 4,
  Q4_K: 4,
};

/**
 * Checks that the head, which files may store once more, is the embedding: GPT-2 has no other here. In the
 * same type their numbers must be equal. Programs that quantize files often give the head a finer type: then
 * each row may deviate by `2^(2 - bits)` of its norm, of the coarser type's bits of precision. That is 3 times
 * or more what the rounding changes; a head that differs by less than that is taken for the embedding.
 *
 * @throws {SyntaxError} If it is another, or of a type that is known by name only.
 */
async function checkHead(file: string, head: StoredTensor, embedding: StoredTensor): Promise<void> {
  const refuse = (got: string) =>
    unreadable(file, "the head to be the embedding, as GPT-2's is", `an output.weight ${got}`);
  const { shape } = embedding;
  if (head.shape.join() !== shape.join()) throw refuse(`of [${head.shape}] for [${shape}]`);
  const bits = Math.min(...[head, embedding].map(({ type }) => BITS[type.name] ?? Infinity));
  const most = head.type === embedding.type ? 0 : 2 ** (2 - bits);
  const rows = shape[0]!;
  for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows - first);
    const [ours, theirs] = await Promise.all(
      [embedding, head].map(async (tensor) => await tensor.rows(first, count).float32()),
    ) as [Float32Array, Float32Array];
    const width = ours.length / count;
    for (let row = 0; row < count; row++) {
      let [deviation, norm] = [0, 0];
      for (let i = row * width; i < (row + 1) * width; i++) {
        deviation += (ours[i]! - theirs[i]!) ** 2;
        norm += ours[i]! ** 2;
      }
      // Written so that a NaN is refused.
      if (!(deviation <= most ** 2 * norm)) throw refuse(`that differs in row ${first + row}`);
    }
  }
}

const gpt2Layout: Layout = {
  nameOf: (parameter) =>
    parameter
      .replace(/^wte/, "token_embd")
      .replace(/^wpe/, "position_embd")
      .replace(/^ln_f/, "output_norm")
      .replace(/^h\.(\d+)\./, "blk.$1.")
      .replace("ln_1", "attn_norm")
      .replace("ln_2", "ffn_norm")
      .replace("attn.c_attn", "attn_qkv")
      .replace("attn.c_proj", "attn_output")
      .replace("mlp.c_fc", "ffn_up")
      .replace("mlp.c_proj", "ffn_down"),
  // The head may be stored once more; it is the embedding, which has been checked.
  isIgnored: (name) => name === "output.weight",
};

function llamaConfig(
  kind: LlamaConfig["kind"],
  fields: Fields,
  vocabSize: number,
  isTied: boolean,
): LlamaConfig {
  const heads = fields.number("attention.head_count");
  const width = fields.number("embedding_length");
  const headSize = fields.number("attention.key_length", width / heads);
  fields.oneOf("attention.value_length", headSize);
  fields.oneOf("attention.causal", true);
  fields.oneOf("rope.dimension_count", headSize);
  fields.oneOf("rope.scaling.type", "none");
  // llama.cpp scales linearly where a factor has no type.
  fields.oneOf("rope.scaling.factor", 1);
  fields.oneOf("rope.scale_linear", 1);
  fields.oneOf("expert_count", 0);
  return {
    kind,
    heads,
    width,
    vocabSize,
    isTied,
    ropeScaling: null,
    sequenceLen: fields.number("context_length"),
    layers: fields.number("block_count"),
    keyHeads: fields.number("attention.head_count_kv", heads),
    headSize,
    mlpWidth: fields.number("feed_forward_length"),
    epsilon: fields.number("attention.layer_norm_rms_epsilon"),
    ropeBase: fields.number("rope.freq_base", 10_000),
  };
}

function llamaLayout({ kind, heads, keyHeads }: LlamaConfig): Layout {
  return {
    nameOf: (parameter) =>
      parameter
        .replace("model.embed_tokens", "token_embd")
        .replace("model.norm", "output_norm")
        .replace("lm_head", "output")
        .replace(/^model\.layers\.(\d+)\./, "blk.$1.")
        .replace("input_layernorm", "attn_norm")
        .replace("post_attention_layernorm", "ffn_norm")
        .replace(/self_attn\.([qkv])_proj/, "attn_$1")
        .replace("self_attn.o_proj", "attn_output")
        .replace(/self_attn\.([qk])_norm/, "attn_$1_norm")
        .replace(/mlp\.(gate|up|down)_proj/, "ffn_$1"),
    isIgnored: (name) => name === ROPE_FACTORS,
    // llama.cpp rotates neighbors in this architecture, and has reordered the rows for it.
    interleavedHeads: (parameter) =>
      kind !== "llama"
        ? 0
        : parameter.includes("q_proj")
        ? heads
        : parameter.includes("k_proj")
        ? keyHeads
        : 0,
  };
}
