import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sha256Of, startHub } from "../testing/hub.ts";
import { download } from "./download.ts";
import { Hub } from "./hub.ts";
import { checkRedirect, isPrivate, request, RequestError } from "./request.ts";

const random = (length: number) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 2 ** 16) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 2 ** 16)));
  }
  return bytes;
};
const shard = random(300_000);
const path = "data/train-00000-of-00001.parquet";

/** Waits that are noted instead. */
function noted(): { waits: number[]; wait: (seconds: number) => Promise<void> } {
  const waits: number[] = [];
  return { waits, wait: (seconds) => Promise.resolve(void waits.push(seconds)) };
}

const namesIn = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();

Deno.test("a data set is listed page by page, and a file comes from the storage without the token", async () => {
  await using hub = startHub({ [path]: shard, "README.md": random(10), "a b/ü.txt": random(20) });
  hub.pageSize = 2;
  hub.token = "hf_secret";
  const client = new Hub({ endpoint: hub.endpoint, token: "hf_secret" });
  const commit = await client.commit("org/set");
  const asked = hub.seen.length;
  assertEquals(await client.commit("org/set", commit), commit);
  assertEquals(hub.seen.length, asked, "a commit stands for itself");
  const files = await client.files("org/set", commit);
  assertEquals(files.map(({ path, size }) => [path, size]), [
    [path, 300_000],
    ["README.md", 10],
    ["a b/ü.txt", 20],
  ]);
  const folder = await Deno.makeTempDir();
  for (const [i, file] of files.entries()) {
    const digest = await client.download("org/set", commit, file, `${folder}/new/${i}`);
    assertEquals(digest, file.sha256);
  }
  assertEquals(await Deno.readFile(`${folder}/new/0`), shard);
  assertEquals(await namesIn(`${folder}/new`), ["0", "1", "2"]);
  for (const { server, authorization } of hub.seen) {
    assertEquals(authorization, server === "hub" ? "Bearer hf_secret" : null);
  }
});

Deno.test("a hub that is busy or broken for a while is asked again after the wait it requests", async () => {
  await using hub = startHub({ [path]: shard });
  const { waits, wait } = noted();
  const client = new Hub({ endpoint: hub.endpoint, wait });
  const date = new Date(Date.now() + 90_000).toUTCString();
  hub.faults.hub.push(
    () => new Response(null, { status: 429, headers: { "retry-after": "7" } }),
    () => new Response(null, { status: 429, headers: { ratelimit: '"api";r=0;t=55' } }),
    () => new Response(null, { status: 429 }),
    () => new Response(null, { status: 503, headers: { "retry-after": date } }),
  );
  assertEquals(await client.commit("org/set"), hub.commit);
  assertEquals(waits.slice(0, 3), [7, 55, 8]);
  // Some of the time has passed when the hub says until when.
  assert(waits[3]! > 30 && waits[3]! <= 90, `${waits[3]}`);

  hub.faults.hub.push(
    ...Array.from({ length: 5 }, () => () => new Response(null, { status: 500 })),
  );
  const { host } = new URL(hub.endpoint);
  await assertRejects(
    () => client.commit("org/set"),
    Error,
    `wanted status 200, got 500 from ${host} in 5 attempts`,
  );
  hub.faults.hub.push(() =>
    new Response(null, { status: 429, headers: { "retry-after": "3600" } })
  );
  await assertRejects(() => client.commit("org/set"), Error, "asks to wait for 3600 s");
});

Deno.test("errors about private, gated or missing repositories say what to do, and never contain the token", async () => {
  await using hub = startHub({ [path]: shard });
  hub.token = "hf_right";
  const client = new Hub({ endpoint: hub.endpoint, token: "hf_wrong" });
  const commit = () => client.commit("org/set");
  const error = await assertRejects(commit, Error, "a token in HF_TOKEN shows private ones");
  assert(!JSON.stringify([error.message, error.stack, `${error.cause}`]).includes("hf_wrong"));
  hub.token = null;
  hub.faults.hub.push(() => new Response(null, { status: 403 }));
  await assertRejects(commit, Error, "accept it on https://huggingface.co/datasets/org/set");
  await assertRejects(
    () => client.commit("org/other"),
    Error,
    "the hub has no such data set, file or revision",
  );
  const gone = new Hub({ endpoint: "http://127.0.0.1:1", wait: () => Promise.resolve() });
  await assertRejects(() => gone.commit("org/set"), Error, "wanted an answer of 127.0.0.1:1, got");
});

