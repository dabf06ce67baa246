import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ApiError } from "../openai/errors.ts";
import { openTinyModel, withServer } from "../testing/tiny_server.ts";
import { serve } from "./server.ts";
import { Guard } from "./guard.ts";

const prompt = { prompt: "a rose", max_tokens: 4, temperature: 0 };

/** Milliseconds after which a connection was left open. */
const LEFT_OPEN = 60_000;

async function connect(url: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  return await Deno.connect({ hostname, port: Number(port) });
}

/** Sends bytes as they are, and returns what comes back until the server closes or `wait` ends. */
async function sendRaw(
  to: string | Deno.TcpConn,
  text: string,
  { halfClose = false, wait = 2 * LEFT_OPEN } = {},
): Promise<string> {
  const connection = typeof to === "string" ? await connect(to) : to;
  const timer = setTimeout(() => connection.close(), wait);
  try {
    await connection.write(new TextEncoder().encode(text));
    if (halfClose) await connection.closeWrite();
  } catch {
    // It was closed, by one side or the other.
  }
  const answer = await readUntilClosed(connection);
  clearTimeout(timer);
  return answer;
}

/** All that comes: a byte sent after the server has closed resets the connection, once all is read. */
async function readUntilClosed(connection: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  let answer = "";
  try {
    for await (const chunk of connection.readable) {
      answer += decoder.decode(chunk, { stream: true });
    }
  } catch {
    // It was closed, by one side or the other.
  }
  return answer;
}

