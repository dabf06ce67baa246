import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { killDownloads } from "../testing/download_kills.ts";
import { download } from "./download.ts";

const content = crypto.getRandomValues(new Uint8Array(50_000));

/** How a server answers; each field can be changed between requests. */
interface Behavior {
  content: Uint8Array<ArrayBuffer>;
  version: string | null;
  /** Whether it knows the header Range. */
  hasRanges: boolean;
  /** It sends so many bytes and then cuts the connection. */
  cutAfter: number;
  status: number;
}

/** Serves a file, and notes what it was asked for. */
function serve(changes: Partial<Behavior> = {}): AsyncDisposable & {
  url: string;
  behavior: Behavior;
  asked: (string | null)[];
} {
  const behavior = {
    content,
    version: '"one"',
    hasRanges: true,
    cutAfter: Infinity,
    status: 200,
    ...changes,
  };
  const asked: (string | null)[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { content, version, hasRanges, cutAfter, status } = behavior;
    const range = request.headers.get("range");
    asked.push(range);
    if (status !== 200) return new Response("no", { status });
    const isSame = request.headers.get("if-range") === version;
    const start = hasRanges && range !== null && isSame ? Number(/\d+/.exec(range)![0]) : 0;
    const rest = content.slice(start);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      async start(controller) {
        controller.enqueue(rest.slice(0, cutAfter));
        if (cutAfter >= rest.length) return controller.close();
        await new Promise((resolve) => setTimeout(resolve, 100));
        controller.error(new Error("cut"));
      },
    });
    const headers: Record<string, string> = { "content-length": `${rest.length}` };
    if (version !== null) headers.etag = version;
    if (start > 0) {
      headers["content-range"] = `bytes ${start}-${content.length - 1}/${content.length}`;
    }
    return new Response(body, { status: start > 0 ? 206 : 200, headers });
  });
  return {
    behavior,
    asked,
    url: `http://127.0.0.1:${server.addr.port}/bundle.zip`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const place = async () => `${await Deno.makeTempDir()}/bundle.zip`;

async function fileDigest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The names in the folder of a file. */
const beside = async (path: string) =>
  (await Array.fromAsync(Deno.readDir(path.slice(0, path.lastIndexOf("/"))), ({ name }) => name))
    .sort();

Deno.test("a file arrives whole, with its digest and its progress", async () => {
  await using server = serve();
  const path = await place();
  const seen: [number, number | null][] = [];
  const digest = await download(server.url, path, {
    onProgress: (...progress) => seen.push(progress),
  });
  assertEquals(await Deno.readFile(path), content);
  assertEquals(digest, await fileDigest(content));
  assertEquals(seen.at(-1), [content.length, content.length]);
  assertEquals(await beside(path), ["bundle.zip"]);
});

Deno.test("a download that was cut off continues where it stopped", async () => {
  await using server = serve({ cutAfter: 20_000 });
  const path = await place();
  await assertRejects(
    () => download(server.url, path, { attempts: 1 }),
    Error,
    "the next attempt continues",
  );
  assertEquals(await beside(path), ["bundle.zip.part", "bundle.zip.part.json"]);
  const { size } = await Deno.stat(`${path}.part`);
  assert(size > 0 && size <= 20_000, `${size}`);
  server.behavior.cutAfter = Infinity;
  await download(server.url, path, { sha256: await fileDigest(content) });
  assertEquals(server.asked, [null, `bytes=${size}-`]);
  assertEquals(await Deno.readFile(path), content);
});

Deno.test("another version, or a server without ranges or versions, starts over", async () => {
  const other = content.toReversed();
  for (
    const change of [
      { version: '"two"', content: other },
      { hasRanges: false },
      { version: 'W/"one"' },
    ]
  ) {
    await using server = serve({
      cutAfter: 20_000,
      ...("version" in change && !("content" in change) ? { version: change.version! } : {}),
    });
    const path = await place();
    await assertRejects(() => download(server.url, path, { attempts: 1 }));
    Object.assign(server.behavior, { cutAfter: Infinity }, change);
    await download(server.url, path);
    assertEquals(await Deno.readFile(path), server.behavior.content);
  }
});

Deno.test("a wrong digest is named, the file is deleted, and an earlier one stays", async () => {
  await using server = serve();
  const path = await place();
  await Deno.writeTextFile(path, "earlier");
  const sha256 = "0".repeat(64);
  await assertRejects(
    () => download(server.url, path, { sha256 }),
    Error,
    `wanted the SHA-256 digest ${sha256}, got ${await fileDigest(content)}`,
  );
  assertEquals(await Deno.readTextFile(path), "earlier");
  assertEquals(await beside(path), ["bundle.zip"]);
});

Deno.test("a status other than 200 and an unreachable server are named", async () => {
  await using server = serve({ status: 404 });
  const path = await place();
  await assertRejects(() => download(server.url, path), Error, "wanted status 200, got 404");
  await assertRejects(
    () => download("http://127.0.0.1:1/x", path, { attempts: 1 }),
    Error,
    'Cannot get http://127.0.0.1:1/x: wanted an answer of 127.0.0.1:1, got "',
  );
});

Deno.test("a file larger than the disk is refused before it is downloaded", async () => {
  const announced = 1e17;
  const isLeft = Promise.withResolvers<void>();
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    const body = new ReadableStream({
      pull: (stream) => stream.enqueue(new Uint8Array(1000)),
      cancel: () => isLeft.resolve(),
    });
    return new Response(body, { headers: { "content-length": `${announced}` } });
  });
  const path = await place();
  const { message } = await assertRejects(() =>
    download(`http://127.0.0.1:${server.addr.port}/x`, path)
  ) as Error;
  assertMatch(message, /wanted 95367431640\.6 MiB of free space in \S+, got \d+\.\d MiB$/);
  await isLeft.promise;
});

Deno.test("a disk that is full in the middle is an error in one line, and the rest comes later", async () => {
  await using server = serve();
  const path = await place();
  const write = Deno.FsFile.prototype.write;
  let room = 20_000;
  Deno.FsFile.prototype.write = async function (bytes) {
    if (room === 0) throw new Error("No space left on device (os error 28)");
    const written = await write.call(this, bytes.subarray(0, room));
    room -= written;
    return written;
  };
  try {
    const { message } = await assertRejects(() => download(server.url, path)) as Error;
    assertEquals(message, `Cannot write ${path}: the disk is full`);
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  await download(server.url, path);
  assertEquals(await Deno.readFile(path), content);
  assertEquals(server.asked, [null, "bytes=20000-"]);
});

Deno.test("a signal stops the download, and what is there stays", async () => {
  await using server = serve({ cutAfter: 20_000 });
  const path = await place();
  const controller = new AbortController();
  const onProgress = () => controller.abort(new Error("stopped"));
  const { signal } = controller;
  await assertRejects(() => download(server.url, path, { signal, onProgress }), Error, "stopped");
  assert((await Deno.stat(`${path}.part`)).size > 0);
});

Deno.test("downloads that are killed at random moments end with the same bytes, and nothing else", async () => {
  const { kills, problems } = await killDownloads({ downloads: 5, seed: 3 });
  assertEquals(problems, []);
  assert(kills > 0, "none was killed");
});
