import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sha256Of, startHub } from "../testing/hub.ts";
import { RequestError } from "../hub/request.ts";
import { startRegistry } from "../testing/registry.ts";
import { parseAddress } from "./address.ts";
import { catalog } from "./catalog.ts";
import { isLocked } from "./lock.ts";
import { fetchData, findData, isFetching, listData, removeData } from "./store.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** All files below a folder, by path. */
async function filesIn(folder: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    const path = below === "" ? name : `${below}/${name}`;
    found.push(...isDirectory ? await filesIn(folder, path) : [path]);
  }
  return found.sort();
}

Deno.test("each kind of address is parsed, and others are refused", () => {
  assertEquals(parseAddress("hf:a/b:c"), {
    kind: "hub",
    repository: "a/b",
    revision: "refs/convert/parquet",
    files: "c/{,partial-}train/*.parquet",
  });
  assertEquals(parseAddress("hf:a/b/c/*.txt@v1"), {
    kind: "hub",
    repository: "a/b",
    revision: "v1",
    files: "c/*.txt",
  });
  const pinned = parseAddress(`hf:a/b:c:d@${"0".repeat(40)}`);
  assertEquals(pinned, {
    kind: "hub",
    repository: "a/b",
    revision: "0".repeat(40),
    files: "c/{,partial-}d/*.parquet",
  });
  assertEquals((parseAddress("hf:a/b@v1") as typeof pinned & { revision: string }).revision, "v1");
  assertEquals(parseAddress("npm:@a/b@1.0.0-x+y/c/**"), {
    kind: "npm",
    package: "@a/b",
    version: "1.0.0-x+y",
    files: "c/**",
  });
  assertEquals(parseAddress("https://a.test/b.txt?c").kind, "web");
  assertEquals(parseAddress("http://127.0.0.1:80/b.txt").kind, "web");
  const refused = ["hf:a", "hf:../a/b", "npm:a", "npm:a/b", "npm:a@1", "http://a.test/b"];
  for (const address of [...refused, "https://", "https://a.test/", "ftp://a/b"]) {
    assertThrows(() => parseAddress(address), SyntaxError, "wanted", address);
  }
});

Deno.test("each data set with a name is pinned: to a commit, a version or a digest", () => {
  for (const [name, { parts, sha256 }] of Object.entries(catalog)) {
    for (const address of Object.values(parts)) {
      const parsed = parseAddress(address);
      const pin = parsed.kind === "hub"
        ? parsed.revision
        : parsed.kind === "npm"
        ? parsed.version
        : sha256 ?? "";
      const wanted = { hub: /^[0-9a-f]{40}$/, npm: /^\d+\.\d+\.\d+$/, web: /^[0-9a-f]{64}$/ };
      assert(wanted[parsed.kind].test(pin), `${name}: ${address}`);
    }
  }
});

Deno.test("files of a package come from the registry, checked, and at one version", async () => {
  // More than a decoder buffers, read and left alone in turn.
  const others = Object.fromEntries(
    Array.from(
      { length: 40 },
      (_, i) => [`data/${i}.${i % 2 ? "json" : "md"}`, "x".repeat(30_000)],
    ),
  );
  const files = {
    ...others,
    "data/b.txt": "two",
    "data/a.txt": "one",
    "index.js": "no",
    "data/c.md": "",
  };
  await using registry = await startRegistry("@scope/texts", files);
  const root = await Deno.makeTempDir();
  const address = "npm:@scope/texts@latest/data/*.txt";
  const stored = await fetchData({ registry: registry.url }, root, address);
  assertEquals([stored.revision, stored.missing], ["1.2.3", []]);
  assertEquals(stored.files, [
    { path: "data/a.txt", size: 3, sha256: await sha256Of(encode("one")) },
    { path: "data/b.txt", size: 3, sha256: await sha256Of(encode("two")) },
  ]);
  assertEquals(await filesIn(stored.folder), [".source.json", "data/a.txt", "data/b.txt"]);
  assertEquals(await filesIn(`${root}/.locks`), []);
  assertEquals(await Deno.readTextFile(`${stored.folder}/data/a.txt`), "one");
  const asked = registry.seen.length;
  await fetchData({ registry: registry.url }, root, address);
  assertEquals(registry.seen.length, asked);
  // Files that are missing come again, of the same version, in one package.
  for (const { path } of stored.files) await Deno.remove(`${stored.folder}/${path}`);
  assertEquals(await fetchData({ registry: registry.url }, root, address), stored);
  assertEquals(registry.seen.slice(asked), ["/@scope%2ftexts/1.2.3", "/-/package.tgz"]);
  assertEquals(await filesIn(stored.folder), [".source.json", "data/a.txt", "data/b.txt"]);

  const fetch = (address: string) => fetchData({ registry: registry.url }, root, address);
  await assertRejects(() => fetch("npm:@scope/texts@9/a.txt"), Error, "no such package or version");
  await assertRejects(() => fetch("npm:other@1.2.3/a.txt"), Error, "no such package or version");
  await assertRejects(
    () => fetch("npm:@scope/texts@1.2.3/*.csv"),
    Error,
    "wanted files that match",
  );
  registry.faults.push(() => new Response("<html>Log in</html>"));
  await assertRejects(
    () => fetch("npm:@scope/texts@1.2.3/data/*"),
    RequestError,
    "Cannot read @scope/texts@1.2.3: wanted a JSON object or list of npm, got other text",
  );
  registry.integrity = `sha512-${btoa("another")}`;
  const changed = () => fetch("npm:@scope/texts@1.2.3/data/*");
  await assertRejects(changed, Error, "wanted the sha512 digest");
  await Deno.writeTextFile(`${root}/100%.txt`, "a file of the user's own");
  assertEquals((await listData(root)).map(({ address }) => address), [address]);
});

