/** Writes a random model for llama.cpp, with the widths of the compared model. */

import { type Fact, type TensorToWrite, writeGguf } from "../../interchange/mod.ts";
import { deriveSeed, normalArray } from "../../tensor/random.ts";

export interface GgufSizes {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  /** Width of the MLP's hidden layer; llama's MLP has three matrices. */
  readonly inside: number;
  readonly vocabSize: number;
  readonly contextLength: number;
}

const [NORMAL, CONTROL] = [1, 3];

/** Facts of the file, in order. */
type Facts = readonly (readonly [name: string, fact: Fact])[];

const integer = (value: number): Fact => ({ type: "uint32", value });
const real = (value: number): Fact => ({ type: "float32", value });
const text = (value: string): Fact => ({ type: "string", value });
const texts = (value: readonly string[]): Fact => ({ type: "array", of: "string", value });
const integers = (value: readonly number[]): Fact => ({ type: "array", of: "int32", value });

/** Writes a model with random weights. */
export async function writeRandomModel(path: string, sizes: GgufSizes): Promise<void> {
  const facts = new Map([...shapeFacts(sizes), ...vocabularyFacts(sizes.vocabSize)]);
  const chunks = writeGguf(facts, tensorsOf(sizes));
  await Deno.writeFile(`${path}.part`, ReadableStream.from(chunks));
  await Deno.rename(`${path}.part`, path);
}

function shapeFacts({ layers, width, heads, inside, contextLength }: GgufSizes): Facts {
  return [
    ["general.architecture", text("llama")],
    ["general.name", text("random")],
    ["llama.context_length", integer(contextLength)],
    ["llama.embedding_length", integer(width)],
    ["llama.block_count", integer(layers)],
    ["llama.feed_forward_length", integer(inside)],
    ["llama.attention.head_count", integer(heads)],
    ["llama.attention.head_count_kv", integer(heads)],
    ["llama.attention.layer_norm_rms_epsilon", real(1e-5)],
    ["llama.rope.dimension_count", integer(width / heads)],
  ];
}

/** The 256 bytes, pairs of letters, placeholders, and a token for the beginning and end of sequence. */
function vocabularyFacts(vocabSize: number): Facts {
  const letters = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i));
  const pairs = letters.flatMap((a) => letters.map((b) => [a, b] as const));
  const tokens = [...byteNames(), ...pairs.map(([a, b]) => a + b)];
  while (tokens.length < vocabSize - 1) tokens.push(`<${tokens.length}>`);
  tokens.push("<s>");
  return [
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text("default")],
    ["tokenizer.ggml.tokens", texts(tokens)],
    [
      "tokenizer.ggml.token_type",
      integers(tokens.map((name) => name === "<s>" ? CONTROL : NORMAL)),
    ],
    ["tokenizer.ggml.merges", texts(pairs.map(([a, b]) => `${a} ${b}`))],
    ["tokenizer.ggml.bos_token_id", integer(vocabSize - 1)],
    ["tokenizer.ggml.eos_token_id", integer(vocabSize - 1)],
  ];
}

/** GPT-2's printable characters for bytes: printable bytes as they are, the others from 256 on. */
function byteNames(): string[] {
  const prints = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCharCode(prints(byte) ? byte : next++),
  );
}

function tensorsOf(
  { layers, width, inside, vocabSize }: GgufSizes,
): ReadonlyMap<string, TensorToWrite> {
  const tensors = new Map<string, TensorToWrite>();
  const add = (name: string, shape: readonly number[], numbers: () => Float32Array<ArrayBuffer>) =>
    tensors.set(name, {
      type: "F32",
      shape,
      bytes: () => Promise.resolve(new Uint8Array(numbers().buffer)),
    });
  const random = (name: string, rows: number, columns: number) => {
    const seed = deriveSeed(5, tensors.size);
    add(name, [rows, columns], () => normalArray(seed, rows * columns, 0, 0.05));
  };
  const ones = (name: string) => add(name, [width], () => new Float32Array(width).fill(1));
  random("token_embd.weight", vocabSize, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}`;
    ones(`${block}.attn_norm.weight`);
    ones(`${block}.ffn_norm.weight`);
    for (const part of ["attn_q", "attn_k", "attn_v", "attn_output"]) {
      random(`${block}.${part}.weight`, width, width);
    }
    random(`${block}.ffn_gate.weight`, inside, width);
    random(`${block}.ffn_up.weight`, inside, width);
    random(`${block}.ffn_down.weight`, width, inside);
  }
  ones("output_norm.weight");
  random("output.weight", vocabSize, width);
  return tensors;
}
