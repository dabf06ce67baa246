import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";
import { startHub } from "../data/testing/hub.ts";
import { openCheckpoint, readMetrics, savedSteps } from "../gpt/mod.ts";
import {
  command,
  makeCorpus,
  makeHome,
  permissions,
  runScript,
  runScriptHere,
  tinyFlags,
} from "./testing/run_script.ts";

const TOKEN = "hf_never_to_be_seen";

/** A shard of nanochat's kind, or with another column. */
function shard(name: string, column = "text"): Uint8Array<ArrayBuffer> {
  const texts = Array.from(
    { length: 60 },
    (_, i) => `Of ${name} this is document ${i}. `.repeat(4),
  );
  const columnData = [{ name: column, data: texts, type: "STRING" as const }];
  return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 20 }));
}

const shards = Object.fromEntries(
  ["0", "1", "2"].map((name) => [`shards/shard_0000${name}.parquet`, shard(name)]),
);
const address = "hf:org/set/shards/*.parquet";

/** The cache of other clients of the hub, which is empty. */
const cache = await Deno.makeTempDir();

async function withEnvironment(
  given: Readonly<Record<string, string>>,
  body: () => Promise<void>,
): Promise<void> {
  const values = { HF_HOME: cache, ...given };
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
  try {
    await body();
  } finally {
    for (const name of Object.keys(values)) Deno.env.delete(name);
  }
}

const net = { permissions: [...permissions, "--allow-net=127.0.0.1"] };

async function losses(home: string, tag: string): Promise<unknown[]> {
  const records = await readMetrics(`${home}/base_checkpoints/${tag}/metrics.jsonl`);
  return records.flatMap(({ kind, loss }) => kind === "step" ? [loss] : []);
}

/** The lines of the error output, without the note that data is being downloaded. */
function errorsOf({ stderr }: { readonly stderr: string }): string[] {
  return stderr.trim().split("\n").filter((line) => !line.startsWith("Downloading "));
}

Deno.test("rows without text are shown, and have no tokens", async () => {
  const home = await makeHome(await makeCorpus());
  await Deno.writeTextFile(`${home}/numbers.jsonl`, '{"a":1}\n{"a":2}\n');
  const { code, stdout } = await runScriptHere("data.ts", ["show", `${home}/numbers.jsonl`], home);
  assertEquals(code, 0);
  assertMatch(
    stdout,
    /\{"a":2\}\n\ntext +0 bytes a row, of the first 2\ntokens +none: there is no text\n$/,
  );
});

Deno.test("one command downloads a data set of the hub, and it trains like the same files on disk", async () => {
  await using hub = startHub({ ...shards, "README.md": new Uint8Array(10) });
  hub.token = TOKEN;
  const local = await Deno.makeTempDir();
  for (const [path, bytes] of Object.entries(shards)) {
    await Deno.mkdir(`${local}/shards`, { recursive: true });
    await Deno.writeFile(`${local}/${path}`, bytes);
  }
  const home = await makeHome(local);
  const train = (data: string, tag: string) =>
    runScript("base_train.ts", [...tinyFlags, "--data", data, "--model-tag", tag], home);
  await withEnvironment({ HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN }, async () => {
    const early = await train(address, "early");
    assertEquals([early.code, early.stderr], [
      1,
      `Cannot read ${address}: wanted its files on this machine, got none. Get them: ` +
      `deno task data get '${address}'\n`,
    ]);
    hub.faults.cuts.push(500);
    const got = await runScript("data.ts", ["get", address], home, net);
    assertEquals(got.code, 0, got.stderr);
    assertMatch(got.stderr, /^Waiting for 2 s: Cannot download [^\n]*\n$/);
    assertStringIncludes(got.stdout, "3 of 3 files");
    const listed = await runScript("data.ts", ["list"], home, net);
    assertStringIncludes(listed.stdout, `${address}  3 of 3`);
    const shown = await runScript("data.ts", ["show", address], home, net);
    assertEquals([shown.code, shown.stderr], [0, ""]);
    assertStringIncludes(shown.stdout, `revision  ${hub.commit}\nfiles     3, `);
    assertStringIncludes(shown.stdout, "columns   text\nrows      180\n\nOf 0 this is document 0.");
    assertMatch(
      shown.stdout,
      /documents {2}\d+ bytes each, of the first 120\ntokens {5}about .* in all, \d\.\d\d bytes each with yours of 300: \d\.\d\d bits a byte before training/,
    );
    assertStringIncludes(listed.stdout, "climbmix       about 609.4 GiB, CC-BY-NC-4.0, not here: ");
    assertEquals(new Set(hub.seen.map(({ server }) => server)).size, 2);
    for (const { server, authorization } of hub.seen) {
      assertEquals(authorization, server === "hub" ? `Bearer ${TOKEN}` : null);
    }
    // Files that are here are not requested again.
    hub.seen.length = 0;
    assertEquals((await runScript("data.ts", ["get", address], home, net)).code, 0);
    assertEquals(hub.seen, []);
  });
  for (const [data, tag] of [[address, "hub"], [local, "disk"]] as const) {
    const { code, stderr } = await train(data, tag);
    assertEquals(code, 0, stderr);
  }
  const [ofHub, ofDisk] = [await losses(home, "hub"), await losses(home, "disk")];
  assertEquals(ofHub.length, 20);
  assertEquals(ofHub, ofDisk);
  assertEquals(await filesWith(TOKEN, home), []);
  const removed = await runScript("data.ts", ["remove", address], home, net);
  assertEquals([removed.code, removed.stdout], [0, `Removed ${address}\n`]);
});

