/**
 * Writes a random model for llama.cpp, with the widths of the compared model.
 *
 * Source of the format: the GGUF specification of ggml, version 3.
 */

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

/** The format's numbers for types of values and tensors. */
const TYPES = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 } as const;
const [TENSOR_FLOAT32, ALIGNMENT, VERSION] = [0, 32, 3];

const [NORMAL, CONTROL] = [1, 3];

/** A growing little-endian buffer. */
class Writer {
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  length = 0;

  bytes(part: Uint8Array<ArrayBuffer>): void {
    this.#parts.push(part);
    this.length += part.length;
  }
  uint32(value: number): void {
    this.bytes(new Uint8Array(Uint32Array.of(value).buffer));
  }
  uint64(value: number): void {
    this.bytes(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }
  float32(value: number): void {
    this.bytes(new Uint8Array(Float32Array.of(value).buffer));
  }
  string(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.uint64(encoded.length);
    this.bytes(encoded);
  }
  align(): void {
    this.bytes(new Uint8Array(-this.length & (ALIGNMENT - 1)));
  }
  toBlob(): Blob {
    return new Blob(this.#parts);
  }
}

type Fact =
  | readonly [name: string, type: "uint32" | "float32", value: number]
  | readonly [name: string, type: "string", value: string]
  | readonly [name: string, type: "strings", value: readonly string[]]
  | readonly [name: string, type: "integers", value: readonly number[]];

export async function writeGguf(path: string, sizes: GgufSizes): Promise<void> {
  const facts = [...shapeFacts(sizes), ...vocabularyFacts(sizes.vocabSize)];
  const tensors = tensorsOf(sizes);
  const file = new Writer();
  file.bytes(new TextEncoder().encode("GGUF"));
  file.uint32(VERSION);
  file.uint64(tensors.length);
  file.uint64(facts.length);
  for (const fact of facts) writeFact(file, fact);
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    file.string(name);
    file.uint32(shape.length);
    for (const length of shape.toReversed()) file.uint64(length);
    file.uint32(TENSOR_FLOAT32);
    file.uint64(offset);
    offset += Math.ceil(data.byteLength / ALIGNMENT) * ALIGNMENT;
  }
  for (const { data } of tensors) {
    file.align();
    file.bytes(new Uint8Array(data.buffer));
  }
  file.align();
  await Deno.writeFile(`${path}.part`, file.toBlob().stream());
  await Deno.rename(`${path}.part`, path);
}

function writeFact(file: Writer, [name, type, value]: Fact): void {
  file.string(name);
  switch (type) {
    case "uint32":
      file.uint32(TYPES.uint32);
      return file.uint32(value);
    case "float32":
      file.uint32(TYPES.float32);
      return file.float32(value);
    case "string":
      file.uint32(TYPES.string);
      return file.string(value);
    case "strings":
      file.uint32(TYPES.array);
      file.uint32(TYPES.string);
      file.uint64(value.length);
      for (const text of value) file.string(text);
      return;
    case "integers":
      file.uint32(TYPES.array);
      file.uint32(TYPES.int32);
      file.uint64(value.length);
      for (const number of value) file.uint32(number);
  }
}

function shapeFacts({ layers, width, heads, inside, contextLength }: GgufSizes): Fact[] {
  return [
    ["general.architecture", "string", "llama"],
    ["general.name", "string", "random"],
    ["llama.context_length", "uint32", contextLength],
    ["llama.embedding_length", "uint32", width],
    ["llama.block_count", "uint32", layers],
    ["llama.feed_forward_length", "uint32", inside],
    ["llama.attention.head_count", "uint32", heads],
    ["llama.attention.head_count_kv", "uint32", heads],
    ["llama.attention.layer_norm_rms_epsilon", "float32", 1e-5],
    ["llama.rope.dimension_count", "uint32", width / heads],
  ];
}

/** The 256 bytes, pairs of letters, placeholders, and a token for the beginning and end of sequence. */
function vocabularyFacts(vocabSize: number): Fact[] {
  const letters = Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i));
  const pairs = letters.flatMap((a) => letters.map((b) => [a, b] as const));
  const tokens = [...byteNames(), ...pairs.map(([a, b]) => a + b)];
  while (tokens.length < vocabSize - 1) tokens.push(`<${tokens.length}>`);
  tokens.push("<s>");
  return [
    ["tokenizer.ggml.model", "string", "gpt2"],
    ["tokenizer.ggml.pre", "string", "default"],
    ["tokenizer.ggml.tokens", "strings", tokens],
    [
      "tokenizer.ggml.token_type",
      "integers",
      tokens.map((name) => name === "<s>" ? CONTROL : NORMAL),
    ],
    ["tokenizer.ggml.merges", "strings", pairs.map(([a, b]) => `${a} ${b}`)],
    ["tokenizer.ggml.bos_token_id", "uint32", vocabSize - 1],
    ["tokenizer.ggml.eos_token_id", "uint32", vocabSize - 1],
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

interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

function tensorsOf({ layers, width, inside, vocabSize }: GgufSizes): GgufTensor[] {
  const tensors: GgufTensor[] = [];
  const random = (name: string, rows: number, columns: number) => {
    const data = normalArray(deriveSeed(5, tensors.length), rows * columns, 0, 0.05);
    tensors.push({ name, shape: [rows, columns], data });
  };
  const ones = (name: string) =>
    tensors.push({ name, shape: [width], data: new Float32Array(width).fill(1) });
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
