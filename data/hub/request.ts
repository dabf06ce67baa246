/**
 * Requests over HTTP that may take several attempts and redirects.
 *
 * @module
 */

/** A secret for one host, such as `HF_TOKEN`. It is never sent anywhere else. */
export interface Token {
  /** The host with its port, if it has one: `huggingface.co`. */
  readonly host: string;
  /** The secret itself. */
  readonly value: string;
}

/** Options for {@linkcode request}. */
export interface RequestOptions {
  /** Headers of every attempt. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to its host only. */
  readonly token?: Token | undefined;
  /** Stops the request. */
  readonly signal?: AbortSignal | undefined;
  /** Attempts until the error is final. @default {5} */
  readonly attempts?: number | undefined;
  /** Called before each wait for another attempt. */
  readonly onWait?: ((seconds: number, reason: string) => void) | undefined;
  /** Waits for seconds; replaced in tests. */
  readonly wait?: ((seconds: number, signal?: AbortSignal) => Promise<void>) | undefined;
}

/** An answer of a server. */
export interface Answer {
  /** After all redirects: status 200, 206 or 416. */
  readonly response: Response;
  /** The headers before the first redirect, which say what a file is. */
  readonly first: Headers;
}

/** A request that failed for good. The message says what to do, and never contains a token. */
export class RequestError extends Error {
  override readonly name = "RequestError";

  /** @param status The status of the answer; `null` without one. */
  constructor(readonly status: number | null, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

const MAX_REDIRECTS = 10;

/** The longest wait that a server may ask for, in seconds. */
const MAX_WAIT = 600;

/** Statuses of temporary failures. */
const TRANSIENT = [408, 425, 429, 500, 502, 503, 504];

/** An attempt failed, but another one may succeed. */
class Passing extends Error {
  constructor(message: string, readonly wait: number | null = null, options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * Requests a URL with GET.
 *
 * Network errors, status 429 and errors of the server are tried again after 2, 4, 8, 16 seconds, or
 * after what the server asks for. Redirects from HTTPS to HTTP, and from a public address to one of
 * this machine or its network, are refused.
 *
 * @throws {RequestError} If the URL is none, there is no answer after all attempts, or it is an error.
 */
export async function request(url: string, options: RequestOptions = {}): Promise<Answer> {
  const { attempts = 5, signal, wait = pause, onWait } = options;
  const start = URL.parse(url);
  if (start === null) {
    throw new RequestError(null, `Cannot get ${url}: wanted an address like https://example.org`);
  }
  for (let attempt = 1;; attempt++) {
    try {
      return await attemptRequest(start, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Passing)) throw error;
      const seconds = error.wait ?? 2 ** attempt;
      if (attempt >= attempts || seconds > MAX_WAIT) {
        const tries = attempt === 1 ? "" : ` in ${attempt} attempts`;
        const later = seconds > MAX_WAIT ? `; the server asks to wait for ${seconds} s` : "";
        throw new RequestError(null, `Cannot get ${url}: ${error.message}${tries}${later}`, {
          cause: error.cause,
        });
      }
      onWait?.(seconds, error.message);
      await wait(seconds, signal);
    }
  }
}

async function attemptRequest(start: URL, options: RequestOptions): Promise<Answer> {
  let url = start;
  let first: Headers | null = null;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await send(url, options);
    first ??= response.headers;
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) {
      await checkStatus(response, { start, url });
      return { response, first };
    }
    await response.body?.cancel();
    const next = URL.parse(location, url);
    if (next === null) {
      const message =
        `Cannot get ${start}: wanted a redirect to an address, got one to ${location}`;
      throw new RequestError(response.status, message);
    }
    checkRedirect(start, url, next);
    url = next;
  }
  throw new RequestError(null, `Cannot get ${start}: wanted at most ${MAX_REDIRECTS} redirects`);
}

/**
 * The JSON of an answer.
 *
 * @param what What was asked for, for the message.
 * @param sender Who answers, for the message.
 * @throws {RequestError} If it has no JSON object or list, as the login page of a network has none.
 */
export async function readJson(response: Response, what: string, sender: string): Promise<object> {
  const refuse = (got: string, cause?: unknown) => {
    const message = `Cannot read ${what}: wanted a JSON object or list of ${sender}, got ${got}`;
    return new RequestError(response.status, message, { cause });
  };
  let value: unknown;
  try {
    value = await response.json();
  } catch (cause) {
    // Otherwise the connection broke.
    throw refuse(cause instanceof SyntaxError ? "other text" : `"${reasonOf(cause)}"`, cause);
  }
  if (typeof value !== "object" || value === null) throw refuse(`${value}`);
  return value;
}

async function send(url: URL, { headers, token, signal }: RequestOptions): Promise<Response> {
  const secret: Readonly<Record<string, string>> = token !== undefined && token.host === url.host
    ? { authorization: `Bearer ${token.value}` }
    : {};
  try {
    return await fetch(url, {
      headers: { ...headers, ...secret },
      redirect: "manual",
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) {
      throw new RequestError(
        null,
        `Cannot get ${url.origin}: wanted --allow-net=${url.host}, got no such permission`,
        { cause },
      );
    }
    throw new Passing(`wanted an answer of ${url.host}, got "${reasonOf(cause)}"`, null, {
      cause,
    });
  }
}

async function checkStatus(response: Response, { start, url }: { start: URL; url: URL }) {
  const { status, headers } = response;
  if (status === 200 || status === 206 || status === 416) return;
  await response.body?.cancel();
  const got = `wanted status 200, got ${status} from ${url.host}`;
  // A link that a redirect led to has expired: there is another one.
  const isExpired = (status === 401 || status === 403) && url.host !== start.host;
  if (TRANSIENT.includes(status) || isExpired) throw new Passing(got, askedWait(headers));
  throw new RequestError(status, `Cannot get ${start}: ${got}`);
}

/** The seconds that a server asks to wait for: `Retry-After`, or the end of a `RateLimit`. */
function askedWait(headers: Headers): number | null {
  const after = headers.get("retry-after");
  if (after !== null) {
    const seconds = /^\d+$/.test(after.trim())
      ? Number(after)
      : (Date.parse(after) - Date.now()) / 1000;
    if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds));
  }
  const [, reset] = /;\s*t=(\d+)/.exec(headers.get("ratelimit") ?? "") ?? [];
  return reset === undefined ? null : Number(reset);
}

