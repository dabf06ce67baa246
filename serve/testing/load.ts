/** Many clients at once, friendly ones and hostile ones. @module */

import OpenAI from "npm:openai@7.57.0";

/** Outcome of mixed requests. */
export interface MixedOutcome {
  /** Answers that came, and are those that the same request gets alone. */
  readonly right: number;
  /** Answers that differ from it. */
  readonly wrong: number;
  /** Requests that their client left. */
  readonly left: number;
  /** Requests that failed, with the reasons. */
  readonly failed: readonly string[];
}

/** Different requests, each with the one right answer: greedy, or with a seed. */
function variants(tokens: number, words: number) {
  return Array.from({ length: 24 }, (_, i) => ({
    isChat: i % 2 === 0,
    streams: i % 3 === 0,
    n: 1 + i % 4 % 3,
    prompt: ["A rose", "How many roses are there?", "I have two", "You"][i % 4]! +
      " and".repeat(i % words),
    max_tokens: 1 + (i * 7) % tokens,
    temperature: i % 5 === 0 ? 0.8 : 0,
    seed: i,
    ...(i % 6 === 1 ? { stop: ["e", "qq"] } : {}),
  }));
}

type Variant = ReturnType<typeof variants>[number];

/** The texts of all choices, by OpenAI's client. */
async function ask(client: OpenAI, model: string, variant: Variant, signal?: AbortSignal) {
  const { isChat, streams, prompt, ...rest } = variant;
  const options = { ...(signal === undefined ? {} : { signal }) };
  const texts = Array.from({ length: rest.n }, () => "");
  if (isChat) {
    const body = { model, messages: [{ role: "user" as const, content: prompt }], ...rest };
    if (streams) {
      const stream = await client.chat.completions.create({ ...body, stream: true }, options);
      for await (const { choices: [choice] } of stream) {
        if (choice !== undefined) texts[choice.index] += choice.delta.content ?? "";
      }
    } else {
      const { choices } = await client.chat.completions.create(body, options);
      for (const { index, message } of choices) texts[index] = message.content ?? "";
    }
  } else if (streams) {
    const body = { model, prompt, ...rest, stream: true as const };
    const stream = await client.completions.create(body, options);
    for await (const { choices: [choice] } of stream) {
      if (choice !== undefined) texts[choice.index] += choice.text;
    }
  } else {
    const { choices } = await client.completions.create({ model, prompt, ...rest }, options);
    for (const { index, text } of choices) texts[index] = text;
  }
  return JSON.stringify(texts);
}

/**
 * Sends mixed requests from many clients, of which one in ten leaves early.
 *
 * @param options.requests How many in all.
 * @param options.clients How many at a time.
 * @param options.tokens Maximum tokens of an answer.
 * @param options.words The most words that make prompts different from each other.
 */
export async function sendMixed(
  url: string,
  { model, requests, clients, tokens, words = 24 }: {
    readonly model: string;
    readonly requests: number;
    readonly clients: number;
    readonly tokens: number;
    readonly words?: number;
  },
): Promise<MixedOutcome> {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
  const all = variants(tokens, words);
  const wanted: string[] = [];
  for (const variant of all) wanted.push(await ask(client, model, variant));
  const outcome = { right: 0, wrong: 0, left: 0, failed: [] as string[] };
  let next = 0;
  const work = async () => {
    while (next < requests) {
      const i = next++;
      const which = (i * 11) % all.length;
      const leaves = i % 10 === 3;
      const leaving = new AbortController();
      if (leaves) setTimeout(() => leaving.abort(), i * 7 % 40);
      try {
        const got = await ask(client, model, all[which]!, leaving.signal);
        // It may have been answered before its client could leave.
        if (leaves && got !== wanted[which]) outcome.left++;
        else if (got === wanted[which]) outcome.right++;
        else outcome.wrong++;
      } catch (error) {
        if (leaving.signal.aborted) outcome.left++;
        else outcome.failed.push(`${error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, work));
  return outcome;
}

/** Bodies that make no sense, and what they are to be answered with. */
function hostileBodies(): readonly (readonly [body: BodyInit, status: number])[] {
  const json = (value: object) => JSON.stringify({ prompt: "a", max_tokens: 2, ...value });
  return [
    [json({ temperature: -1e300 }), 400],
    [`{"prompt":"a","temperature":NaN}`, 400],
    [`{"prompt":"a","max_tokens":1e999}`, 400],
    [json({ max_tokens: -(2 ** 60) }), 400],
    [json({ n: 1e9 }), 400],
    [json({ seed: "x" }), 400],
    [json({ prompt: { a: 1 } }), 400],
    [json({ prompt: Array.from({ length: 5000 }, (_, i) => i % 200) }), 400],
    [json({ prompt: [1, -1] }), 400],
    [json({ prompt: "a".repeat(1_000_000) }), 400],
    [json({ stop: Array.from({ length: 1000 }, () => "a") }), 400],
    [json({ model: "\u0000\ud800" }), 404],
    [json({ logprobs: 2 ** 31 }), 400],
    [json({ stream: 1 }), 400],
    ["[".repeat(200_000), 400],
    [`{"a":`.repeat(50_000), 400],
    [Uint8Array.of(0xff, 0xfe, 0x00), 400],
    ["null", 400],
    ["", 400],
    [json({ unknown: [1, { deep: [[[]]] }], logit_bias: 7 }), 400],
    [json({ max_tokens: 2 ** 50, stop: "a", temperature: 0 }), 200],
  ];
}

/** Outcome of malformed requests. */
export interface HostileOutcome {
  /** Responses by their status; `closed` for connections that sent no request to an end. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Responses with another status than wanted. */
  readonly unexpected: readonly string[];
}

/**
 * Sends requests that make no sense, and connections that break.
 *
 * @param clients How many at a time.
 */
export async function sendHostile(
  url: string,
  requests: number,
  clients = 8,
): Promise<HostileOutcome> {
  const bodies = hostileBodies();
  const statuses: Record<string, number> = {};
  const unexpected: string[] = [];
  const count = (key: string) => statuses[key] = (statuses[key] ?? 0) + 1;
  const headers = { "content-type": "application/json" };
  const { hostname, port } = new URL(url);
  const broken = async (i: number) => {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head =
      "POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json";
    const texts = [
      "\r\n\r\n",
      `${head}\r\ncontent-length: 50\r\n\r\n{"pro`,
      `${head}\r\n\r\n`,
      "\0\0",
    ];
    const written = connection.write(new TextEncoder().encode(texts[i % texts.length]));
    await written.then(() => i % 3 === 0 ? connection.closeWrite() : undefined).catch(() => {});
    connection.close();
    count("closed");
  };
  let next = 0;
  const work = async () => {
    while (next < requests) {
      const i = next++;
      if (i % 9 === 4) {
        await broken(i);
        continue;
      }
      const [body, status] = bodies[i % bodies.length]!;
      const response = await fetch(`${url}/v1/completions`, { method: "POST", headers, body });
      const text = await response.text();
      count(`${response.status}`);
      if (response.status !== status) {
        unexpected.push(`${i}: ${response.status} ${text.slice(0, 200)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, work));
  return { statuses, unexpected };
}
