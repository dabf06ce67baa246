/**
 * Decoding with packed weights: float32, q8 and q4 of ours, and F32, Q8_0 and Q4_0 of llama.cpp, each
 * pair on one file of random weights. Rounds are interleaved, one sequence after the other.
 *
 *     deno run -A bench/quantized.ts --shape base
 *     deno run -A bench/quantized.ts --shape smollm2 --rounds 5
 *
 * A line for each contestant: median time of a token, tokens per second, and the ratio to our float32,
 * the median over rounds. Then what bounds ours: where the time of a token goes, and how fast matmuls
 * read weights, beside the same kernel on weights in the cache and a plain read of as much memory; and
 * what a token takes on a GPU, dispatches and bytes, counted and not run. The last line is one line of
 * JSON.
 *
 * @module
 */

import { basePath } from "../gpt/files/files.ts";
import { configForDepth, Engine, GPT, type TrainableModel } from "../gpt/mod.ts";
import { exportPretrained, Llama, type LlamaConfig, openPretrained } from "../models/mod.ts";
import { parameterBytes, quantizeModule } from "../nn/mod.ts";
import { choice, integer, runScript, type Script, toggle } from "../scripts/flags.ts";
import { type Device, noGrad, openDevice, type Packing, Tensor } from "../tensor/mod.ts";
import { GPT2_PATTERN, Tokenizer } from "../tokenizer/mod.ts";
import { CountingDevice } from "./counting_device.ts";
import { benchFlags, openBenchDevice, peakMemory } from "./harness.ts";
import { type Contestant, job } from "./peers/contestant.ts";
import { installLlama } from "./peers/llama.ts";
import { type Bounds, measureBounds } from "./quantized_bounds.ts";
import { median, round } from "./statistics.ts";

const common = { kind: "llama", epsilon: 1e-5, ropeBase: 10_000, ropeScaling: null } as const;

const SHAPES: Readonly<Record<"base" | "smollm2", LlamaConfig>> = {
  // Three matrices of width 704 have as many parameters as nanochat's two of 1,024.
  base: {
    ...common,
    layers: 4,
    width: 256,
    heads: 4,
    keyHeads: 4,
    headSize: 64,
    mlpWidth: 704,
    vocabSize: 4096,
    sequenceLen: 512,
    isTied: false,
  },
  smollm2: {
    ...common,
    layers: 30,
    width: 576,
    heads: 9,
    keyHeads: 3,
    headSize: 64,
    mlpWidth: 1536,
    vocabSize: 49_152,
    sequenceLen: 512,
    isTied: true,
  },
};

const TYPES = [["f32", "f32"], ["q8", "q8_0"], ["q4", "q4_0"]] as const;

const flags = {
  ...benchFlags,
  shape: choice(["base", "smollm2"], "base", "Widths: of base, or of SmolLM2-135M"),
  tokens: integer(64, "Tokens of a round of ours, after 128 of a prompt"),
  rounds: integer(7, "Rounds"),
  noPeer: toggle("Leave llama.cpp out"),
};

/** A tokenizer without special tokens, so that no sequence ends early. */
const endless = { special: () => -1, encode: () => [], decode: () => "" };

/** As llama.cpp gets it. */
const PROMPT = Array.from({ length: 128 }, (_, i) => i);

/** The files of a shape, written once. */
async function makeFiles(shape: keyof typeof SHAPES): Promise<Record<string, string>> {
  const folder = basePath("bench", `quantized-${shape}`);
  const paths = Object.fromEntries(TYPES.map(([, type]) => [type, `${folder}/${type}.gguf`]));
  const areThere = await Promise.all(
    Object.values(paths).map((path) => Deno.stat(path).then(() => true, () => false)),
  );
  if (areThere.every((is) => is)) return paths;
  await Deno.mkdir(folder, { recursive: true });
  const device = await openDevice("cpu");
  const model = new Llama(SHAPES[shape], device, { seed: 1 });
  const text = "the quick brown fox jumps over the lazy dog and runs away from there ".repeat(9);
  const tokenizer = await Tokenizer.train([text], { vocabSize: 300, pattern: GPT2_PATTERN });
  for (const [, type] of TYPES) {
    const files = exportPretrained({ model, tokenizer, chatTemplate: null }, { to: "gguf", type });
    for await (const { chunks } of files) {
      await Deno.writeFile(`${paths[type]}.part`, ReadableStream.from(chunks));
      await Deno.rename(`${paths[type]}.part`, paths[type]!);
    }
  }
  await device.close();
  return paths;
}

/** Decodes tokens, and returns the median time of one in milliseconds. */
async function decode(model: TrainableModel, tokens: number): Promise<number> {
  const times: number[] = [];
  let last = performance.now();
  const options = { maxTokens: tokens, temperature: 0 };
  for await (const _step of new Engine(model, endless).generate(PROMPT, options)) {
    times.push(performance.now() - last);
    last = performance.now();
  }
  return median(times.slice(4));
}

