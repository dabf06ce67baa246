/**
 * Measures the server: throughput with 1, 8 and 32 clients, and what becomes of many requests.
 *
 *     deno run -A bench/serve.ts --device cpu --direct --long-prompt 1500 --llama
 *
 * Server and clients are two processes. With `--direct` the batch without HTTP and the engine alone are
 * measured in turns with the server, and with each other. The last line is one line of JSON.
 */

import process from "node:process";
import { configForDepth, Engine, GPT } from "../gpt/mod.ts";
import { quantizeModule } from "../nn/mod.ts";
import { integer, runScript, type Script, toggle } from "../scripts/flags.ts";
import { quantizeFlags } from "../scripts/device.ts";
import { Batcher, serve } from "../serve/mod.ts";
import { sendHostile, sendMixed } from "../serve/testing/load.ts";
import { type Device, normalArray } from "../tensor/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import {
  type AnswerTimes,
  askBatcher,
  askEngine,
  askServer,
  type Load,
  promptOf,
  timeClients,
  timeLongPrompt,
} from "./clients.ts";
import { benchFlags, modelFlags, openBenchDevice } from "./harness.ts";
import { median, round } from "./statistics.ts";
import { job } from "./peers/contestant.ts";
import { installLlama } from "./peers/llama.ts";

