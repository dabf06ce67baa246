/** The server of the dashboard: the page, and events of runs below `$NANODINO_HOME`. @module */

import { stagePath, stages } from "../../chat/internals.ts";
import { namesIn } from "../../gpt/files/files.ts";
import { ApiError } from "../openai/errors.ts";
import { decodeName } from "../http/decode_name.ts";
import { type EventStream, openEvents } from "../http/events.ts";
import { Guard } from "../http/guard.ts";
import { listening } from "../http/listening.ts";
import { FollowedRun } from "./followed_run.ts";
import type { DashboardEvent, ListedRun, RunData } from "./messages.ts";

/** Milliseconds between checks of the files. */
const INTERVAL = 200;

/** Milliseconds within which a client must read pending events. */
const CLIENT_TIMEOUT = 30_000;

/** An action that a page may request from its run. */
export type DashboardAction = "stop" | "save";

/** Options for {@linkcode serveDashboard}. */
export interface DashboardOptions {
  /**
   * Answers the paths of the page, beginning with `/`; returns `null` for paths that are not its
   * own.
   */
  readonly page: (path: string) => Response | null;
  /** The port; 0 for a free one. @default {0} */
  readonly port?: number;
  /** Serves the page that looks inside a run's latest model. */
  readonly openInside?: (run: string, path: string) => Promise<Response>;
  /** The run that the server belongs to: shown first. */
  readonly run?: string;
  /** The token that a page must send with an action; without one there are no actions. */
  readonly token?: string;
  /** Performs an action that a page requests. */
  readonly onAction?: (action: DashboardAction) => void;
}

/** A dashboard that is served. */
export interface Dashboard {
  /** Where it is. */
  readonly url: string;
  /** Sends pages the last data, and stops. */
  stop(): Promise<void>;
}

/**
 * Serves a dashboard at 127.0.0.1.
 *
 * It reads files only. `GET /events?run=NAME` is a stream of {@linkcode DashboardEvent}s: the list of
 * runs, and the data of those that are named, or else of the latest. `POST /stop` and `/save` want the
 * token in `x-token`. `GET /inside/RUN/` is the page that looks inside the model of a run, if there is one.
 *
 * @returns The server, which listens.
 * @throws {Error} If it cannot listen there.
 *
 * @example
 * ```ts
 * import { serveDashboard } from "./server.ts";
 *
 * Deno.env.set("NANODINO_HOME", await Deno.makeTempDir());
 * const dashboard = await serveDashboard({ page: () => null });
 * const { status } = await fetch(`${dashboard.url}/stop`, { method: "POST" });
 * if (status !== 403) throw new Error(`got ${status}`);
 * await dashboard.stop();
 * ```
 */
export async function serveDashboard(options: DashboardOptions): Promise<Dashboard> {
  const app = new App(options);
  await app.poll();
  const where = { hostname: "127.0.0.1", port: options.port ?? 0 };
  const server = await listening(
    where,
    () => Deno.serve({ ...where, onListen: () => {} }, (request) => app.handle(request)),
  ).catch(async (error) => {
    await app.end();
    throw error;
  });
  const stop = async () => {
    await app.end();
    await server.shutdown();
  };
  let stopping: Promise<void> | null = null;
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    stop: () => stopping ??= stop(),
  };
}

interface Client {
  readonly events: EventStream;
  /** The names of the runs whose data it gets. */
  readonly shown: ReadonlySet<string>;
}

class App {
  readonly #options: DashboardOptions;
  readonly #guard = new Guard({ hostname: "127.0.0.1" });
  readonly #runs = new Map<string, FollowedRun>();
  readonly #clients = new Set<Client>();
  #list = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #polling: Promise<void> | null = null;
  #isEnding = false;

  constructor(options: DashboardOptions) {
    this.#options = options;
  }