Deno.test("a token or an endpoint that is none is refused, and the token not shown", () => {
  for (const token of ["hf_one\nhf_two", "hf_ü", "hf one", ""]) {
    const error = assertThrows(() => new Hub({ token }), TypeError, "wanted HF_TOKEN as letters");
    assert(
      token === "" || !JSON.stringify([error.message, error.stack]).includes(token.slice(0, 4)),
    );
  }
  for (const endpoint of ["hub.test", "ftp://hub.test", ""]) {
    assertThrows(() => new Hub({ endpoint }), TypeError, `wanted HF_ENDPOINT as an address`);
  }
});

Deno.test("a renamed data set is read under its new name, with the token on the hub only", async () => {
  await using hub = startHub({ [path]: shard });
  hub.token = "hf_secret";
  const client = new Hub({ endpoint: hub.endpoint, token: "hf_secret" });
  const renamed = (to: string) => () =>
    new Response(null, { status: 307, headers: { location: to } });
  hub.faults.hub.push(renamed("/api/datasets/org/set/revision/main"));
  const commit = await client.commit("org/old");
  hub.faults.hub.push(renamed(`/api/datasets/org/set/tree/${commit}?recursive=true`));
  const [file] = await client.files("org/old", commit);
  hub.faults.hub.push(renamed(`/datasets/org/set/resolve/${commit}/${path}`));
  const folder = await Deno.makeTempDir();
  assertEquals(await client.download("org/old", commit, file!, `${folder}/a`), file!.sha256);
  for (const { server, authorization } of hub.seen) {
    assertEquals(authorization, server === "hub" ? "Bearer hf_secret" : null);
  }
});

Deno.test("a download that is cut anywhere continues there, with a new link, to the same bytes", async () => {
  await using hub = startHub({ [path]: shard });
  const client = new Hub({ endpoint: hub.endpoint, wait: () => Promise.resolve() });
  const [file] = await client.files("org/set", hub.commit);
  const folder = await Deno.makeTempDir();
  for (const cut of [1, 65_535, 65_536, 65_537, 299_999]) {
    hub.seen.length = 0;
    hub.faults.cuts.push(cut);
    await client.download("org/set", hub.commit, file!, `${folder}/${cut}`);
    const ranges = hub.seen.flatMap(({ server, range }) => server === "storage" ? [range] : []);
    assertEquals(ranges.length, 2, `${cut}`);
    const [, from] = /^bytes=(\d+)-$/.exec(ranges[1]!) ?? [];
    assert(Number(from) <= cut && Number(from) > cut - 65_536, `${ranges}`);
  }
  // An expired link is one that a redirect led to: the hub has another.
  hub.faults.storage.push(() => new Response("expired", { status: 403 }));
  await client.download("org/set", hub.commit, file!, `${folder}/expired`);
  assertEquals((await namesIn(folder)).length, 6);
  for (const name of await namesIn(folder)) {
    assertEquals(await sha256Of(await Deno.readFile(`${folder}/${name}`)), file!.sha256);
  }
});

Deno.test("a download from a server without ranges, or with a new version, starts over", async () => {
  await using hub = startHub({ [path]: shard });
  const client = new Hub({ endpoint: hub.endpoint, wait: () => Promise.resolve() });
  const folder = await Deno.makeTempDir();
  const [file] = await client.files("org/set", hub.commit);
  hub.hasRanges = false;
  hub.faults.cuts.push(100_000);
  assertEquals(
    await client.download("org/set", hub.commit, file!, `${folder}/a`),
    file!.sha256,
  );
  hub.hasRanges = true;
  hub.faults.cuts.push(100_000);
  const other = shard.toReversed();
  const onWait = () => hub.files.set(path, other);
  const url = `${hub.endpoint}/datasets/org/set/resolve/${hub.commit}/${path}`;
  const wait = () => Promise.resolve();
  await download(url, `${folder}/b`, { onWait, wait });
  assertEquals(await Deno.readFile(`${folder}/b`), other);
});

