import { assert, assertEquals } from "@std/assert";
import { openEvents } from "./events.ts";
import { type Handler, listen } from "./listen.ts";

/** Milliseconds within which a client must read. */
const TIMEOUT = 1000;

/** Milliseconds after which a connection was left open. */
const LEFT_OPEN = 60_000;

/** More bytes than the system keeps for a client that does not read. */
const MANY_BYTES = 32 * 2 ** 20;

async function listenTo(handle: Handler) {
  const where = { hostname: "127.0.0.1", port: 0 };
  return await listen({ ...where, timeout: TIMEOUT, maxConnections: 8 }, handle);
}

/** Asks for paths at once, and does not read the answers. */
async function ask(url: string, paths = ["/"]): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const heads = paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join("");
  await connection.write(new TextEncoder().encode(heads));
  return connection;
}

/** Resolves to whether the server disconnects in time. */
async function isDisconnected(signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), LEFT_OPEN);
  signal.addEventListener("abort", () => resolve(true), { once: true });
  const isLeft = await promise;
  clearTimeout(timer);
  return isLeft;
}

for (const isClosed of [false, true]) {
  const name = isClosed ? "that have been closed" : "that are still open";
  Deno.test(`a client that does not read events ${name} is disconnected, and none is waited for`, async () => {
    const asked = Promise.withResolvers<Promise<boolean>>();
    const listener = await listenTo((_request, signal) => {
      const events = openEvents({ timeout: TIMEOUT, onLeave: () => {} });
      for (let sent = 0; sent < MANY_BYTES; sent += 2 ** 20) events.send("a".repeat(2 ** 20));
      if (isClosed) events.close();
      asked.resolve(isDisconnected(signal));
      return Promise.resolve(events.response);
    });
    using _connection = await ask(listener.url);
    assert(await (await asked.promise), "the client was left connected");
    await listener.close();
  });
}

Deno.test("a client that does not read a whole body is disconnected, and one that reads slowly is not", async () => {
  const leaving: Promise<boolean>[] = [];
  const listener = await listenTo((_request, signal) => {
    leaving.push(isDisconnected(signal));
    return Promise.resolve(new Response(new Uint8Array(MANY_BYTES)));
  });
  using _connection = await ask(listener.url);
  const start = performance.now();
  const response = await fetch(listener.url);
  let bytes = 0;
  for await (const chunk of response.body!) {
    const before = bytes;
    bytes += chunk.length;
    // Longer than a client may read nothing, in steps.
    const steps = (at: number) => Math.floor(at / (MANY_BYTES / 32));
    if (steps(bytes) > steps(before)) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert(performance.now() - start > TIMEOUT);
  assertEquals([bytes, response.headers.get("content-length")], [MANY_BYTES, `${MANY_BYTES}`]);
  assert(await leaving[0], "the client was left connected");
  await listener.close();
});

Deno.test("answers without a body, and to HEAD, have the right length", async () => {
  const listener = await listenTo(({ method }) => {
    const status = { OPTIONS: 204, DELETE: 400 }[method];
    return Promise.resolve(
      status === undefined ? new Response("text") : new Response(null, { status }),
    );
  });
  for (
    const [method, status, length, text] of [
      ["OPTIONS", 204, null, ""],
      ["DELETE", 400, "0", ""],
      ["HEAD", 200, "4", ""],
      ["GET", 200, "4", "text"],
    ] as const
  ) {
    const response = await fetch(listener.url, { method });
    const got = [response.status, response.headers.get("content-length"), await response.text()];
    assertEquals(got, [status, length, text], method);
  }
  await listener.close();
});

Deno.test("an answer that waits for the one before it, which takes long, is sent after it", async () => {
  const listener = await listenTo((request) => {
    if (!request.url.endsWith("/long")) return Promise.resolve(new Response("second"));
    const events = openEvents({ timeout: TIMEOUT, onLeave: () => {} });
    events.send("first");
    setTimeout(events.close, 2 * TIMEOUT);
    return Promise.resolve(events.response);
  });
  const connection = await ask(listener.url, ["/long", "/short"]);
  const text = await new Response(connection.readable).text();
  assert(text.indexOf("data: first") < text.indexOf("\r\n\r\nsecond"), text);
  await listener.close();
});
