import { assert, assertEquals, assertRejects } from "@std/assert";
import { PackedLoader, type PackedState } from "../packed_loader.ts";
import { parquetFiles } from "../parquet/source.ts";
import { type Source, texts } from "../source.ts";
import { startHub, type TestHub } from "../testing/hub.ts";
import { nestedTable } from "../testing/nested_table.ts";
import { fetchInBackground } from "./background.ts";
import { fetchData, findData, isFetching } from "./store.ts";
import { storedSource } from "./stored_source.ts";

const SHARDS = 5;

/** A shard of 40 documents in 10 row groups, of some 100 KB that do not compress. */
function shard(index: number): Uint8Array<ArrayBuffer> {
  const rows = Array.from({ length: 40 }, (_, i) => {
    const noise = crypto.getRandomValues(new Uint8Array(1500)).toBase64();
    return { text: `Document ${i} of shard ${index}. ${noise}` };
  });
  return nestedTable(rows, 4);
}

const shards = Object.fromEntries(
  Array.from({ length: SHARDS }, (_, i) => [`shard_${i}.parquet`, shard(i)]),
);
const address = "hf:org/set/*.parquet";
const encoder = { encode: (text: string) => [...new TextEncoder().encode(text)], bos: 256 };

/** Opens a loader that reads chunk by chunk, as of a large corpus. */
async function openLoader(source: Pick<Source, "open">, state?: PackedState) {
  return await PackedLoader.open({
    split: await source.open("train"),
    encoder,
    batchSize: 1,
    sequenceLength: 2000,
    seed: 7,
    bufferSize: 10,
    cacheBytes: 0,
    ...(state === undefined ? {} : { state }),
  });
}

async function onDisk(): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const [name, bytes] of Object.entries(shards)) {
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
  return folder;
}

async function described(root: string): Promise<void> {
  while (await findData(root, address) === null) await new Promise((next) => setTimeout(next, 10));
}

/** The shards that are downloaded first: that with which training begins, and that for validation. */
const first = ["shard_0.parquet", `shard_${SHARDS - 1}.parquet`];

/** Has a hub hold back the other shards, until they are released. */
function holdOthers(hub: TestHub): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  hub.hold = (path) => first.includes(path) ? Promise.resolve() : promise;
  return resolve;
}

/** The files that the storage was asked for. */
const asked = (hub: TestHub) => hub.seen.filter(({ server }) => server === "storage").length;

Deno.test("reading begins with the first shard, and has the order of the files on disk", async () => {
  await using hub = startHub(shards);
  const release = holdOthers(hub);
  const wanted = await openLoader(parquetFiles(await onDisk()));
  const root = await Deno.makeTempDir();
  const done = fetchInBackground({ endpoint: hub.endpoint }, root, address, { workers: 1 });
  await described(root);
  const waits: [file: string, isOver: boolean][] = [];
  const source = await storedSource(root, address, {
    onWait: (file, seconds) => {
      waits.push([file, seconds !== null]);
      if (!first.includes(file)) release();
    },
  });
  const loader = await openLoader(source);
  const batch = await loader.take();
  // The other shards come when one of them is waited for.
  assert((await findData(root, address))!.missing.length >= SHARDS - 2, "shards came too early");
  assertEquals(batch.inputs, (await wanted.take()).inputs);
  // More than an epoch.
  for (let i = 0; i < 200; i++) {
    assertEquals((await loader.take()).inputs, (await wanted.take()).inputs, `batch ${i}`);
  }
  assert(loader.statistics.epoch > 1);
  const files = waits.map(([file]) => file);
  assert(files.every((file) => file in shards), `${files}`);
  assert(files.includes("shard_1.parquet"), `${files}`);
  assertEquals(waits.filter(([, isOver]) => isOver).length, waits.length / 2);
  await done;
  assertEquals(asked(hub), SHARDS);
});