Deno.test("a file on the web is downloaded once, and its digest is stored", async () => {
  const content = encode("text of the web\n");
  let requests = 0;
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    requests++;
    return new Response(content);
  });
  const root = await Deno.makeTempDir();
  const address = `http://127.0.0.1:${server.addr.port}/a/..%2f.b.txt?version=1`;
  const progress: [number, number | null][] = [];
  for (let i = 0; i < 2; i++) {
    const stored = await fetchData({}, root, address, {
      onProgress: (bytes, total) => progress.push([bytes, total]),
    });
    const sha256 = await sha256Of(content);
    assertEquals(stored.files, [{ path: "_._.b.txt", size: content.length, sha256 }]);
  }
  assertEquals(requests, 1);
  assertEquals(progress.at(-1), [content.length, content.length]);
});

Deno.test("data of long URLs is kept apart, and found by them", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => new Response(new URL(request.url).search.at(-1)),
  );
  const root = await Deno.makeTempDir();
  const start = `http://127.0.0.1:${server.addr.port}/${"é".repeat(99)}/${"a".repeat(300)}.txt`;
  const addresses = [1, 2].map((i) => `${start}?signature=${"世%2F".repeat(99)}${i}`);
  for (const [i, address] of addresses.entries()) {
    const { folder, files } = await fetchData({}, root, address);
    assertEquals(await filesIn(folder), [".source.json", files[0]!.path]);
    assertEquals(await Deno.readTextFile(`${folder}/${files[0]!.path}`), `${i + 1}`);
    assert(files[0]!.path.endsWith("a.txt"), files[0]!.path);
  }
  assertEquals((await listData(root)).map(({ address }) => address).sort(), addresses);
  assertEquals(await removeData(root, addresses[0]!), true);
  assertEquals((await listData(root)).map(({ address }) => address), [addresses[1]]);
});

Deno.test("a file of the web that is missing comes again, unless the server has another one", async () => {
  let content = encode("text of the web\n");
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response(content),
  );
  const root = await Deno.makeTempDir();
  const address = `http://127.0.0.1:${server.addr.port}/a.txt`;
  const stored = await fetchData({}, root, address);
  const first = content;
  for (const other of ["another text\n", "text of the lab\n"]) {
    await Deno.remove(`${stored.folder}/a.txt`);
    content = encode(other);
    const { message } = await assertRejects(() => fetchData({}, root, address), Error);
    const digests = `digest ${await sha256Of(first)}, got ${await sha256Of(content)}`;
    assert(message.includes(digests), message);
    assert(message.endsWith("on the server; remove the data set to get the new one"), message);
    assertEquals(await filesIn(stored.folder), [".source.json"]);
    content = first;
    assertEquals(await fetchData({}, root, address), stored);
  }
});

Deno.test("the first and the last file come before the others, and one process downloads", async () => {
  const names = Array.from({ length: 6 }, (_, i) => `${i}.txt`);
  await using hub = startHub(Object.fromEntries(names.map((name) => [name, encode(name)])));
  const isReleased = Promise.withResolvers<void>();
  hub.hold = () => isReleased.promise;
  const root = await Deno.makeTempDir();
  const address = "hf:org/set/*.txt";
  let others = 0;
  const fetching = [1, 2].map(() =>
    fetchData({ endpoint: hub.endpoint }, root, address, { workers: 1, onOthers: () => others++ })
  );
  // The first file was asked for, so the data set is locked, and the other one waits.
  while (others === 0 || hub.seen.every(({ server }) => server !== "storage")) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertEquals(await isFetching(root, address), true);
  await assertRejects(() => removeData(root, address), Error, "a process is downloading it");
  isReleased.resolve();
  await Promise.all(fetching);
  assertEquals([await isFetching(root, address), others], [false, 1]);
  const order = hub.seen.flatMap(({ server, path }) =>
    server === "storage" ? [path.slice(path.indexOf(":") + 1)] : []
  );
  assertEquals(order, ["0.txt", "5.txt", "1.txt", "2.txt", "3.txt", "4.txt"]);
});