/** The files below a folder that contain a text. */
async function filesWith(text: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await filesWith(text, path));
    else if (new TextDecoder("latin1").decode(await Deno.readFile(path)).includes(text)) {
      found.push(path);
    }
  }
  return found;
}

Deno.test("a damaged data set is listed as such beside the others, and can be removed", async () => {
  const home = await Deno.makeTempDir();
  const folder = `${home}/data/${encodeURIComponent(address)}`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/.source.json`, "");
  const listed = await runScriptHere("data.ts", ["list"], home);
  assertEquals([listed.code, listed.stderr], [0, ""]);
  assertMatch(
    listed.stdout,
    /^hf:org\/set\/shards\/\*\.parquet +damaged +remove it to get it again$/m,
  );
  const removed = await runScriptHere("data.ts", ["remove", address], home);
  assertEquals([removed.code, removed.stdout, removed.stderr], [0, `Removed ${address}\n`, ""]);
  const again = await runScriptHere("data.ts", ["remove", address], home);
  assertEquals(again.code, 1);
  assertStringIncludes(again.stderr, "there are no files of it here");
});

Deno.test("the first shards are downloaded, and the last one for validation, all of one commit", async () => {
  await using hub = startHub(shards);
  const home = await Deno.makeTempDir();
  await withEnvironment({ HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN }, async () => {
    const get = (...args: string[]) => runScript("data.ts", ["get", ...args], home, net);
    const first = await get("-n", "1", address, "-w", "2");
    assertEquals([first.code, first.stderr], [0, ""]);
    const folder = `${home}/data/${encodeURIComponent(address)}/shards`;
    const names = async () =>
      (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
    assertEquals(await names(), ["shard_00000.parquet", "shard_00002.parquet"]);
    const all = await get(address);
    assertEquals([all.code, all.stderr], [0, ""]);
    assertEquals((await names()).length, 3);

    const local = await Deno.makeTempFile({ suffix: ".txt" });
    const cases: [args: string[], code: number, message: string][] = [
      [["hf:org"], 1, "wanted hf:ORG/NAME[:SUBSET[:SPLIT]]"],
      [["hf:org/other/*.parquet"], 1, "the hub has no such data set"],
      [
        ["hf:org/set/*.csv"],
        1,
        "wanted files that match *.csv, got none; it has shards/shard_00000",
      ],
      [["climbmicks"], 2, "wanted climbmix, tinystories"],
      [[local], 2, `it is on this machine already: deno task train --data '${local}'`],
      [["tinystoris"], 2, "https://…; did you mean tinystories?"],
      [["core"], 2, "wanted deno task core_bundle --from nanochat"],
      [[], 2, "wanted one name or address, got none"],
      [["climbmix", "extra"], 2, "wanted one name or address, got climbmix, extra"],
    ];
    for (const [args, code, message] of cases) {
      const refused = await get(...args);
      assertEquals(refused.code, code, refused.stderr);
      assertStringIncludes(refused.stderr, message);
      assertEquals(refused.stderr.trim().split("\n").length, 1, refused.stderr);
      assert(!refused.stderr.includes(TOKEN));
    }
    // A malformed token would be shown by `fetch` itself, and an address is checked first.
    Deno.env.set("HF_TOKEN", `${TOKEN}\n${TOKEN}`);
    const malformed = await get("hf:org/set/*.md");
    assertEquals(malformed.stderr.includes(TOKEN), false);
    assertStringIncludes(malformed.stderr, "wanted HF_TOKEN as letters and digits in one line");
    Deno.env.set("HF_TOKEN", `${TOKEN}\n`);
    const once = await runScript("base_train.ts", [...tinyFlags, "--data", "hf:org"], home, net);
    assertEquals(errorsOf(once).length, 1, once.stderr);
    const trained = await runScript(
      "base_train.ts",
      [...tinyFlags, "--data", "hf:org/set/*.csv"],
      home,
      net,
    );
    assertEquals(errorsOf(trained).length, 1, trained.stderr);
    Deno.env.set("HF_HUB_OFFLINE", "1");
    const offline = await get("hf:org/set/*.md");
    Deno.env.delete("HF_HUB_OFFLINE");
    assertEquals([offline.code, offline.stderr], [
      1,
      `Cannot get org/set: HF_HUB_OFFLINE says not to, and ${cache}/hub/datasets--org--set does not ` +
      "have it\n",
    ]);
  });
});

Deno.test("a run downloads its data itself if allowed, and continues after a kill during the download", async () => {
  await using hub = startHub(shards);
  hub.token = TOKEN;
  const local = await Deno.makeTempDir();
  for (const [path, bytes] of Object.entries(shards)) {
    await Deno.mkdir(`${local}/shards`, { recursive: true });
    await Deno.writeFile(`${local}/${path}`, bytes);
  }
  const home = await makeHome(local);
  const args = (data: string, tag: string) => [...tinyFlags, "--data", data, "--model-tag", tag];
  const outputs: string[] = [];
  await withEnvironment({ HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN }, async () => {
    // A run on local files makes no request, even where it may.
    const disk = await runScript("base_train.ts", args(local, "disk"), home, {
      permissions: [...permissions, "--allow-net"],
    });
    assertEquals([disk.code, hub.seen], [0, []], disk.stderr);
    // The first attempt is killed when it has asked for a file, the second one ends.
    const isKilled = Promise.withResolvers<void>();
    hub.hold = () => isKilled.promise;
    const killed = command("base_train.ts", args(address, "hub"), home, net).spawn();
    while (hub.seen.filter(({ server }) => server === "storage").length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    killed.kill("SIGKILL");
    await killed.output();
    isKilled.resolve();
    const whole = await runScript("base_train.ts", args(address, "hub"), home, net);
    assertEquals(whole.code, 0, whole.stderr);
    outputs.push(whole.stdout, whole.stderr);
    assertStringIncludes(whole.stderr, `Downloading ${address}`);
  });
  assertEquals(await losses(home, "hub"), await losses(home, "disk"));
  const { meta } = await openCheckpoint(`${home}/base_checkpoints/hub`);
  assertEquals(meta.settings.data, address);
  assertEquals(meta.settings.dataRevision, hub.commit);
  assertEquals([`${meta.settings.dataDigest}`.length, meta.settings.dataFiles], [16, 3]);
  // The token is in no file, no output, and in no request to another host.
  assertEquals(await filesWith(TOKEN, home), []);
  assert(!outputs.join("").includes(TOKEN));
  for (const { server, authorization } of hub.seen) {
    assertEquals(authorization, server === "hub" ? `Bearer ${TOKEN}` : null);
  }
  assertEquals(await Array.fromAsync(Deno.readDir(`${home}/data/.locks`)), []);
});

Deno.test("a run that is killed in the middle of a download resumes in it, with equal losses", async () => {
  // More documents than a loader buffers, in files that are too large to be read as a whole first
  // (another column makes them so): training begins before the second shard is here.
  const noise = crypto.getRandomValues(new Uint8Array(2 ** 16));
  const many = (name: string) => {
    const data = Array.from({ length: 1500 }, (_, i) => `Of ${name} this is ${i}.`);
    const columnData = [
      { name: "text", data, type: "STRING" as const },
      {
        name: "noise",
        data: data.map((_, i) => noise.subarray(i, i + 9500)),
        type: "BYTE_ARRAY" as const,
      },
    ];
    return new Uint8Array(
      parquetWriteBuffer({ columnData, rowGroupSize: 50, codec: "UNCOMPRESSED" }),
    );
  };
  const files = Object.fromEntries(
    ["0", "1", "2"].map((name) => [`shards/shard_0000${name}.parquet`, many(name)]),
  );
  await using hub = startHub(files);
  const local = await Deno.makeTempDir();
  await Deno.mkdir(`${local}/shards`);
  for (const [path, bytes] of Object.entries(files)) {
    await Deno.writeFile(`${local}/${path}`, bytes);
  }
  const home = await makeHome(local);
  const sizes = "--device-batch-size 8 --total-batch-size 512 --num-iterations 50 --save-every 2";
  const args = (
    data: string,
    tag: string,
  ) => [...tinyFlags, "--data", data, "--model-tag", tag, "--overwrite", ...sizes.split(" ")];
  const isReleased = Promise.withResolvers<void>();
  hub.hold = (path) => path.includes("00001") ? isReleased.promise : Promise.resolve();
  await withEnvironment({ HF_ENDPOINT: hub.endpoint }, async () => {
    const killed = command("base_train.ts", args(address, "hub"), home, net).spawn();
    const lines = new Response(killed.stdout).text();
    let output = "";
    for await (const text of killed.stderr.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (/^Waiting for shards\/shard_00001/m.test(output)) break;
    }
    killed.kill("SIGKILL");
    await killed.status;
    isReleased.resolve();
    assertMatch(output, /^Waiting for /m, await lines);
    const steps = await savedSteps(`${home}/base_checkpoints/hub`);
    assert(steps.length > 0, "training began with the first shard");
    // The rest comes slowly, while the run goes on.
    hub.delay = 1;
    const resume = ["--resume", "--model-tag", "hub"];
    const resumed = await runScript("base_train.ts", resume, home, net);
    assertEquals(resumed.code, 0, resumed.stderr);
    assertMatch(resumed.stdout, /^Resuming after step \d+\.$/m);
    assertStringIncludes(resumed.stderr, `Downloading ${address}`);
  });
  const disk = await runScript("base_train.ts", args(local, "disk"), home);
  assertEquals(disk.code, 0, disk.stderr);
  const [ofHub, ofDisk] = [await losses(home, "hub"), await losses(home, "disk")];
  assertEquals(ofHub.length, 50);
  assertEquals(ofHub, ofDisk);
});

Deno.test("text may be in a column of another name, which a run keeps", async () => {
  const home = await Deno.makeTempDir();
  const tables = `${home}/tables`;
  await Deno.mkdir(tables);
  for (const name of ["0", "1"]) {
    await Deno.writeFile(`${tables}/${name}.parquet`, shard(name, "story"));
  }
  const column = ["--data", tables, "--text-column", "story"];
  const bare = await runScript("tok_train.ts", ["--data", tables], home);
  assertEquals([bare.code, bare.stderr], [
    1,
    `Cannot read "${tables}/0.parquet": wanted a column "text", got "story". The column of the text ` +
    "is chosen with --text-column\n",
  ]);
  const trained = await runScript("base_train.ts", [...tinyFlags, ...column], home);
  assertEquals(trained.code, 0, trained.stderr);
  const resumed = await runScript("base_train.ts", ["--resume", "--num-iterations", "22"], home);
  assertEquals(resumed.code, 0, resumed.stderr);
  const { meta } = await openCheckpoint(`${home}/base_checkpoints/d2`);
  assertEquals([meta.state.step, meta.settings.textColumn], [22, "story"]);
  const lines = `${home}/rows.jsonl`;
  await Deno.writeTextFile(lines, '{"story":"One day."}\n{"story":"The next day."}\n');
  const args = ["--data", lines, "--text-column", "story", "--against", "none"];
  const measured = await runScript("tok_eval.ts", args, home);
  assertEquals(measured.code, 0, measured.stderr);
});
