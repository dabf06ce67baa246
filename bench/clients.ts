/** Clients of a generator of text, and how long they wait: for `serve.ts`. */

import type { Engine } from "../gpt/mod.ts";
import type { Batcher } from "../serve/mod.ts";
import { median, round } from "./statistics.ts";

/** How many clients ask for how much. */
export interface Load {
  /** Clients that ask side by side. */
  readonly clients: number;
  /** Tokens of each prompt. */
  readonly promptTokens: number;
  /** Tokens of each answer. */
  readonly tokens: number;
  /** Answers of each client, one after the other. */
  readonly rounds: number;
  /** The number of the first round, so that repeated measurements have prompts of their own. @default {0} */
  readonly firstRound?: number;
}

/** When an answer's first and last token came, by `performance.now()`. */
export interface AnswerTimes {
  readonly first: number;
  readonly last: number;
}

/** The ids of a prompt, different for each load, client and round: none finds another one's KV cache. */
export function promptOf(
  { clients, promptTokens }: Load,
  client: number,
  round: number,
): number[] {
  const first = [clients, client, round].map((id) => id % 256);
  const factor = 2 * clients + 31;
  const rest = Array.from({ length: promptTokens }, (_, i) => (i * factor + client * 7) % 256);
  return [...first, ...rest].slice(0, promptTokens);
}

/** Lets all clients ask, and times them. */
export async function timeClients(
  load: Load,
  ask: (client: number, round: number) => Promise<AnswerTimes>,
): Promise<Record<string, number>> {
  const { clients, tokens, rounds, firstRound = 0 } = load;
  const firsts: number[] = [];
  const each: number[] = [];
  const start = performance.now();
  await Promise.all(Array.from({ length: clients }, async (_, client) => {
    for (let round = firstRound; round < firstRound + rounds; round++) {
      const asked = performance.now();
      const { first, last } = await ask(client, round);
      firsts.push(first - asked);
      each.push((last - first) / (tokens - 1));
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  return {
    clients,
    tokens_per_second: round(clients * rounds * tokens / seconds, 1),
    first_token_ms: round(median(firsts), 2),
    ms_per_token: round(median(each), 2),
  };
}

/**
 * Asks for a streamed completion, and counts its events. Reads the socket's bytes as they are, since
 * `fetch` would take as long for an event as the server, from the same cores.
 *
 * @throws {Error} If not every token came as an event of its own.
 */
export async function askServer(
  url: string,
  prompt: readonly number[],
  tokens: number,
): Promise<AnswerTimes> {
  const { hostname, port, host } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  connection.setNoDelay();
  const body = JSON.stringify({ prompt, max_tokens: tokens, temperature: 0, stream: true });
  const head = `POST /v1/completions HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n` +
    `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head + body));
  const buffer = new Uint8Array(65_536);
  let [first, last, events, before] = [0, 0, 0, 0];
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) break;
    const eventsBefore = events;
    for (let i = 0; i < length; i++) {
      const byte = buffer[i]!;
      // An event ends with an empty line, those of HTTP with carriage returns.
      if (byte === 10 && before === 10) events++;
      before = byte;
    }
    if (events > eventsBefore) last = performance.now();
    first ||= last;
  }
  // The reason of the end and [DONE] are events, too.
  if (events === tokens + 2) return { first, last };
  throw new Error(`Cannot measure: wanted ${tokens + 2} events, got ${events}`);
}

const sampling = { temperature: 0, topK: 0, topP: 1, seed: 1, choices: 1, topLogprobs: null };

/** Lets an engine generate greedily, alone. */
export async function askEngine(
  engine: Engine,
  prompt: readonly number[],
  maxTokens: number,
): Promise<AnswerTimes> {
  let [first, last] = [0, 0];
  for await (const _step of engine.generate(prompt, { maxTokens, temperature: 0 })) {
    last = performance.now();
    first ||= last;
  }
  return { first, last };
}

/**
 * Lets four clients generate, and then another one ask with a long prompt: how long the four wait for a
 * token before it comes, and while it is prefilled.
 */
export async function timeLongPrompt(
  batcher: Batcher,
  prompt: readonly number[],
): Promise<Record<string, number>> {
  const stop = new AbortController();
  const gaps = { before: [] as number[], during: [] as number[] };
  let when: keyof typeof gaps = "before";
  let isTimed = false;
  let tokens = 0;
  const { promise: hasBegun, resolve: begin } = Promise.withResolvers<void>();
  const clients = [1, 2, 3, 4].map((client) => {
    let last = 0;
    const request = { ...sampling, prompt: [client, 2, 3], maxTokens: 2000, signal: stop.signal };
    return batcher.generate(request, () => {
      const now = performance.now();
      if (isTimed) gaps[when].push(now - last);
      last = now;
      tokens++;
      // The first tokens compile kernels.
      isTimed = tokens > 4 * 20;
      if (tokens === 4 * 120) begin();
      return true;
    }).catch(() => {});
  });
  await hasBegun;
  when = "during";
  const asked = performance.now();
  const { first } = await askBatcher(batcher, prompt, 1);
  stop.abort();
  await Promise.all(clients);
  return {
    long_prompt_tokens: prompt.length,
    long_prompt_first_token_ms: round(first - asked, 1),
    wait_before_ms: round(median(gaps.before), 2),
    wait_beside_ms: round(median(gaps.during), 2),
    longest_wait_beside_ms: round(Math.max(...gaps.during), 2),
  };
}

/** Lets a batch generate greedily, without a server. */
export async function askBatcher(
  batcher: Batcher,
  prompt: readonly number[],
  maxTokens: number,
): Promise<AnswerTimes> {
  let [first, last] = [0, 0];
  await batcher.generate({ ...sampling, prompt, maxTokens }, () => {
    last = performance.now();
    first ||= last;
    return true;
  });
  return { first, last };
}