Deno.test("a run that is killed during a download continues with the same documents", async () => {
  await using hub = startHub(shards);
  const release = holdOthers(hub);
  const wanted = await openLoader(parquetFiles(await onDisk()));
  const root = await Deno.makeTempDir();
  const stop = new AbortController();
  const options = { workers: 2, signal: stop.signal };
  const fetching = fetchData({ endpoint: hub.endpoint }, root, address, options).catch(() => null);
  await described(root);
  const before = await openLoader(await storedSource(root, address));
  let batch = await before.take();
  assertEquals(batch.inputs, (await wanted.take()).inputs);
  for (let i = 0; i < 10; i++) {
    batch = await before.take();
    assertEquals(batch.inputs, (await wanted.take()).inputs);
  }
  stop.abort();
  await fetching;
  assertEquals((await findData(root, address))!.missing.length, SHARDS - 2);
  const alone = await storedSource(root, address);
  const ends = async () => {
    const loader = await openLoader(alone, batch.state);
    for (let i = 0; i < 200; i++) await loader.take();
  };
  await assertRejects(ends, Error, "which nobody downloads");
  const done = fetchInBackground({ endpoint: hub.endpoint }, root, address);
  while (!await isFetching(root, address)) await new Promise((next) => setTimeout(next, 10));
  release();
  const source = await storedSource(root, address);
  const after = await openLoader(source, batch.state);
  for (let i = 0; i < 200; i++) {
    assertEquals((await after.take()).inputs, (await wanted.take()).inputs, `batch ${i}`);
  }
  await done;
  assertEquals([source.revision, source.digest.length], [hub.commit, 16]);
});

Deno.test("a run resumes with its documents although more files have been downloaded since", async () => {
  await using hub = startHub(shards);
  const root = await Deno.makeTempDir();
  const fetch = (count?: number) => fetchData({ endpoint: hub.endpoint }, root, address, { count });
  await fetch(2);
  const source = await storedSource(root, address);
  const loader = await openLoader(source);
  const { state } = await loader.take();
  const wanted = [];
  for (let i = 0; i < 100; i++) wanted.push(await loader.take());
  await fetch();
  const more = await storedSource(root, address);
  await assertRejects(() => openLoader(more, state), Error, "corpus");
  const same = await storedSource(root, address, { count: source.count });
  assertEquals([same.count, same.digest, more.count], [3, source.digest, SHARDS]);
  const resumed = await openLoader(same, state);
  for (const { inputs } of wanted) assertEquals((await resumed.take()).inputs, inputs);
});

Deno.test("epochs shuffle the chunks of each shard differently", async () => {
  const split = await parquetFiles(await onDisk()).open("train");
  const inOrder = await Array.fromAsync(texts(split));
  const loader = await openLoader({ open: () => Promise.resolve(split) });
  const epochs: number[][] = [[], []];
  while (loader.statistics.epoch < 3) {
    const { inputs } = await loader.take();
    const text = new TextDecoder().decode(Uint8Array.from(inputs.subarray(1, 40)));
    const [, document, shard] = /^Document (\d+) of shard (\d+)\./.exec(text) ?? [];
    if (shard !== undefined) epochs[loader.statistics.epoch - 1]!.push(40 * +shard + +document!);
  }
  assertEquals(inOrder.length, 160);
  for (const order of epochs) {
    assert(order.length > 100, `${order.length} documents`);
    const shardsInOrder = order.map((place) => Math.floor(place / 40));
    // Neighbors in the buffer may change places, but shard 0 is not read after shard 2.
    const last = shardsInOrder.lastIndexOf(0);
    assert(!shardsInOrder.slice(0, last).includes(2), `${shardsInOrder}`);
    assert(order.some((place, i) => i > 0 && place < order[i - 1]!), "not shuffled");
  }
  assert(epochs[0]!.slice(0, 20).join() !== epochs[1]!.slice(0, 20).join());
});
