/** The server: paths, limits, and a graceful stop. @module */

import { type ChatFormat, openChatFormat } from "../../chat/mod.ts";
import type { LanguageModel } from "../../gpt/mod.ts";
import { defaultContext } from "../../gpt/internals.ts";
import { checkOptions, checkThat, describeValue, type OptionNames } from "../../tensor/checks.ts";
import { wrongType } from "../../tensor/errors.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import { Batcher, type BatcherOptions } from "../batch/batcher.ts";
import { asApiError, Completion, type CompletionKind } from "../openai/completions.ts";
import { ApiError } from "../openai/errors.ts";
import { readChatRequest, readCompletionRequest, type ServedModel } from "../openai/requests.ts";
import { readJson } from "./body.ts";
import { decodeName } from "./decode_name.ts";
import { openEvents } from "./events.ts";
import { Guard, type GuardOptions } from "./guard.ts";
import { listen } from "./listen.ts";
import { Metrics } from "./metrics.ts";

/** Options for {@linkcode serve}. */
export interface ServeOptions extends BatcherOptions, Partial<GuardOptions> {
  /** The name of the model. */
  readonly name: string;
  /** The model's stage, from which pages see whether it can chat. @default {"base"} */
  readonly stage?: string;
  /** Where it comes from, for pages: its run and its step. */
  readonly origin?: string;
  /** Number of its parameters, for pages. */
  readonly parameters?: number;
  /** Number of its layers, for pages. */
  readonly layers?: number;
  /** The name that the model goes by, for pages. @default {null} */
  readonly assistantName?: string | null;
  /** Suggested first messages, for pages. @default {[]} */
  readonly examples?: readonly string[];
  /**
   * How conversations become tokens; stays the caller's. By default nanochat's, if the tokenizer has its
   * special tokens.
   */
  readonly format?: ChatFormat;
  /** The port; 0 for a free one. @default {8000} */
  readonly port?: number;
  /** Maximum tokens of a prompt and its answer. @default {defaultContext(model)} */
  readonly context?: number;
  /** Maximum bytes of a request. @default {2097152} */
  readonly maxBodyBytes?: number;
  /** Maximum connections; further ones are closed immediately. @default {256} */
  readonly maxConnections?: number;
  /**
   * Milliseconds within which the head and then the body of a request must arrive, within which a
   * client must read, and after which an idle connection is closed. @default {30000}
   */
  readonly clientTimeout?: number;
  /** Milliseconds after which a stop aborts requests that are still running. @default {10000} */
  readonly stopTimeout?: number;
  /** Answers paths outside the API, such as those of a page; returns `null` for unknown ones. */
  readonly page?: (path: string) => Response | null;
  /** Called with errors of the server itself, which clients see as status 500. */
  readonly onError?: (error: unknown) => void;
}

/** A running server. */
export interface Server {
  /** Where it is: `http://127.0.0.1:8000`. */
  readonly url: string;
  /**
   * Accepts no more requests, waits for the running ones, and frees everything except the model.
   */
  stop(): Promise<void>;
}

const CLIENT_TIMEOUT = 30_000;

const OPTIONS: OptionNames<ServeOptions> = {
  name: true,
  stage: true,
  origin: true,
  parameters: true,
  layers: true,
  assistantName: true,
  examples: true,
  format: true,
  hostname: true,
  port: true,
  hosts: true,
  apiKey: true,
  origins: true,
  context: true,
  maxSequences: true,
  maxQueue: true,
  prefillTokens: true,
  keptBytes: true,
  onStep: true,
  maxBodyBytes: true,
  maxConnections: true,
  clientTimeout: true,
  stopTimeout: true,
  page: true,
  onError: true,
};

const paths = {
  "/v1/chat/completions": "POST",
  "/v1/completions": "POST",
  "/v1/models": "GET",
  "/health": "GET",
  "/metrics": "GET",
} as const;