const flags = {
  ...benchFlags,
  ...modelFlags,
  ...quantizeFlags,
  promptTokens: integer(32, "Tokens of each prompt"),
  tokens: integer(64, "Tokens of each answer", { least: 2 }),
  rounds: integer(3, "Answers of each client"),
  repeats: integer(3, "Measurements of each, in turns"),
  direct: toggle("Measure the batch without the server, and the engine alone, as well"),
  longPrompt: integer(0, "Tokens of a prompt that comes while four clients are answered", {
    least: 0,
  }),
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

/** A generator that is measured, and the numbers of its clients. */
interface Contestant {
  readonly name: string;
  readonly clients: readonly number[];
  readonly time: (load: Load) => Promise<Readonly<Record<string, number>>>;
}

const CLIENTS = [1, 8, 32];

/** Measures contestants in turns, after some warm-up: the medians, and ratios of what was near in time. */
async function measure(
  contestants: readonly Contestant[],
  values: BenchValues,
): Promise<{ readonly rows: Row[]; readonly ratios: Readonly<Record<string, number>> }> {
  const cases = contestants.flatMap(({ name, clients, time }) =>
    clients.map((clients) => ({
      name,
      clients,
      time,
      samples: [] as Readonly<Record<string, number>>[],
    }))
  );
  for (const { clients, time } of cases) await time({ ...values, clients, rounds: 1 });
  // Contestants with as many clients follow each other, every other time in the reverse order.
  const inTurns = cases.toSorted((a, b) => a.clients - b.clients);
  for (let repeat = 1; repeat <= values.repeats; repeat++) {
    const firstRound = repeat * values.rounds;
    for (const { clients, time, samples } of repeat % 2 === 1 ? inTurns : inTurns.toReversed()) {
      samples.push(await time({ ...values, clients, firstRound }));
    }
  }
  const rows = cases.map(({ name, samples }) => {
    const medians = Object.keys(samples[0]!).map((key) =>
      [key, median(samples.map((sample) => sample[key]!))] as const
    );
    return { name, ...Object.fromEntries(medians) };
  });
  for (const row of rows) console.log(JSON.stringify(row));
  const ratios: Record<string, number> = {};
  const compare = (name: string, of: string, clients: number, to: string, beside: number) => {
    const [these, those] = [[of, clients], [to, beside]].map(([name, clients]) =>
      cases.find((each) => each.name === name && each.clients === clients)?.samples
    );
    if (these === undefined || those === undefined) return;
    const speeds = these.map((sample, i) =>
      sample["tokens_per_second"]! / those[i]!["tokens_per_second"]!
    );
    ratios[name] = round(median(speeds), 3);
  };
  for (const { name } of contestants) compare(`${name}_8_over_1`, name, 8, name, 1);
  compare("server_over_engine", "server", 1, "engine", 1);
  compare("batch_over_engine", "batch", 1, "engine", 1);
  console.log(JSON.stringify(ratios));
  return { rows, ratios };
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

/** The server's batch without HTTP, and the engine alone, in this process. */
async function openDirectly(values: BenchValues) {
  const { device, model, tokenizer } = await openModel(values);
  const batcher = new Batcher(model, tokenizer);
  const engine = new Engine(model, tokenizer);
  type Ask = (prompt: readonly number[], tokens: number) => Promise<AnswerTimes>;
  // The server has a token more, too: the one that begins a text.
  const timeWith = (ask: Ask) => (load: Load) =>
    timeClients(
      load,
      (client, round) => ask([tokenizer.bos, ...promptOf(load, client, round)], load.tokens),
    );
  const contestants: Contestant[] = [
    {
      name: "batch",
      clients: CLIENTS,
      time: timeWith((prompt, tokens) => askBatcher(batcher, prompt, tokens)),
    },
    {
      name: "engine",
      clients: [1],
      time: timeWith((prompt, tokens) => askEngine(engine, prompt, tokens)),
    },
  ];
  return {
    contestants,
    batcher,
    async close() {
      await batcher.close();
      await device.close();
    },
  };
}

/** llama.cpp in a process of its own; nothing but a reason where it is missing. */
async function measureLlama(values: BenchValues): Promise<Row[]> {
  const { promptTokens, tokens, rounds } = values;
  const time = async ({ clients }: Load) => {
    const load = { clients, promptTokens, tokens, rounds };
    const contestant = await job("", "llama.ts", "clients", { load }, installLlama).start();
    try {
      return await contestant.measure();
    } finally {
      await contestant.close();
    }
  };
  try {
    return (await measure([{ name: "llama.cpp", clients: CLIENTS, time }], values)).rows;
  } catch (error) {
    console.log(`llama.cpp is left out: ${(error as Error).message}`);
    return [];
  }
}

async function readMemory(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return round(Number(/^nanodino_memory_resident_bytes (.*)$/m.exec(text)![1]) / 1e6, 1);
}

async function sendHostileParts(url: string, requests: number) {
  const megabytes = [await readMemory(url)];
  const statuses: Record<string, number> = {};
  const unexpected: string[] = [];
  for (let part = 0; part < 10; part++) {
    const found = await sendHostile(url, Math.ceil(requests / 10));
    for (const [key, count] of Object.entries(found.statuses)) {
      statuses[key] = (statuses[key] ?? 0) + count;
    }
    unexpected.push(...found.unexpected);
    megabytes.push(await readMemory(url));
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
    const direct = values.direct || values.longPrompt > 0 ? await openDirectly(values) : null;
    const server = {
      name: "server",
      clients: CLIENTS,
      time: (load: Load) => timeServer(url, load),
    };
    const { rows, ratios } = await measure([
      server,
      ...(values.direct ? direct!.contestants : []),
    ], values);
    const outcome: Record<string, unknown> = { rows, ratios };
    if (values.longPrompt > 0) {
      const ids = Array.from({ length: values.longPrompt }, (_, i) => i * 7 % 256);
      outcome["long_prompt"] = await timeLongPrompt(direct!.batcher, ids);
      console.log(JSON.stringify(outcome["long_prompt"]));
    }
    await direct?.close();
    if (values.mixed > 0) {
      const before = await readMemory(url);
      const mixed = await sendMixed(url, {
        model: "bench",
        requests: values.mixed,
        clients: 32,
        tokens: values.tokens,
      });
      outcome["mixed"] = { ...mixed, mb_before: before, mb_after: await readMemory(url) };
      console.log(JSON.stringify(outcome["mixed"]));
    }
    if (values.hostile > 0) {
      outcome["hostile"] = await sendHostileParts(url, values.hostile);
      console.log(JSON.stringify(outcome["hostile"]));
    }
    await child.stdin.close();
    await child.status;
    // After the others: its threads spin for a while.
    if (values.llama) rows.push(...await measureLlama(values));
    console.log(JSON.stringify({ name: "serve", ...outcome }));
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
