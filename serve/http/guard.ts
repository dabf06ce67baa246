/**
 * Admits requests from this machine's own pages and programs only.
 *
 * A page on another site can make a browser send requests to this machine. Its `Origin` header
 * gives it away, or its `Host` header if its name was rebound to 127.0.0.1. Headers that a proxy
 * adds, such as `X-Forwarded-Host`, are ignored: anybody can send it.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import { ApiError } from "../openai/errors.ts";

/** Options for {@linkcode Guard}. */
export interface GuardOptions {
  /**
   * The name or address that the server listens on. With `0.0.0.0` or `::`, requests to any address
   * are answered, but to no name: names can be rebound, addresses cannot.
   */
  readonly hostname: string;
  /** Host names by which clients may reach the server, as behind a proxy: `chat.example.com`. */
  readonly hosts?: readonly string[];
  /** The key that `Authorization: Bearer` must have, if given. */
  readonly apiKey?: string;
  /** Origins of pages that may send requests, such as `http://localhost:5173`. */
  readonly origins?: readonly string[];
}

const OWN_NAMES = ["127.0.0.1", "localhost", "[::1]"];

/** Addresses that stand for all addresses of the machine. */
const EVERYWHERE = ["0.0.0.0", "::", "[::]"];

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;

/**
 * Checks requests before they are read.
 *
 * @example A page on another site
 * ```ts
 * import { Guard } from "./guard.ts";
 *
 * const guard = new Guard({ hostname: "127.0.0.1" });
 * const headers = { host: "127.0.0.1:8000", origin: "https://example.com" };
 * let status = 200;
 * try {
 *   guard.check(new Headers(headers));
 * } catch (error) {
 *   status = (error as { status: number }).status;
 * }
 * if (status !== 403) throw new Error(`got ${status}`);
 * ```
 */
export class Guard {
  readonly #names: readonly string[];
  readonly #isEverywhere: boolean;
  readonly #origins: readonly string[];
  readonly #digest: Promise<ArrayBuffer> | null;

  /** @param options The allowed names, origins and key. */
  constructor({ hostname, hosts = [], apiKey, origins = [] }: GuardOptions) {
    this.#names = [...OWN_NAMES, ...[hostname, ...hosts].map(asInHost)];
    this.#isEverywhere = EVERYWHERE.includes(asInHost(hostname));
    this.#origins = origins;
    this.#digest = apiKey === undefined ? null : digest(apiKey);
  }

  /**
   * Checks host and origin.
   *
   * @throws {ApiError} If either is not allowed: 403.
   */
  check(headers: Headers): void {
    const host = headers.get("host") ?? "";
    const name = nameOf(host);
    if (!this.#names.includes(name) && !(this.#isEverywhere && ADDRESS.test(name))) {
      const wanted = this.#isEverywhere ? "an address or an allowed name" : this.#names[0];
      throw new ApiError(
        403,
        `Cannot answer: wanted ${wanted} as host, got ${host.slice(0, 80)}; serve it with ` +
          "--allow-host if the name is yours",
        { code: "host_not_allowed" },
      );
    }
    const origin = headers.get("origin");
    if (origin === null || this.#isAllowed(origin, host)) return;
    throw new ApiError(
      403,
      `Cannot answer: wanted a page of this server, got one from ${origin.slice(0, 80)}`,
      { code: "origin_not_allowed" },
    );
  }

  /**
   * Checks the key, in a time that does not depend on how much of it is right.
   *
   * @throws {ApiError} If the key is missing or wrong: 401.
   */
  async checkKey(headers: Headers): Promise<void> {
    if (this.#digest === null) return;
    const [scheme, key = ""] = (headers.get("authorization") ?? "").split(" ");
    const [got, wanted] = await Promise.all([digest(key), this.#digest]);
    const isRight = timingSafeEqual(new Uint8Array(got), new Uint8Array(wanted));
    if (isRight && scheme?.toLowerCase() === "bearer") return;
    throw new ApiError(401, "Cannot answer: wanted the server's key in Authorization: Bearer", {
      code: "invalid_api_key",
      headers: { "www-authenticate": "Bearer" },
    });
  }

  /** Headers that let a page of an allowed origin read the response; none for others. */
  corsHeaders(headers: Headers): Readonly<Record<string, string>> {
    const origin = headers.get("origin");
    if (origin === null || !this.#origins.includes(origin)) return {};
    return {
      "access-control-allow-origin": origin,
      // Clients send headers of their own, such as X-Stainless-Lang, which change nothing.
      "access-control-allow-headers": headers.get("access-control-request-headers") ??
        "authorization, content-type",
      "access-control-allow-methods": "GET, POST",
      "vary": "origin",
    };
  }

  #isAllowed(origin: string, host: string): boolean {
    // A proxy may serve HTTPS for the server, and its pages then have that origin.
    return this.#origins.includes(origin) || origin === `http://${host}` ||
      origin === `https://${host}`;
  }
}

/** A name or address as the header `Host` has it: IPv6 in brackets. */
function asInHost(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes(":") && !lower.startsWith("[") ? `[${lower}]` : lower;
}

/** A host without its port, in lower case. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "");
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