/**
 * Serves a model by OpenAI's API.
 *
 * @throws {TypeError} If an option is unknown, or the name is missing.
 * @throws {RangeError} If the context is no positive integer.
 * @throws {Error} If it cannot listen on the port, for example because another program does.
 *
 * @example
 * ```ts
 * import { GPT, openDevice } from "../../gpt/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { serve } from "./server.ts";
 *
 * const tokenizer = await Tokenizer.train(["a rose is a rose is a rose"], { vocabSize: 270 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const { vocabSize } = tokenizer;
 * const shape = { sequenceLen: 64, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize, windowPattern: "L" }, device);
 * const server = await serve(model, tokenizer, { name: "rose", port: 0 });
 * const response = await fetch(`${server.url}/v1/completions`, {
 *   method: "POST",
 *   headers: { "content-type": "application/json" },
 *   body: JSON.stringify({ prompt: "a rose", max_tokens: 4 }),
 * });
 * const { choices } = await response.json();
 * if (typeof choices[0].text !== "string") throw new Error("expected a text");
 * await server.stop();
 * await device.close();
 * ```
 */
export async function serve(
  model: LanguageModel,
  tokenizer: Tokenizer,
  options: ServeOptions,
): Promise<Server> {
  const what = "serve a model";
  // A misspelled apiKey would open the model to everybody.
  checkOptions(what, options, OPTIONS, ["name"]);
  const { name, apiKey, context } = options;
  if (typeof name !== "string") throw wrongType(what, "a name", describeValue(name));
  if (apiKey !== undefined && typeof apiKey !== "string") {
    throw wrongType(what, "apiKey as a text", describeValue(apiKey));
  }
  const isContext = context === undefined || Number.isSafeInteger(context) && context > 0;
  checkThat(isContext, what, "context of 1 token or more", context);
  const { hostname = "127.0.0.1", port = 8000, stopTimeout = 10_000 } = options;
  const { clientTimeout: timeout = CLIENT_TIMEOUT, maxConnections = 256 } = options;
  const app = new App(model, tokenizer, { ...options, hostname });
  const listener = await listen(
    { hostname, port, timeout, maxConnections },
    (request, signal) => app.handle(request, signal),
  );
  const stop = async () => {
    app.drain();
    const timer = setTimeout(() => {
      app.abort();
      // Time to send the error.
      setTimeout(listener.abort, 100);
    }, stopTimeout);
    await listener.close();
    clearTimeout(timer);
    await app.close();
  };
  let stopping: Promise<void> | null = null;
  return { url: listener.url, stop: () => stopping ??= stop() };
}

/** The request handler. */
class App {
  readonly #served: ServedModel;
  readonly #options: ServeOptions;
  readonly #vocabulary: number;
  readonly #batcher: Batcher;
  readonly #metrics: Metrics;
  readonly #guard: Guard;
  readonly #created = Math.floor(Date.now() / 1000);
  /** One for each running request: a shared signal would keep all of its listeners alive. */
  readonly #leaving = new Set<AbortController>();
  #isDraining = false;

