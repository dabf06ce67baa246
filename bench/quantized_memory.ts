/**
 * Memory and time that opening a large model with packed weights takes: writes a folder of random
 * weights in bfloat16 for transformers, once, and opens it in a fresh process.
 *
 *     deno run -A bench/quantized_memory.ts --gigabytes 1 --quantize q4
 *     deno run -A bench/quantized_memory.ts --gigabytes 3 --quantize q4
 *
 * The first is the model of a folder of 1 GB; the second would take 6 GB in float32, more than the CPU
 * device has. Prints the time to the first token, the peak of resident memory and the packed size; the
 * last line is one line of JSON.
 *
 * @module
 */

import { basePath } from "../gpt/files/files.ts";
import { Engine } from "../gpt/mod.ts";
import { elementTypes } from "../interchange/mod.ts";
import { writeSafetensorsFile } from "../interchange/safetensors.ts";
import { architectures, type LlamaConfig, openPretrained } from "../models/mod.ts";
import { parameterBytes } from "../nn/mod.ts";
import { decimal, integer, runScript, type Script } from "../scripts/flags.ts";
import { quantizeFlags } from "../scripts/device.ts";
import { normalArray } from "../tensor/random.ts";
import { benchFlags, openBenchDevice, peakMemory } from "./harness.ts";
import { round } from "./statistics.ts";

const flags = {
  ...benchFlags,
  gigabytes: decimal(1, "Size of the folder, in GB of bfloat16"),
  tokens: integer(8, "Tokens to decode", { least: 2 }),
  ...quantizeFlags,
};

/** The widths of Qwen3-0.6B, with as many layers as give the size. */
function configOf(gigabytes: number): LlamaConfig {
  const [width, mlpWidth, vocabSize] = [1024, 3072, 65_536];
  const perLayer = 4 * width * width + 3 * width * mlpWidth;
  return {
    kind: "llama",
    epsilon: 1e-5,
    ropeBase: 10_000,
    ropeScaling: null,
    isTied: true,
    width,
    mlpWidth,
    vocabSize,
    heads: 16,
    keyHeads: 16,
    headSize: 64,
    sequenceLen: 512,
    layers: Math.max(1, Math.round((gigabytes * 1e9 / 2 - vocabSize * width) / perLayer)),
  };
}

/** Writes the folder, tensor by tensor, unless it is there. */
async function makeFolder(gigabytes: number): Promise<string> {
  const folder = basePath("bench", `random-${gigabytes}-gb`);
  const isThere = await Deno.stat(`${folder}/config.json`).then(() => true, () => false);
  if (isThere) return folder;
  await Deno.mkdir(folder, { recursive: true });
  const config = configOf(gigabytes);
  const shapes = architectures.find(({ name }) => name === "llama")!.parameterShapes(config);
  const numbers = normalArray(1, 2 ** 20, 0, 0.02);
  const pack = elementTypes.get("BF16")!.pack!;
  const tensors = new Map([...shapes].map(([name, shape]) => {
    const size = shape.reduce((size, length) => size * length, 1);
    const bytes = () => {
      const part = pack(shape.length === 1 ? new Float32Array(size).fill(1) : numbers);
      const all = new Uint8Array(2 * size);
      for (let at = 0; at < all.length; at += part.length) {
        all.set(part.subarray(0, all.length - at), at);
      }
      return Promise.resolve(all);
    };
    return [name, { type: "BF16", shape, bytes }] as const;
  }));
  const file = ReadableStream.from(writeSafetensorsFile(tensors));
  await Deno.writeFile(`${folder}/model.safetensors`, file);
  await Deno.writeTextFile(
    `${folder}/config.json`,
    JSON.stringify({
      model_type: "llama",
      hidden_act: "silu",
      tie_word_embeddings: true,
      vocab_size: config.vocabSize,
      max_position_embeddings: config.sequenceLen,
      hidden_size: config.width,
      intermediate_size: config.mlpWidth,
      num_hidden_layers: config.layers,
      head_dim: config.headSize,
      rope_theta: 10_000,
      num_attention_heads: config.heads,
      num_key_value_heads: config.keyHeads,
      rms_norm_eps: config.epsilon,
      attention_bias: false,
      rope_scaling: null,
    }),
  );
  return folder;
}

const script: Script<typeof flags> = {
  summary: "Measures what opening a large model with packed weights takes.",
  command: "deno run -A bench/quantized_memory.ts",
  flags,
  run: async (values) => {
    const folder = await makeFolder(values.gigabytes);
    const device = await openBenchDevice(values);
    const start = performance.now();
    const packing = values.quantize ?? undefined;
    const { model } = await openPretrained(folder, device, { packing });
    const opened = performance.now();
    const endless = { special: () => -1, encode: () => [], decode: () => "" };
    const times: number[] = [];
    const options = { maxTokens: values.tokens, temperature: 0 };
    for await (const _step of new Engine(model, endless).generate([1, 2, 3], options)) {
      times.push(performance.now());
    }
    const packed = parameterBytes(model);
    const { size } = await Deno.stat(`${folder}/model.safetensors`);
    const [first, last] = [times[0]!, times.at(-1)!];
    const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
    const result = {
      parameters: [...model.parameters().values()].reduce((sum, { size }) => sum + size, 0),
      file_mb: megabytes(size),
      weights_mb: megabytes(packed),
      peak_rss_mb: peakMemory(),
      open_seconds: round((opened - start) / 1000, 2),
      first_token_seconds: round((first - start) / 1000, 2),
      first_token_seconds_per_gb: round((first - start) / 1000 / (size / 1e9), 2),
      tokens_per_second: round((times.length - 1) / ((last - first) / 1000), 2),
    };
    for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(28)} ${value}`);
    console.log(JSON.stringify(result));
    await device.close();
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