/** Gigabytes per second of a plain read of some bytes. */
async function readSpeed(bytes: number): Promise<number> {
  // The loop reads 128 bytes a turn.
  const size = 128 * Math.ceil(bytes / 128);
  const reader = await job("memory read", "machine.ts", "read", { size }).start();
  const speeds: number[] = [];
  for (let i = 0; i < 5; i++) speeds.push((await reader.measure())["gigabytes_per_second"]!);
  await reader.close();
  return median(speeds);
}

/** The models whose dispatches are counted: of this shape, and nanochat's `base`. */
const buildsOf = (shape: keyof typeof SHAPES) => ({
  [shape]: (device: Device) => new Llama(SHAPES[shape], device, { seed: null }),
  nanochat: (device: Device) => {
    const sizes = { depth: 4, aspectRatio: 64, headDim: 64, vocabSize: 4096, maxSeqLen: 256 };
    return new GPT(configForDepth({ ...sizes, windowPattern: "L" }), device, { seed: null });
  },
});

/** Dispatches and bytes of a token of a model on a GPU. */
function countToken(build: (device: Device) => TrainableModel, type: "f32" | Packing) {
  const device = new CountingDevice();
  const model = build(device);
  if (type !== "f32") quantizeModule(model, type);
  const cache = model.createCache(1, PROMPT.length + 1);
  const ids = (tokens: readonly number[]) => Tensor.from(device, [tokens], { dtype: "int32" });
  return noGrad(() => {
    model.forward(ids(PROMPT), undefined, { cache, lastOnly: true });
    return device.count(() => model.decode(ids([3]), [cache]));
  });
}

interface Row {
  readonly name: string;
  readonly decode: () => Promise<number>;
  readonly times: number[];
  readonly bytes: number;
}

const script: Script<typeof flags> = {
  summary: "Compares decoding with packed weights.",
  command: "deno run -A bench/quantized.ts",
  flags,
  run: async (values) => {
    const paths = await makeFiles(values.shape);
    const device = await openBenchDevice(values);
    const ours: (Row & { readonly model: TrainableModel })[] = [];
    for (const [name, type] of TYPES) {
      const packing = name === "f32" ? undefined : name;
      const { model } = await openPretrained(paths[type]!, device, { packing });
      ours.push({
        name: `ours ${name}`,
        times: [],
        bytes: parameterBytes(model),
        decode: () => decode(model, values.tokens),
        model,
      });
    }
    const contestants: Row[] = [...ours];
    const peers: Contestant[] = [];
    for (const [, type] of values.noPeer ? [] : TYPES) {
      const options = { file: paths[type]! };
      const peer = await job("llama.cpp", "llama.ts", "decode", options, installLlama).start();
      peers.push(peer);
      contestants.push({
        name: `llama.cpp ${type.toUpperCase()}`,
        times: [],
        decode: async () => 1000 / (await peer.measure())["tokens_per_second"]!,
        bytes: (await Deno.stat(paths[type]!)).size,
      });
    }
    for (const { decode } of contestants) for (let i = 0; i < 4; i++) await decode();
    for (let i = 0; i < values.rounds; i++) {
      for (const { decode, times } of contestants) times.push(await decode());
    }
    const [reference] = contestants as [Row];
    const rows = contestants.map(({ name, times, bytes }) => ({
      name,
      ms: round(median(times), 3),
      tokens_per_second: round(1000 / median(times), 1),
      of_our_f32: round(median(times.map((time, i) => reference.times[i]! / time)), 2),
      bytes,
    }));
    console.log(device.info.description);
    for (const row of rows) {
      const cells = [`${row.ms} ms`, `${row.tokens_per_second} tokens/s`, `${row.of_our_f32} ×`];
      console.log(row.name.padEnd(28) + cells.map((cell) => cell.padStart(18)).join(""));
    }
    for (const peer of peers) await peer.close();
    const bounds: Record<string, Bounds & { readonly plain_read_gb_per_second: number }> = {};
    for (const [i, [type]] of TYPES.entries()) {
      const { model, bytes } = ours[i]!;
      const own = await measureBounds(model, type, PROMPT);
      bounds[type] = { ...own, plain_read_gb_per_second: round(await readSpeed(bytes), 1) };
      console.log(`${type}: ${JSON.stringify(bounds[type])}`);
    }
    await device.close();
    const onGpu = Object.fromEntries(
      Object.entries(buildsOf(values.shape)).map(([name, build]) => [
        name,
        Object.fromEntries(TYPES.map(([type]) => [type, countToken(build, type)])),
      ]),
    );
    console.log(`a token on a GPU: ${JSON.stringify(onGpu)}`);
    const { shape } = values;
    console.log(JSON.stringify({ shape, rows, bounds, onGpu, peak_rss_mb: peakMemory() }));
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
