/**
 * A hub for tests on 127.0.0.1: it speaks the protocol of the real one, sends files from a second
 * port as that does, and misbehaves on request.
 *
 * @module
 */

/** Failures of the next requests; each entry is used once. */
export interface Faults {
  /** Answers of the hub that replace the right ones. */
  readonly hub: (() => Response)[];
  /** Answers of the storage that replace the right ones. */
  readonly storage: (() => Response)[];
  /** After so many bytes a body is cut. */
  readonly cuts: number[];
}

/** A request that came, without its body. */
export interface Seen {
  readonly server: "hub" | "storage";
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

/** A hub that runs. */
export interface TestHub extends AsyncDisposable {
  readonly endpoint: string;
  readonly faults: Faults;
  readonly seen: Seen[];
  /** Files of `org/set` by path; changing one changes its tag and its digest. */
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** The files of all data sets by name. */
  readonly repositories: Map<string, Map<string, Uint8Array<ArrayBuffer>>>;
  /** The commit that `main` stands for. */
  commit: string;
  /** All commits, including those of the catalog; all have the same files. */
  readonly commits: Set<string>;
  /** Whether the storage knows ranges. */
  hasRanges: boolean;
  /** Files a page of a listing has. */
  pageSize: number;
  /** The size that listings state of every file; `null` for the true one. */
  claimedSize: number | null;
  /** The token that the hub asks for, if any. */
  token: string | null;
  /** Called with the path of each file of the storage; the file is sent when it resolves. */
  hold: (path: string) => Promise<void>;
  /** Milliseconds between two pieces of a body of 64 KiB each. */
  delay: number;
  /** The rate of the link, which all bodies share. */
  bytesPerSecond: number;
}

export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Starts a hub with one repository, `org/set`: which serves as a data set and as a model. */
export function startHub(files: Record<string, Uint8Array<ArrayBuffer>>): TestHub {
  const seen: Seen[] = [];
  const faults: Faults = { hub: [], storage: [], cuts: [] };
  const link = { freeAt: 0 };
  let links = 0;
  /** Links that are good: each of them once, as signed links expire. */
  const signed = new Set<number>();
  const listen = (server: Seen["server"], answer: (request: Request) => Promise<Response>) =>
    Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url);
      const { headers } = request;
      const [range, authorization] = [headers.get("range"), headers.get("authorization")];
      seen.push({ server, path: pathname, range, authorization });
      return faults[server].shift()?.() ?? await answer(request);
    });

  const storage = listen("storage", async (request) => {
    const url = new URL(request.url);
    const [repository = "", file = ""] = url.pathname.slice(1).split(":").map(decodeURIComponent);
    const bytes = hub.repositories.get(repository)?.get(file);
    if (bytes === undefined || !signed.delete(Number(url.searchParams.get("link")))) {
      return new Response("expired", { status: 403 });
    }
    await hub.hold(file);
    const tag = `"${await sha256Of(bytes)}"`;
    const range = request.headers.get("range");
    const goesOn = hub.hasRanges && range !== null && request.headers.get("if-range") === tag;
    const start = goesOn ? Number(/\d+/.exec(range)![0]) : 0;
    if (start >= bytes.length && start > 0) return new Response(null, { status: 416 });
    const rest = bytes.subarray(start);
    const headers = {
      etag: tag,
      "content-length": `${rest.length}`,
      ...(goesOn ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
    };
    const cut = faults.cuts.shift() ?? Infinity;
    const body = bodyOf(rest, cut, (bytes) => wait(hub, link, bytes));
    return new Response(body, { status: goesOn ? 206 : 200, headers });
  });

  const server = listen("hub", async (request) => {
    const url = new URL(request.url);
    if (hub.token !== null && request.headers.get("authorization") !== `Bearer ${hub.token}`) {
      return new Response(null, { status: 401 });
    }
    const path = decodeURIComponent(url.pathname);
    // Models are served from the same files as data sets.
    const [, asked = "", what, more = ""] =
      /^\/(?:(?:api\/)?datasets\/|api\/models\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\/(.*)$/
        .exec(path) ?? [];
    const files = hub.repositories.get(asked);
    if (files === undefined) return new Response(null, { status: 404 });
    if (what === "revision" && ["main", "refs/convert/parquet"].includes(more)) {
      return Response.json({ sha: hub.commit });
    }
    if (what === "tree" && hub.commits.has(more)) {
      const from = Number(url.searchParams.get("cursor") ?? 0);
      const names = [...files.keys()].slice(from, from + hub.pageSize);
      const page = await Promise.all(names.map(async (path) => {
        const bytes = files.get(path)!;
        const size = hub.claimedSize ?? bytes.length;
        return { type: "file", path, size, lfs: { oid: await sha256Of(bytes) } };
      }));
      url.searchParams.set("cursor", `${from + hub.pageSize}`);
      const isLast = from + hub.pageSize >= files.size;
      return Response.json(page, isLast ? {} : { headers: { link: `<${url}>; rel="next"` } });
    }
    const [, file] = /^[0-9a-f]{40}\/(.*)$/.exec(what === "resolve" ? more : "") ?? [];
    const bytes = file === undefined ? undefined : files.get(file);
    if (bytes === undefined) return new Response(null, { status: 404 });
    signed.add(++links);
    const place = `http://127.0.0.1:${storage.addr.port}/${encodeURIComponent(asked)}:${
      encodeURIComponent(file!)
    }?link=${links}`;
    return new Response(null, {
      status: 302,
      headers: { location: place, "x-linked-etag": `"${await sha256Of(bytes)}"` },
    });
  });

  const own = new Map(Object.entries(files));
  const hub: TestHub = {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    faults,
    seen,
    files: own,
    repositories: new Map([["org/set", own]]),
    commit: "c".repeat(40),
    commits: new Set(["c".repeat(40)]),
    hasRanges: true,
    pageSize: 1000,
    claimedSize: null,
    token: null,
    hold: () => Promise.resolve(),
    delay: 0,
    bytesPerSecond: Infinity,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([server.shutdown(), storage.shutdown()]);
    },
  };
  return hub;
}

/** Waits until the link has sent what is before a piece, and the piece itself. */
async function wait(
  { delay, bytesPerSecond }: TestHub,
  link: { freeAt: number },
  bytes: number,
): Promise<void> {
  const now = performance.now();
  if (bytesPerSecond < Infinity) {
    link.freeAt = Math.max(now, link.freeAt) + 1000 * bytes / bytesPerSecond;
  }
  const milliseconds = Math.max(delay, link.freeAt - now);
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A body in pieces, which ends with an error after `cut` bytes. */
function bodyOf(
  bytes: Uint8Array<ArrayBuffer>,
  cut: number,
  wait: (bytes: number) => Promise<void>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      const end = Math.min(at + 2 ** 16, cut, bytes.length);
      await wait(end - at);
      if (end > at) controller.enqueue(bytes.slice(at, end));
      at = end;
      if (at >= bytes.length) return controller.close();
      if (at < cut) return;
      // The bytes that were sent are to arrive first.
      await new Promise((resolve) => setTimeout(resolve, 30));
      controller.error(new Error("cut"));
    },
  });
}
