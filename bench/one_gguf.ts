/**
 * One GGUF file in float32 (`bench/peers/llama.ts` writes it), decoded by nanodino and by llama.cpp in turns,
 * with the threads that are fastest for it; then 1 and 8 clients of nanodino's batch. The last line is one
 * line of JSON: `deno run -A bench/one_gguf.ts`.
 */

import { Engine, type EngineTokenizer, openDevice } from "../gpt/mod.ts";
import { openGguf, pathSource } from "../interchange/mod.ts";
import { openGgufModel } from "../models/gguf_model.ts";
import { Batcher } from "../serve/mod.ts";
import { askBatcher, promptOf, timeClients } from "./clients.ts";
import { job } from "./peers/contestant.ts";
import { installLlama } from "./peers/llama.ts";
import { median, round } from "./statistics.ts";

const ROUNDS = 5;
const PROMPT = Array.from({ length: 128 }, (_, i) => i);
const TOKENS = 120;

/** The tokenizer in the file is made up; nothing ends its texts. */
const tokenizer: EngineTokenizer = {
  special: () => -1,
  encode: () => [],
  decode: () => "",
  ends: [],
};

const { folder } = await installLlama();
const device = await openDevice("cpu");
const path = `${folder}/random.gguf`;
const model = await openGgufModel(path, await openGguf(await pathSource(path)), device);
const engine = new Engine(model, tokenizer);

/** Tokens per second after a prompt of 128. */
async function decode(): Promise<number> {
  const times: number[] = [];
  let last = performance.now();
  const options = { maxTokens: TOKENS + 1, temperature: 0 };
  for await (const _step of engine.generate(PROMPT, options)) {
    times.push(performance.now() - last);
    last = performance.now();
  }
  return 1000 / median(times.slice(1));
}

/** Tokens per second of all clients together. */
async function together(clients: number): Promise<number> {
  const batcher = new Batcher(model, tokenizer);
  const load = { clients, promptTokens: 32, tokens: 64, rounds: 3 };
  const { tokens_per_second: speed } = await timeClients(
    load,
    (client, round) => askBatcher(batcher, promptOf(load, client, round), load.tokens),
  );
  await batcher.close();
  return speed!;
}

const llama = await job("llama.cpp", "llama.ts", "decode", {}, installLlama).start();
await decode();
const [ours, theirs, one, eight]: number[][] = [[], [], [], []];
for (let i = 0; i < ROUNDS; i++) {
  ours!.push(await decode());
  theirs!.push((await llama.measure())["tokens_per_second"]!);
}
await llama.close();
for (let i = 0; i < ROUNDS; i++) {
  one!.push(await together(1));
  eight!.push(await together(8));
}
await device.close();
console.log(JSON.stringify({
  tokens_per_second: round(median(ours!), 1),
  llama_cpp_tokens_per_second: round(median(theirs!), 1),
  against_llama_cpp: round(median(ours!.map((speed, i) => speed / theirs![i]!)), 3),
  one_client: round(median(one!), 1),
  eight_clients: round(median(eight!), 1),
  eight_against_one: round(median(eight!.map((speed, i) => speed / one![i]!)), 3),
}));
