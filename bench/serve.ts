/**
 * Measures the server: throughput with 1, 8 and 32 clients, and what becomes of many requests.
 *
 *     deno run -A bench/serve.ts --device cpu --direct --llama
 *
 * Server and clients are two processes. The last line is one line of JSON.
 */

import process from "node:process";
import { configForDepth, GPT } from "../gpt/mod.ts";
import { quantizeModule } from "../nn/mod.ts";
import { integer, runScript, type Script, toggle } from "../scripts/flags.ts";
import { quantizeFlags } from "../scripts/device.ts";
import { Batcher, serve } from "../serve/mod.ts";
import { sendHostile, sendMixed } from "../serve/testing/load.ts";
import { type Device, normalArray } from "../tensor/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { askBatcher, askServer, type Load, promptOf, timeClients } from "./clients.ts";
import { benchFlags, modelFlags, openBenchDevice } from "./harness.ts";
import { round } from "./statistics.ts";
import { job } from "./peers/contestant.ts";
import { installLlama } from "./peers/llama.ts";

const flags = {
  ...benchFlags,
  ...modelFlags,
  ...quantizeFlags,
  promptTokens: integer(32, "Tokens of each prompt"),
  tokens: integer(64, "Tokens of each answer", { least: 2 }),
  rounds: integer(3, "Answers of each client"),
  direct: toggle("Measure the batch without the server as well"),
  llama: toggle("Measure llama.cpp of the same widths as well, installed at its first use"),
  mixed: integer(0, "Mixed requests from 32 clients, of which a tenth leaves", { least: 0 }),
  hostile: integer(0, "Hostile requests", { least: 0 }),
  listen: toggle("Serve, until the standard input ends: the other process"),
};

type BenchValues = Parameters<typeof script.run>[0];

/** A tokenizer of made-up tokens of three letters, as large as the model wants. */
async function openTokenizer(vocabSize: number): Promise<Tokenizer> {
  const { vocabulary } = await Tokenizer.train([], { vocabSize: 265 });
  const names = [...vocabulary.specialTokens.keys()];
  const letters = (i: number) =>
    [i, Math.floor(i / 26), Math.floor(i / 676)].map((x) => 97 + x % 26);
  const made = Array.from(
    { length: vocabSize - 256 - names.length },
    (_, i) => Uint8Array.from(letters(i)),
  );
  const tokens = [...vocabulary.tokens, ...made];
  const specialTokens = new Map(names.map((name, i) => [name, tokens.length + i]));
  return new Tokenizer({ pattern: vocabulary.pattern, tokens, specialTokens });
}

async function openModel(
  values: BenchValues,
): Promise<{ readonly device: Device; readonly model: GPT; readonly tokenizer: Tokenizer }> {
  const device = await openBenchDevice(values);
  const config = configForDepth({ ...values, windowPattern: "L" });
  const model = new GPT(config, device, { seed: 1 });
  const tokenizer = await openTokenizer(config.vocabSize);
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lm_head/.test(name)) continue;
    // Random, so that no two tokens are equally likely but for rounding.
    const scale = name === "lm_head.weight" ? 0.2 : 0.05;
    const weights = normalArray(name.length, parameter.size).map((value) => scale * value);
    if (name === "lm_head.weight") {
      // Logits of 0, where others are larger: special tokens, which come last, would end a text, and
      // bytes that are no character would be no event.
      weights.fill(0, tokenizer.bos * config.nEmbd);
      weights.fill(0, 128 * config.nEmbd, 256 * config.nEmbd);
    }
    parameter.assign(weights);
  }
  if (values.quantize !== null) quantizeModule(model, values.quantize);
  return { device, model, tokenizer };
}

async function listen(values: BenchValues): Promise<void> {
  const { device, model, tokenizer } = await openModel(values);
  const server = await serve(model, tokenizer, { name: "bench", port: 0, maxQueue: 1024 });
  console.log(server.url);
  for await (const _ of Deno.stdin.readable);
  await server.stop();
  await device.close();
}

type Row = Readonly<Record<string, number | string>>;