Deno.test("no more files are begun once one has failed, and at least one worker is wanted", async () => {
  const names = Array.from({ length: 8 }, (_, i) => `${i}.txt`);
  await using hub = startHub(Object.fromEntries(names.map((name) => [name, encode(name)])));
  const hasFailed = Promise.withResolvers<void>();
  hub.hold = () => hasFailed.promise;
  hub.faults.storage.push(() => new Response(null, { status: 404 }));
  const root = await Deno.makeTempDir();
  const fetch = (workers: number) =>
    fetchData({ endpoint: hub.endpoint }, root, "hf:org/set/*.txt", { workers });
  const failed = assertRejects(() => fetch(2), Error, "no such data set, file or revision");
  const asked = () =>
    hub.seen.flatMap(({ server, path }) => server === "storage" ? [path.split(":")[1]] : []);
  while (asked().length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  const { folder } = (await findData(root, "hf:org/set/*.txt"))!;
  // A download holds this lock to its end.
  while (await isLocked(`${folder}/${asked()[0]}.part`)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  hasFailed.resolve();
  await failed;
  assertEquals(asked().length, 2);
  for (const workers of [0, -1, 1.5, NaN]) {
    const message = `wanted workers as a whole number from 1 on, got ${workers}`;
    await assertRejects(() => fetch(workers), RangeError, message);
  }
  assertEquals((await fetch(2)).missing, []);
});

Deno.test("a data set keeps its commit, and more of its files are of that commit", async () => {
  const names = Array.from({ length: 4 }, (_, i) => `${i}.txt`);
  await using hub = startHub(Object.fromEntries(names.map((name) => [name, encode(name)])));
  const root = await Deno.makeTempDir();
  const fetch = (count?: number) =>
    fetchData({ endpoint: hub.endpoint }, root, "hf:org/set/*.txt", { count });
  assertEquals((await fetch(1)).files.map(({ path }) => path), ["0.txt", "3.txt"]);
  hub.seen.length = 0;
  assertEquals((await fetch()).files.length, 4);
  assertEquals(hub.seen.some(({ path }) => path.includes("/revision/")), false);
  assertEquals(hub.seen.filter(({ server }) => server === "storage").length, 2);
});

Deno.test("a damaged description hinders no other data, and can be removed", async () => {
  await using hub = startHub({ "0.txt": encode("zero") });
  const root = await Deno.makeTempDir();
  const addresses = ["hf:org/set/0.txt", "hf:org/set/*.txt"] as const;
  for (const address of addresses) await fetchData({ endpoint: hub.endpoint }, root, address);
  const [damaged, whole] = addresses;
  await Deno.truncate(`${(await findData(root, damaged))!.folder}/.source.json`);
  await assertRejects(() => findData(root, damaged), SyntaxError, "remove it to begin again");
  const found: string[] = [];
  const listed = await listData(root, (address) => found.push(address));
  assertEquals([listed.map(({ address }) => address), found], [[whole], [damaged]]);
  await assertRejects(() => listData(root), SyntaxError, "remove it to begin again");
  assertEquals([await removeData(root, damaged), await removeData(root, damaged)], [true, false]);
  assertEquals((await listData(root)).map(({ address }) => address), [whole]);
});

Deno.test("an address without files names what is there: splits of an export, or files", async () => {
  const names = [
    "main/train/0000.parquet",
    "main/train/0001.parquet",
    "other/partial-test/0000.parquet",
  ];
  await using hub = startHub(Object.fromEntries(names.map((name) => [name, encode(name)])));
  const root = await Deno.makeTempDir();
  const fetch = (address: string) => fetchData({ endpoint: hub.endpoint }, root, address);
  await assertRejects(
    () => fetch("hf:org/set"),
    Error,
    "wanted files that match default/{,partial-}train/*.parquet, got none; it has " +
      "hf:org/set:main:train, hf:org/set:other:test",
  );
  hub.files.clear();
  hub.files.set("a.csv", encode("a"));
  await assertRejects(() => fetch("hf:org/set/*.txt"), Error, "got none; it has a.csv");
  assertEquals((await fetch("hf:org/set/*.csv")).files.length, 1);
});

Deno.test("what does not fit on the disk is not begun", async () => {
  await using hub = startHub({ "1.txt": encode("one"), "2.txt": encode("two") });
  hub.claimedSize = 1e17;
  const root = await Deno.makeTempDir();
  await assertRejects(
    () => fetchData({ endpoint: hub.endpoint }, root, "hf:org/set/*.txt"),
    Error,
    "Cannot download hf:org/set/*.txt: wanted 190734863281.3 MiB of free space in ",
  );
  assertEquals(hub.seen.filter(({ server }) => server === "storage"), []);
});

/** The cache of other clients with `org/set`: blobs, and links to them. */
async function makeCache(commit: string, files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>) {
  const root = await Deno.makeTempDir();
  const folder = `${root}/datasets--org--set`;
  for (const name of ["blobs", "refs", `snapshots/${commit}/data`]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${folder}/refs/main`, commit);
  for (const [path, bytes] of Object.entries(files)) {
    const blob = await sha256Of(bytes);
    await Deno.writeFile(`${folder}/blobs/${blob}`, bytes, { mode: 0o444 });
    await Deno.symlink(`../../../blobs/${blob}`, `${folder}/snapshots/${commit}/${path}`);
  }
  return root;
}

Deno.test("files in the cache of other clients are copied from there, and the cache stays as it is", async () => {
  const [one, two] = [encode("one"), encode("two")];
  await using hub = startHub({ "data/1.txt": one, "data/2.txt": two });
  const sharedCache = await makeCache(hub.commit, { "data/1.txt": one });
  const before = await filesIn(sharedCache);
  const address = "hf:org/set/data/*.txt";
  const root = await Deno.makeTempDir();
  const stored = await fetchData({ endpoint: hub.endpoint, sharedCache }, root, address);
  assertEquals(hub.seen.flatMap(({ server, path }) => server === "storage" ? [path] : []), [
    "/org%2Fset:data%2F2.txt",
  ]);
  // A file that is cut or changed in the cache is had from the hub.
  const blob = `${sharedCache}/datasets--org--set/blobs/${await sha256Of(one)}`;
  await Deno.chmod(blob, 0o644);
  await Deno.writeTextFile(blob, "own");
  const other = await Deno.makeTempDir();
  await fetchData({ endpoint: hub.endpoint, sharedCache }, other, address);
  for (const folder of [stored.folder, (await findData(other, address))!.folder]) {
    assertEquals(await filesIn(folder), [".source.json", "data/1.txt", "data/2.txt"]);
    assertEquals(await Deno.readTextFile(`${folder}/data/1.txt`), "one");
    assertEquals((await Deno.lstat(`${folder}/data/1.txt`)).isSymlink, false);
  }
  assertEquals(await filesIn(sharedCache), before);
  assertEquals(await Deno.readTextFile(blob), "own");
});

Deno.test("without a network the cache of other clients is enough, or the error says what is missing", async () => {
  const sharedCache = await makeCache("d".repeat(40), { "data/1.txt": encode("one") });
  const root = await Deno.makeTempDir();
  const offline = { endpoint: "http://127.0.0.1:1", isOffline: true, sharedCache };
  const stored = await fetchData(offline, root, "hf:org/set/data/*");
  assertEquals([stored.revision, stored.missing], ["d".repeat(40), []]);
  assertEquals(stored.files[0]!.sha256, await sha256Of(encode("one")));
  for (const address of ["hf:org/other/*", "npm:a@1/b", "https://a.test/b.txt"]) {
    await assertRejects(
      () => fetchData(offline, root, address),
      Error,
      "HF_HUB_OFFLINE says not to",
    );
  }
  assertEquals((await listData(root)).length, 1);

  // Clients note what a branch stands for before its files are there.
  await Deno.remove(`${sharedCache}/datasets--org--set/snapshots`, { recursive: true });
  const missing = `HF_HUB_OFFLINE says not to, and ${sharedCache}/datasets--org--set does not have`;
  const fetch = (root: string, address: string) =>
    assertRejects(() => fetchData(offline, root, address), Error, missing);
  for (const address of ["hf:org/set/data/*", `hf:org/set/data/*@${"d".repeat(40)}`]) {
    await fetch(await Deno.makeTempDir(), address);
  }
  // More files of a commit than were wanted before.
  const description = `${stored.folder}/.source.json`;
  const { count, ...more } = JSON.parse(await Deno.readTextFile(description));
  await Deno.writeTextFile(description, JSON.stringify({ ...more, count: count + 1 }));
  await fetch(root, "hf:org/set/data/*");
});