Deno.test("content with another digest is refused in one line and deleted", async () => {
  await using hub = startHub({ [path]: shard });
  const client = new Hub({ endpoint: hub.endpoint });
  const [file] = await client.files("org/set", hub.commit);
  hub.files.set(path, shard.toReversed());
  const folder = await Deno.makeTempDir();
  const error = await assertRejects(
    () => client.download("org/set", hub.commit, file!, `${folder}/a`),
    Error,
    `wanted the SHA-256 digest ${file!.sha256}, got `,
  );
  assertEquals(error.message.split("\n").length, 1);
  assertEquals(await namesIn(folder), []);
});

Deno.test("if several processes want a file, one downloads it, and the others wait", async () => {
  await using hub = startHub({ [path]: shard });
  hub.delay = 20;
  const client = new Hub({ endpoint: hub.endpoint });
  const [file] = await client.files("org/set", hub.commit);
  const folder = await Deno.makeTempDir();
  const digests = await Promise.all(
    Array.from({ length: 3 }, () => client.download("org/set", hub.commit, file!, `${folder}/a`)),
  );
  assertEquals(new Set(digests), new Set([file!.sha256]));
  assertEquals(hub.seen.filter(({ server }) => server === "storage").length, 1);
  assertEquals(await namesIn(folder), ["a"]);
});

Deno.test("a path of the hub that leads out of the folder is refused", async () => {
  for (const bad of ["../a", "a/../../b", "/etc/passwd", "a\\b", "C:/a", "a//b"]) {
    await using hub = startHub({ [bad]: random(3) });
    const client = new Hub({ endpoint: hub.endpoint });
    await assertRejects(() => client.files("org/set", hub.commit), TypeError, "paths inside of it");
  }
});

Deno.test("an answer that is no JSON, as a login page is, and an address that is none are refused in words", async () => {
  await using hub = startHub({ [path]: shard });
  const client = new Hub({ endpoint: hub.endpoint, attempts: 1 });
  const requests = [
    () => client.commit("org/set"),
    () => client.files("org/set", hub.commit),
  ];
  const login = "<html>Log in</html>";
  for (const ask of requests) {
    for (const [text, got] of [[login, "other text"], ["null", "null"], ['"a"', "a"]] as const) {
      hub.faults.hub.push(() => new Response(text));
      const message = `Cannot read org/set: wanted a JSON object or list of the hub, got ${got}`;
      await assertRejects(ask, RequestError, message);
    }
    const headers = { location: "http://[bad" };
    hub.faults.hub.push(() => new Response(null, { status: 302, headers }));
    await assertRejects(ask, RequestError, "a redirect to an address, got one to http://[bad");
  }
  const headers = { link: '<http://[bad>; rel="next"' };
  hub.faults.hub.push(() => Response.json([], { headers }));
  await assertRejects(requests[1]!, TypeError, "Cannot read org/set: wanted another page on ");
  await assertRejects(() => request("no address"), RequestError, "Cannot get no address: wanted");
});

Deno.test("redirects from HTTPS to HTTP, and from outside into this network, are refused", () => {
  const cases: [start: string, to: string, isFine: boolean][] = [
    ["https://hub.test/a", "https://cdn.test/b", true],
    ["https://hub.test/a", "http://cdn.test/b", false],
    ["https://hub.test/a", "https://127.0.0.1/b", false],
    ["https://hub.test/a", "https://[::1]/b", false],
    ["https://hub.test/a", "https://[::ffff:10.0.0.1]/b", false],
    ["https://hub.test/a", "https://169.254.169.254/latest", false],
    ["https://hub.test/a", "https://192.168.1.1/", false],
    ["https://hub.test/a", "https://localhost./", false],
    ["https://hub.test/a", "https://2130706433/", false],
    ["https://hub.test/a", "file:///etc/passwd", false],
    ["http://127.0.0.1:8000/a", "http://127.0.0.1:8001/b", true],
    ["http://hub.test/a", "http://172.20.0.1/b", false],
    ["http://hub.test/a", "http://172.32.0.1/b", true],
  ];
  for (const [start, to, isFine] of cases) {
    const check = () => checkRedirect(new URL(start), new URL(start), new URL(to));
    if (isFine) check();
    else assertThrows(check, Error, "wanted a redirect to");
  }
  assertEquals(["fd00::1", "fe80::1", "2001:db8::1"].map(isPrivate), [true, true, false]);
});
