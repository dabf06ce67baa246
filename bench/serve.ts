/**
 * Measures the server: throughput with 1, 8 and 32 clients, and what becomes of many requests.
 *
 *     deno run -A bench/serve.ts --device cpu --depth 4 --vocab-size 4096 --max-seq-len 256
 *
 * Server and clients are two processes. The last line is one line of JSON.
 */

import { configForDepth, GPT } from "../gpt/mod.ts";
import { integer, runScript, type Script, toggle } from "../scripts/flags.ts";
import { serve } from "../serve/mod.ts";
import { sendHostile, sendMixed } from "../serve/testing/load.ts";
import { normalArray } from "../tensor/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { benchFlags, median, modelFlags, openBenchDevice, round } from "./harness.ts";

const flags = {
  ...benchFlags,
  ...modelFlags,
  promptTokens: integer(32, "Tokens of each prompt"),
  tokens: integer(64, "Tokens of each answer"),
  rounds: integer(3, "Answers of each client"),
  mixed: integer(0, "Mixed requests from 32 clients, of which a tenth leaves", { least: 0 }),
  hostile: integer(0, "Hostile requests", { least: 0 }),
  listen: toggle("Serve, until the standard input ends: the other process"),
};

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

async function openServer(values: Parameters<typeof script.run>[0]): Promise<void> {
  const device = await openBenchDevice(values);
  const config = configForDepth({ ...values, windowPattern: "L" });
  const model = new GPT(config, device, { seed: 1 });
  const tokenizer = await openTokenizer(config.vocabSize);
  for (const [name, parameter] of model.parameters()) {
    if (!/c_proj|lm_head/.test(name)) continue;
    // Random, so that no two tokens are equally likely but for rounding.
    const scale = name === "lm_head.weight" ? 0.2 : 0.05;
    const weights = normalArray(name.length, parameter.size).map((value) => scale * value);
    // The special tokens, which end a text, come last: their logits are 0, and others larger.
    if (name === "lm_head.weight") weights.fill(0, tokenizer.bos * config.nEmbd);
    parameter.assign(weights);
  }
  const server = serve(model, tokenizer, { name: "bench", port: 0, maxQueue: 1024 });
  console.log(server.url);
  for await (const _ of Deno.stdin.readable);
  await server.stop();
  await device.close();
}

/** One client's answers: milliseconds to the first token, and for each later one. */
async function client(url: string, seed: number, values: Parameters<typeof script.run>[0]) {
  const { promptTokens, tokens, rounds } = values;
  const firsts: number[] = [];
  const each: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const prompt = Array.from(
      { length: promptTokens },
      (_, i) => (i * 31 + seed * 7 + round) % 256,
    );
    const start = performance.now();
    const body = JSON.stringify({
      prompt,
      max_tokens: tokens,
      temperature: 0,
      stream: true,
    });
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
    let first = 0;
    for await (const _ of response.body!) first ||= performance.now() - start;
    firsts.push(first);
    each.push((performance.now() - start - first) / (tokens - 1));
  }
  return { firsts, each };
}

async function counter(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(text.match(new RegExp(`^nanodino_${name} (.*)$`, "m"))![1]);
}

const script: Script<typeof flags> = {
  summary: "Measures the server: throughput, and what becomes of many requests.",
  command: "deno run -A bench/serve.ts",
  flags,
  run: async (values, args) => {
    if (values.listen) return await openServer(values);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", import.meta.filename!, "--listen", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const { value } = await child.stdout.getReader().read();
    const url = new TextDecoder().decode(value).trim();
    const rows: Record<string, number>[] = [];
    await client(url, 999, values);
    for (const clients of [1, 8, 32]) {
      const before = await counter(url, "generated_tokens_total");
      const start = performance.now();
      const all = await Promise.all(
        Array.from({ length: clients }, (_, i) => client(url, clients * 100 + i, values)),
      );
      const seconds = (performance.now() - start) / 1000;
      const tokens = await counter(url, "generated_tokens_total") - before;
      rows.push({
        clients,
        tokens_per_second: round(tokens / seconds, 1),
        first_token_ms: round(median(all.flatMap(({ firsts }) => firsts)), 2),
        ms_per_token: round(median(all.flatMap(({ each }) => each)), 2),
      });
      console.log(JSON.stringify(rows.at(-1)));
    }
    const outcome: Record<string, unknown> = { rows };
    const memory = () =>
      counter(url, "memory_resident_bytes").then((bytes) => round(bytes / 1e6, 1));
    if (values.mixed > 0) {
      const before = await memory();
      const mixed = await sendMixed(url, {
        ...{ model: "bench", requests: values.mixed, clients: 32, tokens: values.tokens },
      });
      outcome["mixed"] = { ...mixed, mb_before: before, mb_after: await memory() };
      console.log(JSON.stringify(outcome["mixed"]));
    }
    if (values.hostile > 0) {
      const megabytes = [await memory()];
      const statuses: Record<string, number> = {};
      const unexpected: string[] = [];
      for (let part = 0; part < 10; part++) {
        const found = await sendHostile(url, Math.ceil(values.hostile / 10));
        for (const [key, count] of Object.entries(found.statuses)) {
          statuses[key] = (statuses[key] ?? 0) + count;
        }
        unexpected.push(...found.unexpected);
        megabytes.push(await memory());
      }
      outcome["hostile"] = { statuses, unexpected: unexpected.slice(0, 5), megabytes };
      console.log(JSON.stringify(outcome["hostile"]));
    }
    await child.stdin.close();
    await child.status;
    console.log(JSON.stringify({ name: "serve", ...outcome }));
  },
};

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
