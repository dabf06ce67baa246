/** `--from hf:ORG/NAME`, with a hub that has the golden folders. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { startHub } from "../data/testing/hub.ts";
import { goldenTest } from "../testing/golden.ts";
import { hubModel } from "./hub_model.ts";
import { permissions, runScript } from "./testing/run_script.ts";

const golden = new URL("../../shared/golden/interchange/", import.meta.url).pathname;
const net = { permissions: [...permissions, "--allow-net=127.0.0.1"] };
const onCpu = ["--device", "cpu", "--threads", "1", "--no-blas"];

async function filesOf(name: string): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  for await (const { name: file } of Deno.readDir(golden + name)) {
    files[file] = await Deno.readFile(`${golden}${name}/${file}`);
  }
  return files;
}

goldenTest(
  "a model of the hub is fetched once, without what is not read, and samples",
  async () => {
    await using hub = startHub({
      ...await filesOf("hf-qwen3"),
      "onnx/model.onnx": new Uint8Array(9),
    });
    hub.token = "hf_secret";
    const home = await Deno.makeTempDir();
    const sample = (from: string) =>
      runScript(
        "sample.ts",
        [
          ...["--from", from, "--prompt", "Call me", "--max-tokens", "4", ...onCpu],
        ],
        home,
        net,
      );
    Deno.env.set("HF_ENDPOINT", hub.endpoint);
    Deno.env.set("HF_TOKEN", "hf_secret");
    try {
      // A file that is cut goes on where it stopped.
      hub.faults.cuts.push(100);
      const first = await sample("hf:org/set");
      assertEquals(first.code, 0, first.stderr);
      assert(first.stdout.startsWith("Call me"), first.stdout);
      const told = /^Getting hf:org\/set: 6 files, [^\n]*\nWaiting for 2 s: [^\n]*\n$/;
      assert(told.test(first.stderr), first.stderr);
      const folder = `${home}/models/${encodeURIComponent("hf:org/set")}`;
      const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
      assertEquals(names.sort(), [
        ...[".source.json", "config.json", "model-00001-of-00002.safetensors"],
        ...["model-00002-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.json"],
        "tokenizer_config.json",
      ]);
      hub.seen.length = 0;
      const again = await sample("hf:org/set");
      assertEquals([again.code, again.stderr, again.stdout], [0, "", first.stdout]);
      assertEquals(hub.seen, []);

      for (
        const [from, code, wanted] of [
          ["hf:org/other", 1, "the hub has no such model"],
          ["hf:org", 2, "wanted hf:ORG/NAME"],
          ["hf:org/set@../..", 1, "Cannot "],
        ] as const
      ) {
        const refused = await sample(from);
        assertEquals([refused.code, refused.stdout], [code, ""], refused.stderr);
        assert(
          /^[^\n]*\n$/.test(refused.stderr) && refused.stderr.includes(wanted),
          refused.stderr,
        );
      }
    } finally {
      Deno.env.delete("HF_ENDPOINT");
      Deno.env.delete("HF_TOKEN");
    }
  },
);

Deno.test("a model without weights in safetensors is refused, again and again", async () => {
  for (
    const [names, got] of [
      [["config.json", "pytorch_model.bin"], "neither model.safetensors nor shards of it"],
      [["config.json", "adapter_model.safetensors"], "neither model.safetensors nor shards of it"],
      [["model.safetensors"], "no config.json"],
    ] as const
  ) {
    await using hub = startHub(
      Object.fromEntries(names.map((name) => [name, new Uint8Array(9)])),
    );
    const former = Deno.env.get("NANODINO_HOME");
    const home = await Deno.makeTempDir();
    Deno.env.set("NANODINO_HOME", home);
    Deno.env.set("HF_ENDPOINT", hub.endpoint);
    try {
      for (let time = 0; time < 2; time++) {
        const { message } = await assertRejects(() => hubModel("hf:org/set"), Error);
        const wanted = "wanted config.json and safetensors files";
        assertEquals(message, `Cannot read hf:org/set: ${wanted}, got ${got}`);
      }
      assertEquals(hub.seen.filter(({ server }) => server === "storage"), []);
      assertEquals(await Array.fromAsync(Deno.readDir(home)), []);
    } finally {
      Deno.env.delete("HF_ENDPOINT");
      if (former === undefined) Deno.env.delete("NANODINO_HOME");
      else Deno.env.set("NANODINO_HOME", former);
    }
  }
});

Deno.test("a download of a model that was interrupted goes on with its commit", async () => {
  const shards = [1, 2].map((i) => `model-0000${i}-of-00002.safetensors`);
  const names = ["config.json", ...shards];
  await using hub = startHub(Object.fromEntries(names.map((name) => [name, new Uint8Array(9)])));
  hub.hold = (path) => {
    const missing = () => new Response(null, { status: 404 });
    if (path === shards[0]) hub.faults.storage.push(missing);
    return Promise.resolve();
  };
  const former = Deno.env.get("NANODINO_HOME");
  Deno.env.set("NANODINO_HOME", await Deno.makeTempDir());
  Deno.env.set("HF_ENDPOINT", hub.endpoint);
  try {
    await assertRejects(() => hubModel("hf:org/set"), Error, "no such model, file or revision");
    const begun = hub.commit;
    hub.commit = "d".repeat(40);
    hub.commits.add(hub.commit);
    hub.seen.length = 0;
    const folder = await hubModel("hf:org/set");
    const { commit } = JSON.parse(await Deno.readTextFile(`${folder}/.source.json`));
    assertEquals(commit, begun);
    const asked = hub.seen.filter(({ server }) => server === "hub").map(({ path }) => path);
    assertEquals(asked, [
      `/api/models/org/set/tree/${begun}`,
      `/org/set/resolve/${begun}/${shards[1]}`,
    ]);
    const found = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    assertEquals(found.sort(), [".source.json", ...names]);
  } finally {
    Deno.env.delete("HF_ENDPOINT");
    if (former === undefined) Deno.env.delete("NANODINO_HOME");
    else Deno.env.set("NANODINO_HOME", former);
  }
});