/** Measures 1, 8 and 32 clients, after some warm-up. */
async function measure(
  name: string,
  values: BenchValues,
  time: (load: Load) => Promise<Readonly<Record<string, number>>>,
): Promise<Row[]> {
  const rows: Row[] = [];
  await time({ ...values, clients: 4, rounds: 1 });
  for (const clients of [1, 8, 32]) {
    rows.push({ name, ...await time({ ...values, clients }) });
    console.log(JSON.stringify(rows.at(-1)));
  }
  return rows;
}

/** Clients of the server, and the share of a core that they take. */
async function timeServer(url: string, load: Load): Promise<Record<string, number>> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const times = await timeClients(
    load,
    (client, round) => askServer(url, promptOf(load, client, round), load.tokens),
  );
  const { user, system } = process.cpuUsage(before);
  const milliseconds = performance.now() - start;
  return { ...times, clients_core_share: round((user + system) / 1000 / milliseconds, 3) };
}

/** Measures the server's batch without HTTP, in this process. */
async function measureDirectly(values: BenchValues): Promise<Row[]> {
  const { device, model, tokenizer } = await openModel(values);
  const batcher = new Batcher(model, tokenizer);
  const rows = await measure("batch", values, (load) =>
    timeClients(load, (client, round) => {
      const prompt = [tokenizer.bos, ...promptOf(load, client, round)];
      return askBatcher(batcher, prompt, load.tokens);
    }));
  await batcher.close();
  await device.close();
  return rows;
}

/** The same with llama.cpp in a process of its own; nothing but a reason where it is missing. */
async function measureLlama(values: BenchValues): Promise<Row[]> {
  const { promptTokens, tokens, rounds } = values;
  try {
    return await measure("llama.cpp", values, async ({ clients }) => {
      const load = { clients, promptTokens, tokens, rounds };
      const contestant = await job("", "llama.ts", "clients", { load }, installLlama).start();
      try {
        return await contestant.measure();
      } finally {
        await contestant.close();
      }
    });
  } catch (error) {
    console.log(`llama.cpp is left out: ${(error as Error).message}`);
    return [];
  }
}

async function memoryOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return round(Number(/^nanodino_memory_resident_bytes (.*)$/m.exec(text)![1]) / 1e6, 1);
}

async function sendHostileParts(url: string, requests: number) {
  const megabytes = [await memoryOf(url)];
  const statuses: Record<string, number> = {};
  const unexpected: string[] = [];
  for (let part = 0; part < 10; part++) {
    const found = await sendHostile(url, Math.ceil(requests / 10));
    for (const [key, count] of Object.entries(found.statuses)) {
      statuses[key] = (statuses[key] ?? 0) + count;
    }
    unexpected.push(...found.unexpected);
    megabytes.push(await memoryOf(url));
  }
  return { statuses, unexpected: unexpected.slice(0, 5), megabytes };
}

const script: Script<typeof flags> = {
  summary: "Measures the server: throughput, and what becomes of many requests.",
  command: "deno run -A bench/serve.ts",
  flags,
  run: async (values, args) => {
    if (values.listen) return await listen(values);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", import.meta.filename!, "--listen", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const { value } = await child.stdout.getReader().read();
    const url = new TextDecoder().decode(value).trim();
    const rows = await measure("server", values, (load) => timeServer(url, load));
    const outcome: Record<string, unknown> = { rows };
    if (values.mixed > 0) {
      const before = await memoryOf(url);
      const mixed = await sendMixed(url, {
        ...{ model: "bench", requests: values.mixed, clients: 32, tokens: values.tokens },
      });
      outcome["mixed"] = { ...mixed, mb_before: before, mb_after: await memoryOf(url) };
      console.log(JSON.stringify(outcome["mixed"]));
    }
    if (values.hostile > 0) {
      outcome["hostile"] = await sendHostileParts(url, values.hostile);
      console.log(JSON.stringify(outcome["hostile"]));
    }
    await child.stdin.close();
    await child.status;
    // One after the other: each has all cores.
    if (values.direct) rows.push(...await measureDirectly(values));
    if (values.llama) rows.push(...await measureLlama(values));
    console.log(JSON.stringify({ name: "serve", ...outcome }));
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
