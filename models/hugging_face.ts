/** Models in folders of Hugging Face's transformers: `config.json` and safetensors files. @module */

import type { TrainableModel } from "../gpt/browser.ts";
import { type Folder, openSafetensorsFolder, type StoredTensor } from "../interchange/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { GPT2, gpt2, type GPT2Config } from "./gpt2.ts";
import { Llama, llama, type LlamaConfig, type RopeScaling } from "./llama.ts";
import { Nanochat2025, nanochat2025, type Nanochat2025Config } from "./nanochat_2025.ts";
import {
  buildFrom,
  Fields,
  type Layout,
  type OpenPretrainedOptions,
  unreadable,
} from "./weights.ts";

/**
 * Opens the model of a folder.
 *
 * @param json The content of its `config.json`.
 * @throws {SyntaxError} If a file is malformed, or needs an unsupported feature; the message names
 * it.
 * @throws {RangeError} If the device has no room.
 */
export async function openHuggingFace(
  folder: Folder,
  json: unknown,
  device: Device,
  options: OpenPretrainedOptions = {},
): Promise<TrainableModel> {
  const file = `${folder.name}/config.json`;
  const fields = new Fields(file, json);
  const kinds = ["gpt2", "llama", "qwen2", "qwen3", "nanochat"] as const;
  if (!fields.has("model_type")) throw unreadable(file, "a model_type", "none");
  const kind = fields.oneOf("model_type", ...kinds);
  if (fields.has("quantization_config")) {
    throw unreadable(file, "weights that are not quantized", "a quantization_config");
  }
  const opened = await openSafetensorsFolder(folder);
  if (opened === null) {
    throw unreadable(folder.name, "model.safetensors or its index", "neither");
  }
  const { tensors } = opened;
  if (kind === "gpt2") {
    const [layout, architecture] = [gpt2Layout(tensors), gpt2];
    return await buildFrom(
      { file, tensors, layout, architecture, config: gpt2Config(fields) },
      device,
      options,
    );
  }
  if (kind === "nanochat") {
    const config = nanochatConfig(fields);
    const [layout, architecture] = [nanochatLayout, nanochat2025];
    return await buildFrom({ file, tensors, layout, architecture, config }, device, options);
  }
  const config = llamaConfig(kind, fields, file);
  if (config.isTied) await checkTied(folder.name, tensors);
  const [layout, architecture] = [llamaLayout(config), llama];
  return await buildFrom({ file, tensors, layout, architecture, config }, device, options);
}

/** The config of a model for transformers, and the layout of its tensors. */
export function toHuggingFace(
  model: TrainableModel,
): { readonly config: Record<string, unknown>; readonly layout: Layout } | null {
  if (model instanceof GPT2) {
    return { config: gpt2Json(model.config), layout: gpt2Layout(new Map()) };
  }
  if (model instanceof Llama) {
    return { config: llamaJson(model.config), layout: llamaLayout(model.config) };
  }
  if (model instanceof Nanochat2025) {
    return { config: nanochatJson(model.config), layout: nanochatLayout };
  }
  return null;
}

function gpt2Json({ vocabSize, sequenceLen, ...config }: GPT2Config): Record<string, unknown> {
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    activation_function: "gelu_new",
    tie_word_embeddings: true,
    vocab_size: vocabSize,
    n_positions: sequenceLen,
    n_ctx: sequenceLen,
    n_layer: config.layers,
    n_head: config.heads,
    n_embd: config.width,
    n_inner: config.mlpWidth,
    layer_norm_epsilon: config.epsilon,
  };
}

