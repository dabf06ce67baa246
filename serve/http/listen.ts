/**
 * Listens for requests, with limits on the number of connections, and on the time that the head of
 * a request, and the client's reading of the answer, may take. `Deno.serve` has no such limits.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Readable } from "node:stream";
import { Error } from "../../tensor/errors.ts";
import { listening } from "./listening.ts";

/** Bytes of an answer that are written at once, so that a slow client has time for each of them. */
const PIECE = 65_536;

/** Options for {@linkcode listen}. */
export interface ListenOptions {
  /** The name or address to listen on. */
  readonly hostname: string;
  /** The port; 0 for a free one. */
  readonly port: number;
  /**
   * Milliseconds within which the head of a request must arrive, and the client must read what was
   * written, and that a connection may be idle.
   */
  readonly timeout: number;
  /** Maximum connections; further ones are closed immediately. */
  readonly maxConnections: number;
}

/** Answers a request. The signal is aborted when the client disconnects. */
export type Handler = (request: Request, signal: AbortSignal) => Promise<Response>;

/** A listening server. */
export interface Listener {
  /** Where it is: `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Accepts no more connections, and resolves when the open ones have ended. */
  close(): Promise<void>;
  /** Closes the connections that are open. */
  abort(): void;
}

/**
 * Listens for requests.
 *
 * @param options The address, and limits.
 * @param handle Answers a request; it must not throw.
 * @throws {Error} If it cannot listen on the address.
 *
 * @example
 * ```ts
 * import { listen } from "./listen.ts";
 *
 * const where = { hostname: "127.0.0.1", port: 0 };
 * const listener = await listen(
 *   { ...where, timeout: 1000, maxConnections: 8 },
 *   async (request) => new Response(await request.text()),
 * );
 * const response = await fetch(listener.url, { method: "POST", body: "echo" });
 * if (await response.text() !== "echo") throw new Error("expected the body");
 * await listener.close();
 * ```
 */
export async function listen(options: ListenOptions, handle: Handler): Promise<Listener> {
  const { port, timeout, maxConnections } = options;
  // An IPv6 address may be in brackets, as in URLs.
  const hostname = options.hostname.replace(/^\[(.*)\]$/, "$1");
  await checkPermission(hostname, port);
  // Browsers connect ahead of a request. Such a connection is not idle for `closeIdleConnections`.
  const unused = new Set<Socket>();
  const server = createServer({
    headersTimeout: timeout,
    // Bodies that are read have a limit of their own.
    requestTimeout: 2 * timeout,
    keepAliveTimeout: timeout,
    connectionsCheckingInterval: Math.min(1000, timeout / 4),
    noDelay: true,
  }, (incoming, outgoing) => {
    unused.delete(incoming.socket);
    void answer(incoming, outgoing, handle, timeout).finally(() => {
      if (!server.listening) server.closeIdleConnections();
    });
  });
  server.maxConnections = maxConnections;
  server.on("connection", (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  await listening({ hostname, port }, () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject).listen(port, hostname, resolve);
    return promise;
  });
  const address = server.address() as AddressInfo;
  const name = address.address.includes(":") ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of unused) socket.destroy();
      }),
    abort: () => server.closeAllConnections(),
  };
}

/** @throws {Error} If this process may not listen there: `node:http` would throw it elsewhere. */
async function checkPermission(hostname: string, port: number): Promise<void> {
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const { state } = await Deno.permissions.query({ name: "net", host });
  if (state === "granted") return;
  throw new Error(`Cannot listen on ${host}: wanted --allow-net=${host}, got no such permission`);
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: Handler,
  timeout: number,
): Promise<void> {
  const leaving = new AbortController();
  const { promise: hasEnded, resolve } = Promise.withResolvers<void>();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) leaving.abort();
    resolve();
  });
  try {
    const request = toRequest(incoming);
    const response = request === null
      ? new Response(null, { status: 400 })
      : await handle(request, leaving.signal);
    outgoing.statusCode = response.status;
    for (const [name, value] of response.headers) outgoing.setHeader(name, value);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (isStream) outgoing.flushHeaders();
    const body = isStream ? response.body! : await inPieces(response, outgoing);
    // A client may ask again before an answer has ended, and reads the second one after the first.
    if (outgoing.socket === null) {
      await Promise.race([new Promise((resolve) => outgoing.once("socket", resolve)), hasEnded]);
    }
    await send(body, outgoing, hasEnded, timeout);
  } catch {
    // The client disconnected, was disconnected, or sent a malformed request.
    outgoing.destroy();
  }
}

/** The request; `null` if there is none with its method, such as TRACE, or its URL. */
function toRequest(incoming: IncomingMessage): Request | null {
  const headers = new Headers();
  const { rawHeaders, method = "GET", url = "/" } = incoming;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? Readable.toWeb(incoming) as ReadableStream<Uint8Array> : null;
  try {
    // A path may begin with two slashes, and has no host even then.
    const full = url.startsWith("/") ? `http://localhost${url}` : url;
    return new Request(new URL(full, "http://localhost"), { method, headers, body });
  } catch {
    return null;
  }
}

/** A body that is known as a whole. */
async function inPieces(
  response: Response,
  outgoing: ServerResponse,
): Promise<ReadableStream<Uint8Array>> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  // Statuses such as 204 have no body, and no length either.
  if (response.body !== null) outgoing.setHeader("content-length", bytes.length);
  const starts = Array.from({ length: Math.ceil(bytes.length / PIECE) }, (_, i) => i * PIECE);
  return ReadableStream.from(starts.map((start) => bytes.subarray(start, start + PIECE)));
}

/** Sends a body, and disconnects a client that does not read what was written within `timeout`. */
async function send(
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  hasEnded: Promise<void>,
  timeout: number,
): Promise<void> {
  const untilRead = async (read: Promise<void>) => {
    const timer = setTimeout(() => outgoing.destroy(), timeout);
    await Promise.race([read, hasEnded]);
    clearTimeout(timer);
  };
  const reader = body.getReader();
  void hasEnded.then(() => reader.cancel()).catch(() => {});
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    if (outgoing.write(value)) continue;
    await untilRead(new Promise((resolve) => outgoing.once("drain", resolve)));
  }
  outgoing.end();
  await untilRead(hasEnded);
}
