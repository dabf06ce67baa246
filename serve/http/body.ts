/** Reading the body of a request, which may be too long, too slow, or not JSON. @module */

import { ApiError } from "../openai/errors.ts";
import { isObject, type JsonObject } from "../openai/fields.ts";

/** Options for {@linkcode readJson}. */
export interface BodyLimits {
  /** Maximum bytes. */
  readonly maxBytes: number;
  /** Maximum milliseconds. */
  readonly timeout: number;
}

/**
 * Reads a JSON object.
 *
 * @throws {ApiError} If the body is too long (413), too slow (408), not JSON (415, 400) or not an
 * object.
 *
 * @example
 * ```ts
 * import { readJson } from "./body.ts";
 *
 * const headers = { "content-type": "application/json" };
 * const request = new Request("http://127.0.0.1/", { method: "POST", headers, body: '{"n": 1}' });
 * const { n } = await readJson(request, { maxBytes: 100, timeout: 1000 });
 * if (n !== 1) throw new Error("expected 1");
 * ```
 */
export async function readJson(request: Request, limits: BodyLimits): Promise<JsonObject> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/(\S+\+)?json\b/i.test(type)) {
    const message = `Cannot read the body: wanted application/json, got ${
      type.slice(0, 80) || "no type"
    }`;
    throw new ApiError(415, message, { code: "unsupported_media_type" });
  }
  const bytes = await readBytes(request, limits);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    // The parser's own message quotes the body, and may cut a character in half.
    const reason = error instanceof SyntaxError ? "JSON" : "UTF-8";
    throw new ApiError(400, `Cannot read the body: wanted valid ${reason}`, {
      code: "invalid_json",
    });
  }
  if (isObject(value)) return value;
  throw new ApiError(400, "Cannot read the body: wanted a JSON object", { code: "invalid_json" });
}

async function readBytes(
  request: Request,
  { maxBytes, timeout }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLong = new ApiError(413, `Cannot read the body: wanted at most ${maxBytes} bytes`, {
    code: "request_too_large",
    headers: { connection: "close" },
  });
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLong;
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const tooSlow = new ApiError(408, `Cannot read the body: wanted it within ${timeout} ms`, {
    code: "request_timeout",
    headers: { connection: "close" },
  });
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow), timeout);
  late.catch(() => {});
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    while (true) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) break;
      chunks.push(value);
      length += value.length;
      if (length > maxBytes) throw tooLong;
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, "Cannot read the body: wanted all of it, but the client left");
  } finally {
    clearTimeout(timer);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