function llamaJson({ kind, ropeBase, ropeScaling, ...config }: LlamaConfig) {
  const name = { llama: "Llama", qwen2: "Qwen2", qwen3: "Qwen3" }[kind];
  return {
    architectures: [`${name}ForCausalLM`],
    model_type: kind,
    hidden_act: "silu",
    vocab_size: config.vocabSize,
    max_position_embeddings: config.sequenceLen,
    hidden_size: config.width,
    num_hidden_layers: config.layers,
    intermediate_size: config.mlpWidth,
    head_dim: config.headSize,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyHeads,
    rms_norm_eps: config.epsilon,
    tie_word_embeddings: config.isTied,
    // Qwen2 always has them, and no such option.
    ...kind === "qwen2" ? {} : { attention_bias: false },
    // In the form of transformers 4, which version 5 reads as well.
    rope_theta: ropeBase,
    rope_scaling: ropeScaling && {
      rope_type: "llama3",
      factor: ropeScaling.factor,
      low_freq_factor: ropeScaling.lowFreqFactor,
      high_freq_factor: ropeScaling.highFreqFactor,
      original_max_position_embeddings: ropeScaling.originalLength,
    },
  };
}

function nanochatJson({ heads, ropeBase, ...config }: Nanochat2025Config) {
  return {
    architectures: ["NanoChatForCausalLM"],
    model_type: "nanochat",
    hidden_act: "relu2",
    // Padded, like the rows.
    vocab_size: config.rows,
    max_position_embeddings: config.sequenceLen,
    hidden_size: config.width,
    intermediate_size: 4 * config.width,
    num_hidden_layers: config.layers,
    num_attention_heads: heads,
    num_key_value_heads: config.keyHeads,
    rms_norm_eps: config.epsilon,
    rope_parameters: { rope_type: "default", rope_theta: ropeBase },
    final_logit_softcapping: 15,
    attention_bias: false,
    tie_word_embeddings: false,
  };
}

function gpt2Config(fields: Fields): GPT2Config {
  fields.oneOf("activation_function", "gelu_new", "gelu_pytorch_tanh");
  fields.oneOf("scale_attn_weights", true);
  fields.oneOf("scale_attn_by_inverse_layer_idx", false);
  fields.oneOf("add_cross_attention", false);
  fields.oneOf("tie_word_embeddings", true);
  const width = fields.number("n_embd");
  return {
    vocabSize: fields.number("vocab_size"),
    sequenceLen: fields.number("n_positions"),
    layers: fields.number("n_layer"),
    heads: fields.number("n_head"),
    width,
    mlpWidth: fields.number("n_inner", 4 * width),
    epsilon: fields.number("layer_norm_epsilon", 1e-5),
  };
}

/**
 * Names may begin with `transformer.`; files also store attention masks, which are not parameters.
 */
function gpt2Layout(tensors: ReadonlyMap<string, StoredTensor>): Layout {
  const prefix = tensors.has("transformer.wte.weight") ? "transformer." : "";
  return {
    nameOf: (parameter) => `${prefix}${parameter}`,
    isTransposed: (parameter) => /\.(c_attn|c_proj|c_fc)\.weight$/.test(parameter),
    isIgnored: (name) => /\.attn\.(bias|masked_bias)$/.test(name),
  };
}

function llamaConfig(kind: LlamaConfig["kind"], fields: Fields, file: string): LlamaConfig {
  fields.oneOf("hidden_act", "silu");
  fields.oneOf("attention_bias", false, ...kind === "qwen2" ? [true] : []);
  fields.oneOf("mlp_bias", false);
  fields.oneOf("use_sliding_window", false);
  fields.eachIs("layer_types", "full_attention");
  fields.oneOf("partial_rotary_factor", 1);
  const heads = fields.number("num_attention_heads");
  const width = fields.number("hidden_size");
  const { ropeBase, ropeScaling } = parseRope(fields);
  const headSize = fields.number("head_dim", width / heads);
  if (!Number.isInteger(headSize)) {
    throw unreadable(file, "hidden_size as a multiple of num_attention_heads", [width, heads]);
  }
  return {
    kind,
    heads,
    headSize,
    width,
    ropeBase,
    ropeScaling,
    vocabSize: fields.number("vocab_size"),
    sequenceLen: fields.number("max_position_embeddings"),
    layers: fields.number("num_hidden_layers"),
    keyHeads: fields.number("num_key_value_heads", heads),
    mlpWidth: fields.number("intermediate_size"),
    epsilon: fields.number("rms_norm_eps"),
    isTied: fields.oneOf("tie_word_embeddings", false, true),
  };
}