  /** Checks the files, sends news to the clients, and schedules the next check. */
  poll(): Promise<void> {
    return this.#polling ??= this.#look().finally(() => {
      this.#polling = null;
      if (!this.#isEnding) this.#timer = setTimeout(() => this.poll(), INTERVAL);
    });
  }

  /** Checks a last time, and ends all streams. */
  async end(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#timer);
    await this.#polling;
    await this.#look();
    for (const { events } of this.#clients) {
      send(events, { kind: "end" });
      events.close();
    }
  }

  async handle(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    try {
      this.#guard.check(request.headers);
      if (request.method === "POST") return this.#act(pathname.slice(1), request.headers);
      if (request.method !== "GET" && request.method !== "HEAD") {
        throw new ApiError(405, `Cannot answer: wanted GET, got ${request.method}`);
      }
      if (pathname === "/events") return this.#open(searchParams.getAll("run"));
      const [, encoded = "", path = ""] = /^\/inside\/([^/]+\/[^/]+)\/(.*)$/.exec(pathname) ?? [];
      const run = decodeName(encoded);
      if (this.#insideOf(run) !== null) return await this.#options.openInside!(run, path);
      const response = this.#options.page(pathname);
      if (response === null) throw new ApiError(404, `Cannot find ${pathname.slice(0, 80)}`);
      return response;
    } catch (error) {
      if (error instanceof ApiError) return error.toResponse();
      throw error;
    }
  }

  #act(action: string, headers: Headers): Response {
    const { token, onAction } = this.#options;
    if (token === undefined || headers.get("x-token") !== token) {
      throw new ApiError(403, "Cannot act: wanted the token of the page of a run that trains");
    }
    if (action !== "stop" && action !== "save") {
      throw new ApiError(404, `Cannot act: wanted stop or save, got ${action.slice(0, 80)}`);
    }
    onAction?.(action);
    return new Response(null, { status: 204 });
  }

  #open(names: readonly string[]): Response {
    const events = openEvents({
      timeout: CLIENT_TIMEOUT,
      onLeave: () => this.#clients.delete(client),
    });
    const runs = this.#listed();
    const latest = this.#options.run ?? runs[0]?.name;
    const known = names.filter((name) => this.#runs.has(name));
    const shown = known.length > 0 ? known : latest === undefined ? [] : [latest];
    const client = { events, shown: new Set(shown) };
    this.#clients.add(client);
    send(events, { kind: "list", runs, shown });
    for (const name of shown) {
      const run = this.#runs.get(name);
      if (run !== undefined) send(events, { kind: "data", run: name, isNew: true, data: run.data });
    }
    return events.response;
  }

  async #look(): Promise<void> {
    const found = new Set<string>();
    for (const stage of stages) {
      for (const tag of await namesIn(stagePath(stage)).catch(() => [])) {
        const name = `${stage}/${tag}`;
        found.add(name);
        if (!this.#runs.has(name)) this.#runs.set(name, new FollowedRun(stage, tag));
      }
    }
    for (const [name, run] of this.#runs) {
      if (!found.has(name)) this.#runs.delete(name);
      const added = await run.poll();
      if (added !== null) this.#tell(name, added);
    }
    const runs = this.#listed();
    const list = JSON.stringify(runs);
    if (list === this.#list) return;
    this.#list = list;
    for (const { events, shown } of this.#clients) {
      send(events, { kind: "list", runs, shown: [...shown] });
    }
  }

  #tell(run: string, added: { readonly isNew: boolean; readonly data: RunData }): void {
    for (const { events, shown } of this.#clients) {
      if (shown.has(run)) send(events, { kind: "data", run, ...added });
    }
  }

  /** The address of the view inside a run's model; `null` if there is none. */
  #insideOf(name: string): string | null {
    const { openInside } = this.#options;
    if (openInside === undefined || !this.#runs.get(name)?.hasModel) return null;
    return `inside/${name.split("/").map(encodeURIComponent).join("/")}/?open#inside`;
  }

  /** The runs, the latest first. */
  #listed(): ListedRun[] {
    return [...this.#runs.values()]
      .flatMap(({ listed, name }) =>
        listed === null ? [] : { ...listed, inside: this.#insideOf(name) }
      )
      .sort((a, b) => a.time < b.time ? 1 : a.time > b.time ? -1 : 0);
  }
}

function send(events: EventStream, event: DashboardEvent): void {
  events.send(JSON.stringify(event));
}
