/**
 * The server: hostile requests are answered by a 4xx or not at all, never by a 5xx, and do not keep
 * others from their answers; a server that is killed leaves its port to the next.
 *
 * @module
 */

import { makeCorpus, makeHome, runScript, tinyFlags } from "../../scripts/testing/run_script.ts";
import { serveScript } from "../../scripts/testing/served.ts";
import { openTinyModel } from "../../serve/testing/tiny_server.ts";
import { serve } from "../../serve/mod.ts";
import { damage, randomText } from "./damage.ts";
import type { Random } from "./random.ts";
import type { OpenTrial, Trial } from "./trial.ts";

/** Values of the wrong type, or at the edge. */
function oddValue(random: Random): unknown {
  return random.pick([
    null,
    true,
    -1,
    0,
    1,
    1.5,
    1e308,
    2 ** 53,
    "",
    "a",
    [],
    {},
    [null],
    [[]],
    { a: { b: 1 } },
    "x".repeat(10_000),
    Array.from({ length: 100 }, () => "a"),
    randomText(random),
  ]);
}

const FIELDS = [
  "prompt",
  "messages",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "n",
  "stop",
  "seed",
  "stream",
  "logprobs",
  "model",
  "echo",
  "stream_options",
  "tools",
  "user",
  "__proto__",
];

function oddBody(random: Random): string {
  const body: Record<string, unknown> = random.chance(0.5)
    ? { prompt: randomText(random), max_tokens: 3 }
    : { messages: [{ role: "user", content: randomText(random) }], max_tokens: 3 };
  for (let i = random.below(4); i > 0; i--) body[random.pick(FIELDS)] = oddValue(random);
  const text = JSON.stringify(body);
  if (random.chance(0.1)) return "[".repeat(random.below(100_000)) + text;
  return random.chance(0.3)
    ? new TextDecoder().decode(damage(new TextEncoder().encode(text), random))
    : text;
}

const PATHS = [
  "/v1/completions",
  "/v1/completions",
  "/v1/chat/completions",
  "/v1/chat/completions",
  "/v1/models",
  "/v1/models/tiny",
  "/health",
  "/metrics",
  "/",
  "/%E0%A4%A",
  "/../../etc/passwd",
];

/** A request as it goes over the wire, maybe damaged. */
function oddRequest(random: Random, host: string): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(oddBody(random));
  const path = random.pick(PATHS);
  const method = random.pick(["POST", "POST", "POST", "GET", "PUT", "DELETE", "OPTIONS", "FOO"]);
  const length = random.chance(0.9) ? body.length : random.pick([0, 1, -1, 1e12, body.length + 7]);
  const headers = [
    `host: ${random.chance(0.95) ? host : "evil.example"}`,
    `content-type: ${random.chance(0.95) ? "application/json" : "text/plain"}`,
    `content-length: ${length}`,
    "connection: close",
    ...(random.chance(0.1) ? [`origin: http://${random.pick([host, "evil.example"])}`] : []),
    ...(random.chance(0.05) ? [`x-long: ${"a".repeat(random.below(100_000))}`] : []),
    ...(random.chance(0.05) ? ["transfer-encoding: chunked"] : []),
  ];
  const head = new TextEncoder().encode(
    `${method} ${path} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`,
  );
  const whole = new Uint8Array([...head, ...body]);
  return random.chance(0.2) ? damage(whole, random) : whole;
}

/** Sends bytes, and returns the status of the answer, or `null` if there is none. */
async function send(port: number, bytes: Uint8Array, random: Random): Promise<number | null> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  // A request that is not whole is waited for, for longer than a trial.
  const timer = setTimeout(() => connection.close(), 1500);
  const decoder = new TextDecoder();
  let answer = "";
  try {
    for (let from = 0; from < bytes.length;) from += await connection.write(bytes.subarray(from));
    // Some leave before their answer.
    if (random.chance(0.1)) return null;
    const buffer = new Uint8Array(65_536);
    for (let count = await connection.read(buffer); count !== null;) {
      answer += decoder.decode(buffer.subarray(0, count), { stream: true });
      count = await connection.read(buffer);
    }
  } catch {
    // Closed by one of both.
  } finally {
    clearTimeout(timer);
    try {
      connection.close();
    } catch {
      // Closed by the timer.
    }
  }
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
  return status === undefined ? null : Number(status);
}

const hostile: Trial = {
  name: "server/hostile requests",
  limit: 120,
  weight: 2,
  async open(): Promise<OpenTrial> {
    const { model, tokenizer, device } = await openTinyModel();
    const errors: unknown[] = [];
    const server = await serve(model, tokenizer, {
      name: "tiny",
      port: 0,
      onError: (error) => errors.push(error),
    });
    const { host, port } = new URL(server.url);
    const ask = async () => {
      const response = await fetch(`${server.url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt: "I have", max_tokens: 4, temperature: 0 }),
      });
      const { choices } = await response.json();
      return choices?.[0]?.text;
    };
    const wanted = await ask();
    return {
      async run(random) {
        const status = await send(Number(port), oddRequest(random, host), random);
        const error = errors.shift();
        if (error !== undefined) throw new Error("wanted no error of the server", { cause: error });
        if (status !== null && status >= 500 && status !== 501) {
          throw new Error(`wanted a status below 500, got ${status}`);
        }
        const got = await ask();
        if (got !== wanted) throw new Error(`wanted the answer ${wanted} beside it, got ${got}`);
        return status === null ? "closed" : `${Math.floor(status / 100)}xx`;
      },
      async [Symbol.asyncDispose]() {
        await server.stop();
        await device.close();
      },
    };
  },
};

const SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT"] as const;

const killed: Trial = {
  name: "server/kills",
  limit: 300,
  async open(): Promise<OpenTrial> {
    const corpus = await makeCorpus();
    const home = await makeHome(corpus);
    const trained = await runScript("base_train.ts", [...tinyFlags, "--data", corpus], home);
    if (trained.code !== 0) throw new Error(trained.stderr);
    let port = "0";
    return {
      async run(random) {
        const args = [
          "--device",
          "cpu",
          "--threads",
          "1",
          "--no-blas",
          "--no-page",
          "--port",
          port,
        ];
        await using served = await serveScript("serve.ts", args, home);
        port = new URL(served.url).port;
        const signal = random.pick(SIGNALS);
        const answers = Array.from({ length: 1 + random.below(4) }, () => stream(served.url));
        await new Promise((resolve) => setTimeout(resolve, random.below(300)));
        served.child.kill(signal);
        const { code, signal: by } = await served.child.status;
        const ends = await Promise.all(answers);
        if (signal === "SIGKILL") return by === "SIGKILL" ? signal : `${signal}, code ${code}`;
        const cut = ends.filter((end) => end === "cut off").length;
        if (cut > 0) throw new Error(`wanted whole answers after ${signal}, got ${cut} cut off`);
        return signal;
      },
      async [Symbol.asyncDispose]() {
        for (const path of [corpus, home]) await Deno.remove(path, { recursive: true });
      },
    };
  },
};

/** Asks for a stream, and says how it ended. */
async function stream(url: string): Promise<"whole" | "refused" | "cut off"> {
  let text = "";
  try {
    const response = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "We", max_tokens: 12, stream: true }),
    });
    text = await response.text();
  } catch {
    return "refused";
  }
  return text.includes("[DONE]") || !text.startsWith("data:") ? "whole" : "cut off";
}

export const serverTrials: readonly Trial[] = [hostile, killed];
