import { assert, assertEquals } from "@std/assert";
import { addressesOf, catalog } from "../data/mod.ts";
import { dataHosts } from "./connection.ts";
import { command, makeCorpus, runScript, tinyFlags } from "./testing/run_script.ts";

const read = (path: string) => Deno.readTextFile(new URL(path, import.meta.url));

/** The least permissions of each script, as the README's table has them. */
const [, table = ""] = (await read("../README.md")).split("| Scripts | Permissions |\n|---|---|\n");
const least = new Map(
  table.split("\n\n")[0]!.split("\n").flatMap((row) => {
    const [, scripts = "", permissions = ""] = row.split("|");
    const allowed = permissions.match(/--[^\s`]+/g) ?? [];
    return (scripts.match(/\w+/g) ?? []).map((script) => [script, allowed] as const);
  }),
);

const corpus = await makeCorpus();
const home = await Deno.makeTempDir();
const onCpu = ["--device", "cpu", "--threads", "1"];
const conversations = `${home}/mine.jsonl`;
const turn = (i: number) => [
  { role: "user", content: `${i}?` },
  { role: "assistant", content: `It is ${i}.` },
];
await Deno.writeTextFile(
  conversations,
  Array.from({ length: 12 }, (_, i) => JSON.stringify(turn(i))).join("\n"),
);
// A BLAS is looked for: without its permission there is none.
const tiny = tinyFlags.filter((flag) => flag !== "--no-blas");

const study = `${home}/study.json`;
const fixed = { data: corpus, "aspect-ratio": 16, "head-dim": 16, "max-seq-len": 16 };
await Deno.writeTextFile(
  study,
  JSON.stringify({
    fixed: { ...fixed, "device-batch-size": 2, "total-batch-size": 32, "num-iterations": 2 },
    vary: { depth: [2] },
  }),
);

/** A command for each script, in an order in which each finds what it needs. */
const runs: readonly (readonly [script: string, args: readonly string[]])[] = [
  ["tour", []],
  ["explain", ["--code", "x.matmul(x)", "--shapes", "x=8x8", ...onCpu]],
  ["tok_train", ["--data", corpus, "--vocab-size", "300"]],
  ["tok_eval", ["--data", corpus, "--against", "none"]],
  ["base_train", [...tiny, "--data", corpus]],
  ["study", [study]],
  ["speedrun", [...tiny, "--data", corpus, "--vocab-size", "300"]],
  ["sample", ["--prompt", "We", "--max-tokens", "2", ...onCpu]],
  ["base_eval", [
    ...["--eval", "bpb", "--data", corpus, "--split-tokens", "100", "--device-batch-size", "2"],
    ...onCpu,
  ]],
  ["infer_bench", ["--decode-tokens", "2", "--batch-sizes", "1", ...onCpu]],
  ["export", ["--to", "nanochat", "--out", `${home}/export`]],
  ["core_bundle", []],
  ["npm", ["--output", `${home}/npm`]],
  ["chat_sft", [
    ...["--conversations", conversations, "--max-seq-len", "64", "--num-iterations", "2"],
    ...["--eval-every", "-1", ...onCpu],
  ]],
  ["chat", ["--prompt", "1?", "--max-tokens", "2", ...onCpu]],
  ["chat_eval", ["--task", "rules", "--num-examples", "1", "--max-new-tokens", "2", ...onCpu]],
  ["chat_rl", [
    ...["--num-iterations", "1", "--examples-per-step", "1", "--num-samples", "2"],
    ...["--device-batch-size", "2", "--max-new-tokens", "2", "--eval-examples", "1", ...onCpu],
  ]],
  ["report", []],
  ["runs", []],
  ["data", ["list"]],
  ["site", ["--output", `${home}/site`, "--no-model"]],
  ["ranks", ["--n", "1", "--", "eval", "console.log(1)"]],
];

const servers: readonly (readonly [script: string, args: readonly string[]])[] = [
  ["serve", ["--port", "0", ...onCpu]],
  ["learn", []],
  ["dashboard", []],
];

Deno.test("the README's table of permissions has each script that tasks run", async () => {
  const { tasks } = JSON.parse(await read("../deno.json"));
  const scripts = Object.values<{ command: string }>(tasks).flatMap(({ command }) =>
    command.match(/(?<=scripts\/)\w+(?=\.ts)/g) ?? []
  );
  assertEquals([...least.keys()].sort(), [...new Set(scripts)].sort());
  const tried = [...runs, ...servers].map(([script]) => script);
  assertEquals([...tried, "sense"].sort(), [...least.keys()].sort());
});

Deno.test("tasks that read data reach the hosts of the data sets with names, and no others", async () => {
  const { tasks } = JSON.parse(await read("../deno.json"));
  const readers = [
    ...["train", "study", "speedrun", "tok_train", "tok_eval", "base_eval"],
    ...["chat_sft", "chat_eval", "chat_eval:python", "chat_rl"],
  ];
  for (const task of readers) {
    const [, hosts = ""] = /--allow-net=(\S+)/.exec(tasks[task].command) ?? [];
    const others = hosts.split(",").filter((host) => host !== "127.0.0.1");
    // The evaluation that needs CORE's tasks gets them.
    const core = task === "base_eval" ? addressesOf("core").map((url) => new URL(url).host) : [];
    assertEquals(others.sort(), [...dataHosts, ...core].sort(), task);
  }
  const addresses = Object.keys(catalog).flatMap((name) => addressesOf(name));
  const web = addresses.filter((address) => !/^(hf|npm):/.test(address));
  assertEquals(web, addressesOf("core"), "base_eval and core_bundle get this one");
});

for (const [script, args] of runs) {
  Deno.test(`${script} runs with exactly the permissions of its row`, async () => {
    const permissions = least.get(script) ?? [];
    const { code, stderr } = await runScript(`${script}.ts`, args, home, { permissions });
    assertEquals(code, 0, stderr);
    assert(!/NotCapable|Requires|allow-/.test(stderr), stderr);
  });
}

// A model of stories takes minutes to make: it gets as far as to see that this is none.
Deno.test("sense asks for no more than the permissions of its row", async () => {
  const permissions = least.get("sense") ?? [];
  const { code, stderr } = await runScript("sense.ts", onCpu, home, { permissions });
  assertEquals(code, 1);
  assert(stderr.includes("stories") && !/NotCapable|Requires/.test(stderr), stderr);
});

for (const [script, args] of servers) {
  Deno.test(`${script} serves with exactly the permissions of its row`, async () => {
    const permissions = least.get(script) ?? [];
    const child = command(`${script}.ts`, args, home, { permissions }).spawn();
    const errors = new Response(child.stderr).text();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let output = "";
    for (let isEnd = false; !isEnd && !/127\.0\.0\.1:\d+/.test(output);) {
      const { value = "", done } = await reader.read();
      output += value;
      isEnd = done;
    }
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
    if (url !== undefined) {
      const response = await fetch(`${url}/`);
      assertEquals(response.status, 200);
      await response.body?.cancel();
      child.kill("SIGINT");
    }
    const [stderr, { code }] = await Promise.all([errors, child.status, reader.cancel()]);
    assertEquals([code, url !== undefined], [0, true], stderr);
  });
}
