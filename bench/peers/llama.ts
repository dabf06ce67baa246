/**
 * The jobs that measure decoding with llama.cpp, through node-llama-cpp.
 *
 * npm installs the package into its own folder, without its optional packages for other machines and
 * GPUs, which are ten times as large as the rest.
 */

import { basePath } from "../../gpt/files/files.ts";
import { promptOf, timeClients } from "../clients.ts";
import { median } from "../statistics.ts";
import type { Surroundings } from "./contestant.ts";
import { writeRandomModel } from "./gguf.ts";
import { type Job, type JobOptions, serve } from "./protocol.ts";

const VERSION = "3.22.1";

interface LlamaModule {
  getLlama(options: { gpu: false; build: "never"; logLevel: "error" }): Promise<{
    loadModel(options: { modelPath: string }): Promise<Model>;
  }>;
}

interface Model {
  createContext(options: {
    contextSize: number;
    threads: number;
    batchSize: number;
    sequences?: number;
  }): Promise<{
    getSequence(): {
      evaluate(
        tokens: number[],
        options: { temperature: number; yieldEogToken?: boolean },
      ): AsyncIterable<number>;
      clearHistory(): Promise<void>;
    };
    dispose(): Promise<void>;
  }>;
}

export async function installLlama(): Promise<Surroundings> {
  const folder = basePath("bench", `node-llama-cpp-${VERSION}`);
  const model = `${folder}/random.gguf`;
  const surroundings = { folder, flags: ["--no-config", "--node-modules-dir=manual"] };
  if (await exists(model)) return surroundings;
  await Deno.mkdir(folder, { recursive: true });
  const cpu = `${Deno.build.os === "darwin" ? "mac" : Deno.build.os}-${
    Deno.build.arch === "x86_64" ? "x64" : "arm64"
  }`;
  const { success, stderr } = await new Deno.Command("npm", {
    args: [
      "install",
      "--prefix",
      folder,
      "--ignore-scripts",
      "--omit=optional",
      "--no-audit",
      `node-llama-cpp@${VERSION}`,
      `@node-llama-cpp/${cpu}@${VERSION}`,
    ],
  }).output();
  if (!success) throw new Error(`npm: ${new TextDecoder().decode(stderr).split("\n")[0]}`);
  await writeRandomModel(model, {
    layers: 4,
    width: 256,
    heads: 4,
    vocabSize: 4096,
    contextLength: 512,
    // Three matrices of width 704 have as many parameters as two of 1,024.
    inside: 704,
  });
  return surroundings;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

// More threads are not always faster, because they spin while waiting for each other.
const threadCounts = [...new Set([1, navigator.hardwareConcurrency])];

async function openModel(folder: string, file = `${folder}/random.gguf`): Promise<Model> {
  const entry = `file://${folder}/node_modules/node-llama-cpp/dist/index.js`;
  const { getLlama }: LlamaModule = await import(entry);
  const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
  return await llama.loadModel({ modelPath: file });
}

/** Prefills 128 tokens and decodes 120, with the fastest number of threads. */
async function decode({ path = "", file }: JobOptions): Promise<Job> {
  const model = await openModel(path, file);
  const prompt = Array.from({ length: 128 }, (_, i) => i);
  const run = async (threads: number) => {
    const context = await model.createContext({ contextSize: 512, threads, batchSize: 512 });
    const times: number[] = [];
    let last = performance.now();
    for await (const _token of context.getSequence().evaluate(prompt, { temperature: 0 })) {
      times.push(performance.now() - last);
      last = performance.now();
      if (times.length > 120) break;
    }
    await context.dispose();
    return { first: times[0]!, next: median(times.slice(1)) };
  };
  const trials: { threads: number; next: number }[] = [];
  for (const threads of threadCounts) trials.push({ threads, next: (await run(threads)).next });
  const { threads } = trials.toSorted((a, b) => a.next - b.next)[0]!;
  return {
    check: [],
    measure: async () => {
      const { first, next } = await run(threads);
      return {
        threads,
        tokens_per_second: 1000 / next,
        prefill_tokens_per_second: 128_000 / first,
      };
    },
  };
}

/** Decodes several sequences in one batch, after prompts of 128 tokens. */
async function decodeTogether({ path = "", size = 1 }: JobOptions): Promise<Job> {
  const model = await openModel(path);
  const prompt = Array.from({ length: 128 }, (_, i) => i);
  const run = async (threads: number): Promise<number> => {
    const context = await model.createContext({
      contextSize: 512,
      batchSize: 512,
      sequences: size,
      threads,
    });
    const sequences = Array.from({ length: size }, () => context.getSequence());
    const times = await Promise.all(sequences.map(async (sequence) => {
      const times: number[] = [];
      const options = { temperature: 0, yieldEogToken: true };
      for await (const _token of sequence.evaluate(prompt, options)) {
        times.push(performance.now());
        if (times.length > 120) break;
      }
      return times;
    }));
    await context.dispose();
    // While all of them decode.
    const start = Math.max(...times.map((own) => own[0]!));
    const end = Math.min(...times.map((own) => own.at(-1)!));
    const tokens = times.flat().filter((time) => time > start && time <= end).length;
    return 1000 * tokens / (end - start);
  };
  const trials: { threads: number; speed: number }[] = [];
  for (const threads of threadCounts) trials.push({ threads, speed: await run(threads) });
  const { threads } = trials.toSorted((a, b) => b.speed - a.speed)[0]!;
  return { check: [], measure: async () => ({ threads, tokens_per_second: await run(threads) }) };
}

/** Lets clients ask side by side, each with a sequence of its own, with the fastest number of threads. */
async function clients({ path = "", load }: JobOptions): Promise<Job> {
  if (load === undefined) throw new Error("Cannot measure llama.cpp: wanted a load, got none");
  const model = await openModel(path);
  const run = async (threads: number) => {
    const context = await model.createContext({
      contextSize: 256,
      batchSize: 512,
      sequences: load.clients,
      threads,
    });
    const sequences = Array.from({ length: load.clients }, () => context.getSequence());
    const times = await timeClients(load, async (client, round) => {
      const sequence = sequences[client]!;
      // The server has a token more, too: the one that begins a text.
      const prompt = [1, ...promptOf(load, client, round)];
      let [first, last, count] = [0, 0, 0];
      const options = { temperature: 0, yieldEogToken: true };
      for await (const _token of sequence.evaluate(prompt, options)) {
        last = performance.now();
        first ||= last;
        if (++count === load.tokens) break;
      }
      await sequence.clearHistory();
      if (count === load.tokens) return { first, last };
      throw new Error(`Cannot measure llama.cpp: wanted ${load.tokens} tokens, got ${count}`);
    });
    await context.dispose();
    return times;
  };
  const trials: Record<string, number>[] = [];
  for (const threads of threadCounts) trials.push({ threads, ...await run(threads) });
  const { threads } = trials.toSorted((a, b) =>
    b["tokens_per_second"]! - a["tokens_per_second"]!
  )[0]!;
  return { check: [], measure: async () => ({ threads: threads!, ...await run(threads!) }) };
}

if (import.meta.main) await serve({ decode, decodeTogether, clients });