/** A request as it goes over the wire. */
function rawRequest(headers: Record<string, string>, body = JSON.stringify(prompt)): string {
  const all: Record<string, string> = {
    host: "127.0.0.1",
    "content-type": "application/json",
    "content-length": `${new TextEncoder().encode(body).length}`,
    connection: "close",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /v1/completions HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

function statusOf(answer: string): number {
  return Number(answer.split(" ")[1]);
}

Deno.test("health, metrics, unknown paths and methods are answered in OpenAI's shape", () =>
  withServer({ page: (path) => path === "/" ? new Response("") : null }, async ({ url, post }) => {
    const health = await (await fetch(`${url}/health`)).json();
    assertEquals(health, { status: "ok", running: 0, waiting: 0 });
    await (await post("/v1/completions", prompt)).body?.cancel();
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert(metrics.includes('nanodino_responses_total{path="/v1/completions",status="200"} 1'));
    assert(metrics.includes("nanodino_generated_tokens_total 4"), metrics);
    for (
      const [path, method, status, code] of [
        ["/v1/embeddings", "POST", 404, "unknown_url"],
        ["/x", "GET", 404, "unknown_url"],
        ["/", "PUT", 405, "method_not_allowed"],
        ["/v1/completions", "GET", 405, "method_not_allowed"],
        ["/health", "DELETE", 405, "method_not_allowed"],
      ] as const
    ) {
      const response = await fetch(`${url}${path}`, { method });
      const { error } = await response.json();
      assertEquals([response.status, error.code, error.type], [
        status,
        code,
        "invalid_request_error",
      ]);
      assert(error.message.startsWith("Cannot answer"));
    }
  }));

Deno.test("a name of a model that is not encoded well is the client's mistake", () =>
  withServer({}, async ({ url }) => {
    for (const name of ["%E0%A4%A", "%", "%zz"]) {
      const answer = await sendRaw(
        url,
        `GET /v1/models/${name} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`,
      );
      assertEquals(statusOf(answer), 400, name);
    }
  }));

Deno.test("paths and methods that no URL or request can have are answered, too", () =>
  withServer({}, async ({ url }) => {
    for (
      const [line, status] of [
        ["GET //", 404],
        ["GET //127.0.0.1/health", 404],
        ["GET http://127.0.0.1/health", 200],
        ["GET http://:x/", 400],
        ["TRACE /health", 400],
      ] as const
    ) {
      const head = `${line} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`;
      assertEquals(statusOf(await sendRaw(url, head)), status, line);
    }
  }));

Deno.test("hosts and origins of others are refused, and no origin is allowed unasked", () =>
  withServer({ origins: ["http://editor.test"] }, async ({ url }) => {
    const { port } = new URL(url);
    for (
      const [headers, status] of [
        [{ host: "evil.example" }, 403],
        [{ host: `evil.example:${port}` }, 403],
        [{ host: "127.0.0.1.evil.example" }, 403],
        [{ host: `localhost:${port}` }, 200],
        [{ host: "[::1]" }, 200],
        [{ origin: "https://evil.example" }, 403],
        [{ origin: "null" }, 403],
        [{ host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` }, 200],
        [{ host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:1` }, 403],
        [{ origin: "http://editor.test" }, 200],
      ] as const
    ) {
      const answer = await sendRaw(url, rawRequest(headers));
      assertEquals(statusOf(answer), status, JSON.stringify(headers));
      const isAllowed = (headers as { origin?: string }).origin === "http://editor.test";
      assertEquals(/access-control-allow-origin: http:\/\/editor\.test/i.test(answer), isAllowed);
    }
    const asked = "authorization,content-type,x-stainless-lang";
    const preflight = await fetch(`${url}/v1/completions`, {
      method: "OPTIONS",
      headers: { origin: "http://editor.test", "access-control-request-headers": asked },
    });
    assertEquals(preflight.status, 204);
    // OpenAI's client sends headers of its own from pages, too.
    assertEquals(preflight.headers.get("access-control-allow-headers"), asked);
    assertEquals(preflight.headers.get("access-control-allow-origin"), "http://editor.test");
  }));

Deno.test("an IPv6 address may be given with brackets or without", async () => {
  for (const hostname of ["::1", "[::1]"]) {
    await withServer({ hostname }, async ({ url, post }) => {
      assert(url.startsWith("http://[::1]:"), url);
      assertEquals((await post("/v1/completions", prompt)).status, 200);
    });
  }
  for (const hostname of ["2001:DB8::1", "[2001:db8::1]"]) {
    const guard = new Guard({ hostname });
    guard.check(new Headers({ host: "[2001:db8::1]:8000" }));
    assertThrows(() => guard.check(new Headers({ host: "[2001:db8::2]:8000" })), ApiError);
  }
});

Deno.test("bodies that are too long, too slow, cut off or no JSON are refused, and it lives", () =>
  withServer({ maxBodyBytes: 10_000, clientTimeout: 1000 }, async ({ url, post }) => {
    for (
      const [body, status, code, type] of [
        ["a".repeat(10_001), 413, "request_too_large"],
        ["{", 400, "invalid_json"],
        ["[]", 400, "invalid_json"],
        ["[".repeat(9000), 400, "invalid_json"],
        ['{"prompt": "a", "temperature": NaN}', 400, "invalid_json"],
        ['{"prompt": "a", "temperature": 1e999}', 400, "invalid_value"],
        ["", 400, "invalid_json"],
        [Uint8Array.of(0x22, 0xff, 0x22), 400, "invalid_json"],
        ["prompt=a", 415, "unsupported_media_type", "application/x-www-form-urlencoded"],
      ] as const
    ) {
      const headers = { "content-type": type ?? "application/json" };
      const response = await post("/v1/completions", null, { body, headers });
      const { error } = await response.json();
      assertEquals([response.status, error.code], [status, code], String(body).slice(0, 40));
    }
    const chunk = `1000\r\n${"a".repeat(4096)}\r\n`;
    const chunked = rawRequest({}, "").replace("content-length: 0", "transfer-encoding: chunked");
    assertEquals(statusOf(await sendRaw(url, chunked + chunk.repeat(3))), 413);
    const slow = await sendRaw(url, rawRequest({ "content-length": "900" }));
    assertEquals(statusOf(slow), 408);
    // A client may close its side after the request, and still be answered.
    const half = await sendRaw(url, rawRequest({}), { halfClose: true });
    assert(half === "" || statusOf(half) === 200, half);
    await sendRaw(url, rawRequest({ "content-length": "900" }), { halfClose: true });
    await sendRaw(url, "GARBAGE\r\n\r\n", { wait: 100 });
    await sendRaw(url, "POST /v1/comp", { wait: 100 });
    assertEquals((await post("/v1/completions", prompt)).status, 200);
  }));

/** Sends a byte every 20 ms, and returns what comes until the server closes the connection. */
async function drip(connection: Deno.TcpConn, text: string): Promise<string> {
  let sent = 0;
  const timer = setInterval(() => {
    const byte = new TextEncoder().encode(text[sent++] ?? "a");
    connection.write(byte).catch(() => clearInterval(timer));
  }, 20);
  const answer = await readUntilClosed(connection);
  clearInterval(timer);
  return answer;
}

Deno.test("heads that come too slowly, idle connections, and those beyond the most are closed", () =>
  withServer({ clientTimeout: 3000, maxConnections: 4 }, async ({ url, post }) => {
    const start = performance.now();
    // Connections are accepted in their order.
    const connections: Deno.TcpConn[] = [];
    for (let i = 0; i < 5; i++) connections.push(await connect(url));
    const [one, two, three, four, fifth] = connections;
    const endless = "POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ";
    const ended: string[] = [];
    const heard = async (name: string, answer: Promise<string>) => {
      const text = await answer;
      ended.push(name);
      return text;
    };
    const [first, second, silent, idle, refused] = await Promise.all([
      heard("first", drip(one!, endless)),
      heard("second", drip(two!, endless)),
      heard("silent", sendRaw(three!, "")),
      heard("idle", sendRaw(four!, rawRequest({ connection: "keep-alive" }))),
      heard("fifth", sendRaw(fifth!, rawRequest({}))),
    ]);
    assertEquals([refused, ended[0]], ["", "fifth"], "the fifth connection was not closed at once");
    assertEquals([first, second].map((answer) => statusOf(answer!)), [408, 408]);
    assert(silent === "" || statusOf(silent!) === 408, silent);
    assertEquals(statusOf(idle!), 200);
    assert(performance.now() - start < LEFT_OPEN, "a connection was left open");
    assertEquals((await post("/v1/completions", prompt)).status, 200);
  }));

Deno.test("a connection that is closed on one side only is closed on the other", () =>
  withServer({ context: 2500 }, async ({ url, post }) => {
    const long = JSON.stringify({ ...prompt, max_tokens: 2400, stream: true });
    for (
      const text of [
        "",
        "POST /v1/comp",
        rawRequest({ "content-length": "900" }),
        rawRequest({}, long),
      ]
    ) {
      const start = performance.now();
      const answer = await sendRaw(url, text, { halfClose: true });
      assert(performance.now() - start < LEFT_OPEN, `${text} was left open`);
      assert(!answer.includes("[DONE]"), answer);
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert(metrics.includes("nanodino_sequences_running 0"), metrics);
    assertEquals((await post("/v1/completions", prompt)).status, 200);
  }));

Deno.test("a server cannot listen where another one does", () =>
  withServer({}, ({ url }) =>
    assertRejects(
      () => withServer({ port: Number(new URL(url).port) }, () => Promise.resolve()),
      Error,
      `Cannot listen on ${new URL(url).host}`,
    )));

Deno.test("a server that stops lets those who ask come to an end, and takes no others", () =>
  withServer({ stopTimeout: 60_000 }, async ({ url, post, stop }) => {
    const long = { prompt: "a", max_tokens: 250, temperature: 1, seed: 1, stream: true };
    const answer = await post("/v1/completions", long);
    const stopped = stop();
    await assertRejects(() => fetch(`${url}/health`));
    const text = await answer.text();
    assert(text.endsWith("data: [DONE]\n\n") && /"finish_reason":"(stop|length)"/.test(text));
    await stopped;
  }));

Deno.test("a server that stops does not wait for connections without a request", () =>
  withServer({ stopTimeout: 10 * LEFT_OPEN }, async ({ url, stop }) => {
    using _connection = await connect(url);
    // The server has accepted the connection when it answers one that came later.
    await (await fetch(`${url}/health`)).body?.cancel();
    const started = performance.now();
    await stop();
    assert(performance.now() - started < LEFT_OPEN);
  }));

Deno.test("a server that stops ends what takes too long, and says so in the stream", () =>
  withServer({ stopTimeout: 1, context: 2500 }, async ({ post, stop }) => {
    const long = { prompt: "a", max_tokens: 2400, temperature: 0, stream: true };
    const answer = await post("/v1/completions", long);
    const [text] = await Promise.all([answer.text(), stop()]);
    assert(!/"finish_reason":"(length|stop)"/.test(text));
    const [error, done] = text.trimEnd().split("\n\n").slice(-2);
    assertEquals(
      JSON.parse(error!.replace("data: ", "")).error.message,
      "Cannot answer: the server stops",
    );
    assertEquals(done, "data: [DONE]");
  }));

Deno.test("options that a server does not have are refused: a misspelled key would protect nothing", async () => {
  const { device, model, tokenizer } = await openTinyModel();
  const cases: [options: string, message: string][] = [
    ['{ "name": "x", "apikey": "secret" }', "got apikey. Did you mean apiKey?"],
    ["{}", "wanted options with { name: … }, got { port }"],
    ['{ "name": 3 }', "wanted a name, got 3"],
    ['{ "name": "x", "apiKey": 3 }', "wanted apiKey as a text, got 3"],
    ['{ "name": "x", "context": 0 }', "wanted context of 1 token or more, got 0"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(
      () => serve(model, tokenizer, { port: 0, ...JSON.parse(options) }),
      Error,
      message,
    );
  }
  await device.close();
});
