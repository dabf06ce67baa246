/**
 * Decoding with packed weights: float32, q8 and q4 of ours, and F32, Q8_0 and Q4_0 of llama.cpp, each
 * pair on one file of random weights. Rounds are interleaved, one sequence after the other.
 *
 *     deno run -A bench/quantized.ts --shape base
 *     deno run -A bench/quantized.ts --shape smollm2 --rounds 5
 *
 * A line for each contestant: median time of a token, tokens per second, and the ratio to our float32,
 * the median over rounds. The last line is one line of JSON.
 *
 * @module
 */

import { basePath } from "../gpt/files/files.ts";
import { Engine, type TrainableModel } from "../gpt/mod.ts";
import { exportPretrained, Llama, type LlamaConfig, openPretrained } from "../models/mod.ts";
import { parameterBytes } from "../nn/mod.ts";
import { choice, integer, runScript, type Script, toggle } from "../scripts/flags.ts";
import { openDevice } from "../tensor/mod.ts";
import { GPT2_PATTERN, Tokenizer } from "../tokenizer/mod.ts";
import { benchFlags, openBenchDevice, peakMemory } from "./harness.ts";
import { type Contestant, job } from "./peers/contestant.ts";
import { installLlama } from "./peers/llama.ts";
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
async function filesOf(shape: keyof typeof SHAPES): Promise<Record<string, string>> {
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
    const paths = await filesOf(values.shape);
    const device = await openBenchDevice(values);
    const contestants: Row[] = [];
    for (const [name, type] of TYPES) {
      const packing = name === "f32" ? undefined : name;
      const { model } = await openPretrained(paths[type]!, device, { packing });
      contestants.push({
        name: `ours ${name}`,
        times: [],
        bytes: parameterBytes(model),
        decode: () => decode(model, values.tokens),
      });
    }
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
    console.log(JSON.stringify({ shape: values.shape, rows, peak_rss_mb: peakMemory() }));
    for (const peer of peers) await peer.close();
    await device.close();
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