/** Rotary frequencies: `rope_theta` and `rope_scaling` in transformers 4, `rope_parameters` in 5. */
function parseRope(fields: Fields): { ropeBase: number; ropeScaling: RopeScaling | null } {
  const isNew = fields.has("rope_parameters");
  const rope = fields.object(isNew ? "rope_parameters" : "rope_scaling");
  const ropeBase = (isNew ? rope : fields).number("rope_theta", 10_000);
  rope.oneOf("partial_rotary_factor", 1);
  const typeName = rope.has("rope_type") ? "rope_type" : "type";
  if (rope.oneOf(typeName, "default", "llama3") === "default") {
    return { ropeBase, ropeScaling: null };
  }
  const ropeScaling = {
    factor: rope.number("factor"),
    lowFreqFactor: rope.number("low_freq_factor"),
    highFreqFactor: rope.number("high_freq_factor"),
    originalLength: rope.number("original_max_position_embeddings"),
  };
  return { ropeBase, ropeScaling };
}

function llamaLayout({ isTied }: LlamaConfig): Layout {
  return {
    nameOf: (parameter) => parameter,
    isIgnored: (name) =>
      /\.rotary_emb\.inv_freq$/.test(name) || isTied && name === "lm_head.weight",
  };
}

/** A tied head that is also in the file must equal the embedding. */
async function checkTied(
  folder: string,
  tensors: ReadonlyMap<string, StoredTensor>,
): Promise<void> {
  const [head, table] = ["lm_head.weight", "model.embed_tokens.weight"].map((name) =>
    tensors.get(name)
  );
  if (head === undefined || table === undefined) return;
  const [ours, theirs] = await Promise.all([head.float32(), table.float32()]);
  if (ours.length === theirs.length && ours.every((value, i) => value === theirs[i])) return;
  throw unreadable(
    folder,
    "the head to be the embedding, as tie_word_embeddings says",
    "an lm_head.weight that differs",
  );
}

function nanochatConfig(fields: Fields): Nanochat2025Config {
  fields.oneOf("hidden_act", "relu2");
  fields.oneOf("attention_bias", false);
  fields.oneOf("tie_word_embeddings", false);
  fields.oneOf("final_logit_softcapping", 15);
  const heads = fields.number("num_attention_heads");
  const width = fields.number("hidden_size");
  fields.oneOf("intermediate_size", 4 * width);
  const rope = fields.has("rope_parameters") ? fields.object("rope_parameters") : fields;
  rope.oneOf("rope_type", "default");
  const vocabSize = fields.number("vocab_size");
  return {
    vocabSize,
    rows: vocabSize,
    heads,
    width,
    sequenceLen: fields.number("max_position_embeddings"),
    layers: fields.number("num_hidden_layers"),
    keyHeads: fields.number("num_key_value_heads", heads),
    ropeBase: rope.number("rope_theta", 10_000),
    epsilon: fields.number("rms_norm_eps", 1e-6),
  };
}

/** transformers and nanochat use different names. */
const nanochatLayout: Layout = {
  nameOf: (parameter) =>
    parameter
      .replace("transformer.wte", "model.embed_tokens")
      .replace("transformer.h", "model.layers")
      .replace(/attn\.c_([qkv])\b/, "self_attn.$1_proj")
      .replace("attn.c_proj", "self_attn.o_proj")
      .replace("mlp.c_fc", "mlp.fc1")
      .replace("mlp.c_proj", "mlp.fc2"),
};