  constructor(
    model: LanguageModel,
    tokenizer: Tokenizer,
    options: ServeOptions & { hostname: string },
  ) {
    this.#options = options;
    this.#vocabulary = model.config.vocabSize;
    this.#batcher = new Batcher(model, tokenizer, options);
    this.#metrics = new Metrics(this.#batcher);
    this.#guard = new Guard(options);
    this.#served = {
      name: options.name,
      tokenizer,
      format: options.format ?? openChatFormat({ tokenizer, chatTemplate: null }),
      context: Math.min(options.context ?? defaultContext(model), model.maximumLength),
      maxChoices: this.#batcher.maxSequences,
      maxPrompts: this.#batcher.maxRequests,
      longestToken: tokenizer.tokenBytes().reduce((most, bytes) => Math.max(most, bytes), 1),
    };
  }

  /** Accepts no more requests. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Ends the requests that are still running. */
  abort(): void {
    const reason = new ApiError(503, "Cannot answer: the server stops");
    for (const leaving of this.#leaving) leaving.abort(reason);
  }

  async close(): Promise<void> {
    this.abort();
    await this.#batcher.close();
  }

  /** The error for the client; errors of the server itself are reported. */
  fail(error: unknown): ApiError {
    const known = asApiError(error);
    if (known.status === 500) this.#options.onError?.(error);
    return known;
  }

  async handle(request: Request, signal: AbortSignal): Promise<Response> {
    const { pathname } = new URL(request.url);
    const end = this.#metrics.begin();
    let response: Response;
    let isStream = false;
    try {
      this.#guard.check(request.headers);
      if (request.method === "OPTIONS") response = new Response(null, { status: 204 });
      else response = await this.#answer(pathname, request, signal, end);
      isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
    } catch (error) {
      response = this.fail(error).toResponse();
    }
    if (!isStream) end();
    const cors = this.#guard.corsHeaders(request.headers);
    for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
    response.headers.set("x-content-type-options", "nosniff");
    this.#metrics.respond(pathname in paths ? pathname : "other", response.status);
    return response;
  }

  async #answer(
    path: string,
    request: Request,
    signal: AbortSignal,
    end: () => void,
  ): Promise<Response> {
    const isModel = path.startsWith("/v1/models/");
    const method = isModel ? "GET" : paths[path as keyof typeof paths];
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (method === undefined) {
      const page = this.#options.page?.(path) ?? null;
      if (page !== null && isRead) return page;
      if (page !== null) throw wrongMethod(path, "GET", request.method);
      const message = `Cannot answer: wanted one of ${Object.keys(paths).join(", ")}, got ${
        path.slice(0, 80)
      }`;
      throw new ApiError(404, message, { code: "unknown_url" });
    }
    if (method === "GET" ? !isRead : request.method !== method) {
      throw wrongMethod(path, method, request.method);
    }
    if (path === "/health") return this.#health();
    await this.#guard.checkKey(request.headers);
    if (path === "/metrics") return new Response(this.#metrics.toText());
    if (path === "/v1/models") return Response.json({ object: "list", data: [this.#describe()] });
    if (isModel) return this.#model(decodeName(path.slice("/v1/models/".length)));
    const kind = path === "/v1/completions" ? "text" : "chat";
    return await this.#complete(kind, request, signal, end);
  }

  async #complete(
    kind: CompletionKind,
    request: Request,
    signal: AbortSignal,
    end: () => void,
  ): Promise<Response> {
    if (this.#isDraining) {
      const headers = { "retry-after": "10" };
      throw new ApiError(503, "Cannot answer: the server stops", { headers });
    }
    const { maxBodyBytes = 2 * 1024 * 1024, clientTimeout = CLIENT_TIMEOUT } = this.#options;
    const body = await readJson(request, { maxBytes: maxBodyBytes, timeout: clientTimeout });
    const read = kind === "chat" ? readChatRequest : readCompletionRequest;
    const wanted = await read(body, this.#served);
    const leaving = new AbortController();
    const leave = () => leaving.abort(new ApiError(499, "Cannot answer: the client left"));
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    const completion = new Completion(kind, wanted, {
      model: this.#served,
      batcher: this.#batcher,
      signal: leaving.signal,
      onFirstToken: (milliseconds) => this.#metrics.firstToken(milliseconds),
    });
    // Once a stream has begun, its status cannot be 429.
    this.#batcher.checkRoom(wanted.prompts.length, wanted.choices);
    this.#leaving.add(leaving);
    if (!wanted.streams) {
      const answer = completion.respond().finally(() => this.#leaving.delete(leaving));
      return Response.json(await answer);
    }
    const events = openEvents({ timeout: clientTimeout, onLeave: leave });
    completion.stream(events).catch((error) => this.fail(error)).finally(() => {
      this.#leaving.delete(leaving);
      events.close();
      end();
    });
    return events.response;
  }

  #health(): Response {
    const { running, waiting } = this.#batcher;
    const status = this.#isDraining ? "stopping" : "ok";
    return Response.json({ status, running, waiting }, { status: this.#isDraining ? 503 : 200 });
  }

  #describe(): object {
    const { name, context } = this.#served;
    const { stage = "base", origin = "", examples = [] } = this.#options;
    const common = { object: "model", created: this.#created, owned_by: "nanodino" };
    const { layers = null, parameters = null, assistantName = null } = this.#options;
    const card = { stage, origin, examples, layers, vocabulary: this.#vocabulary, parameters };
    return {
      id: name,
      ...common,
      context_length: context,
      assistant_name: assistantName,
      ...card,
    };
  }

  #model(name: string): Response {
    if (name === this.#served.name) return Response.json(this.#describe());
    const message = `Cannot find model ${name.slice(0, 80)}: wanted ${this.#served.name}`;
    throw new ApiError(404, message, { code: "model_not_found", param: "model" });
  }
}

function wrongMethod(path: string, wanted: string, got: string): ApiError {
  const message = `Cannot answer ${path.slice(0, 80)}: wanted ${wanted}, got ${got}`;
  return new ApiError(405, message, { code: "method_not_allowed", headers: { allow: wanted } });
}