/** @throws {RequestError} If a redirect leads to a private address, or from HTTPS to HTTP. */
export function checkRedirect(start: URL, from: URL, to: URL): void {
  const refuse = (wanted: string) => {
    throw new RequestError(
      null,
      `Cannot get ${start}: wanted a redirect to ${wanted}, got one to ${to.origin}`,
    );
  };
  if (to.protocol !== "https:" && to.protocol !== "http:") refuse("HTTP or HTTPS");
  if (from.protocol === "https:" && to.protocol === "http:") refuse("HTTPS");
  if (isPrivate(to.hostname) && !isPrivate(start.hostname)) refuse("a public address");
}

/** Whether a host is this machine or in its network, as far as its name tells. */
export function isPrivate(hostname: string): boolean {
  // A name may end with a dot.
  const name = hostname.toLowerCase().replace(/^\[|\]$|\.$/g, "");
  if (name === "localhost" || name.endsWith(".localhost") || name.endsWith(".local")) return true;
  if (name.includes(":")) {
    const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(name);
    if (mapped !== null) {
      const [high, low] = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
      return isPrivate(`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
    }
    return name === "::" || name === "::1" || /^(f[cd]|fe[89ab])/.test(name);
  }
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(name)) return false;
  const [a = 0, b = 0] = name.split(".").map(Number);
  return a === 0 || a === 10 || a === 127 || (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168);
}

/** Waits for seconds, or until a signal. */
export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener("abort", stop);
    resolve();
  }, 1000 * seconds);
  signal?.addEventListener("abort", stop, { once: true });
  return promise;
}

/** The reason of an error: `fetch` says it in the cause of its own. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  // The address is named anyway.
  return firstLine(cause).replace(/^error sending request for url \(\S+\): /, "");
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
