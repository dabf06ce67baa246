import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { lockRun } from "../gpt/internals.ts";
import { sourceCommit } from "./commit.ts";
import {
  command,
  makeCorpus,
  makeHome,
  runScript,
  runScriptHere,
  tinyFlags,
} from "./testing/run_script.ts";

const corpus = await makeCorpus();
const home = await makeHome(corpus);
for (const [tag, rate] of [["one", "0.02"], ["two", "0.03"]] as const) {
  const args = [...tinyFlags, "--data", corpus, "--model-tag", tag, "--matrix-lr", rate];
  const { code, stderr } = await runScript("base_train.ts", args, home);
  if (code !== 0) throw new Error(stderr);
}
const conversations = `${home}/mine.jsonl`;
const turns = (i: number) => [
  { role: "user", content: `${i}?` },
  { role: "assistant", content: `It is ${i}.` },
];
const lines = Array.from({ length: 12 }, (_, i) => JSON.stringify(turns(i)));
await Deno.writeTextFile(conversations, lines.join("\n"));
const runs = (...args: string[]) => runScriptHere("runs.ts", args, home);

const onCpu = ["--device", "cpu", "--threads", "1", "--no-blas"];
const sft = await runScript("chat_sft.ts", [
  "--conversations",
  conversations,
  ..."--max-seq-len 64 --num-iterations 3 --base-tag one --model-tag one".split(" "),
  "--eval-every",
  "-1",
  ...onCpu,
], home);
assertEquals([sft.code, sft.stderr], [0, ""]);

/** Starts a server, and returns its first line. */
async function startServer(args: readonly string[], home: string) {
  const permissions = [
    ...["--allow-read", "--allow-write", "--allow-env", "--allow-ffi", "--allow-net=127.0.0.1"],
  ];
  const all = ["--port", "0", "--no-page", ...onCpu, ...args];
  const server = command("serve.ts", all, home, { permissions }).spawn();
  const reader = server.stdout.getReader();
  const line = new TextDecoder().decode((await reader.read()).value);
  const stop = async () => {
    server.kill("SIGINT");
    const { code } = await server.status;
    await reader.cancel();
    await server.stderr.cancel();
    return code;
  };
  return { line, stop };
}

Deno.test("a run that has saved nothing yet is listed as such", async () => {
  const place = await Deno.makeTempDir();
  const folders = ["begun", "left"].map((tag) => `${place}/base_checkpoints/${tag}`);
  for (const folder of folders) await Deno.mkdir(folder, { recursive: true });
  await using _lock = await lockRun(folders[0]!);
  const { code, stdout, stderr } = await runScriptHere("runs.ts", [], place);
  assertEquals([code, stdout], [0, ""]);
  assertEquals(
    stderr,
    "base/begun is training now, and has saved nothing\n" +
      "base/left was stopped, and has saved nothing\n",
  );
  const removed = await runScriptHere("runs.ts", ["--remove", "left", "--yes"], place);
  assertEquals([removed.code, removed.stdout], [0, `Removed ${folders[1]}\n`]);
  assertEquals(await Array.fromAsync(Deno.readDir(folders[1]!)).catch(() => null), null);
});

Deno.test("a run whose folder is a link is listed", async () => {
  const link = `${home}/base_checkpoints/linked`;
  await Deno.symlink(`${home}/base_checkpoints/one`, link);
  const { code, stdout } = await runs();
  await Deno.remove(link);
  assertEquals(code, 0);
  assertMatch(stdout, /^base\/linked /m);
});

Deno.test("a run with a damaged line in its metrics is listed, compared and named", async () => {
  const path = `${home}/base_checkpoints/two/metrics.jsonl`;
  const before = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, `${before}nonsense\n`);
  for (const args of [[], ["--compare", "base/one", "--compare", "two"]]) {
    const { code, stdout, stderr } = await runs(...args);
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /\btwo\b/);
    assertMatch(stderr, /^[^\n]*two\/metrics\.jsonl[^\n]*\n$/);
  }
  await Deno.writeTextFile(path, before);
  const both = await runs("--compare", "one", "--compare", "two", "--remove", "two");
  assertEquals(both.code, 2);
  assertStringIncludes(both.stderr, "Cannot use --compare with --remove: wanted one of the two");
});

Deno.test("serve answers by the base model's name until it is asked to stop", async () => {
  const { line, stop } = await startServer(["--model-tag", "two"], home);
  assertMatch(line, /^Serving two \(base\) on http:\/\/127\.0\.0\.1:\d+\/v1\. Ctrl-C stops\.\n$/);
  const url = /http\S+\/v1/.exec(line)![0];
  const response = await fetch(`${url}/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "two", prompt: "My", max_tokens: 3, temperature: 0 }),
  });
  const { usage } = await response.json();
  assertEquals([response.status, usage.completion_tokens], [200, 3]);
  assertEquals(await stop(), 0);
});

Deno.test("serve reports a missing or half-written model on one line", async () => {
  const folder = `${home}/base_checkpoints/broken`;
  await Deno.mkdir(folder, { recursive: true });
  const from = `${home}/base_checkpoints/one`;
  for await (const { name } of Deno.readDir(from)) {
    if (!/^(meta|model|tokenizer)_/.test(name)) continue;
    const bytes = await Deno.readFile(`${from}/${name}`);
    const cut = name.startsWith("model") ? bytes.subarray(0, bytes.length / 2) : bytes;
    await Deno.writeFile(`${folder}/${name}`, cut);
  }
  for (
    const [tag, wantedCode, wanted] of [
      ["broken", 1, "model_000020.safetensors"],
      ["nowhere", 2, 'wanted one of broken, one, two, got "nowhere"'],
    ] as const
  ) {
    const args = ["--device", "cpu", "--threads", "1", "--no-page", "--model-tag", tag];
    const { code, stderr } = await runScript("serve.ts", args, home);
    assertEquals(code, wantedCode);
    assertStringIncludes(stderr, wanted);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the report has a section, a curve and texts of each stage, and a page", async () => {
  await Deno.writeTextFile(
    `${home}/chatsft_checkpoints/one/chat_eval.json`,
    '{"step":3,"accuracies":{"MMLU":0.31},"chatCore":0.08}\n',
  );
  await Deno.writeTextFile(
    `${home}/base_checkpoints/one/base_eval.json`,
    '{"step":20,"figures":{"CORE":0.0123}}\n',
  );
  // The figures of an earlier evaluation of the same step stay.
  const evaluation = ["--model-tag", "one", "--eval", "bpb", "--split-tokens", "200", ...onCpu];
  for (
    const [script, args] of [
      ["base_eval.ts", ["--data", corpus, ...evaluation]],
      ["tok_eval.ts", ["--data", corpus, "--against", "none"]],
    ] as const
  ) {
    const { code, stderr } = await runScript(script, args, home);
    assertEquals([code, stderr], [0, ""]);
  }
  const args = ["--model-tag", "one", "--price-per-hour", "24", ...onCpu];
  const { code, stdout, stderr } = await runScript("report.ts", args, home);
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `${home}/report/report.md`);
  const report = await Deno.readTextFile(`${home}/report/report.md`);
  for (
    const part of [
      ...["# Report of one", "## Tokenizer", "| english | ", " bytes per token |"],
      ...[
        "|  | base | sft |\n| --- | --- | --- |\n| CORE | 0.0123 |  |\n",
        "## Base model",
        "## Fine-tuning",
        "![Base model: curves](base.svg)",
      ],
      ...["| MMLU |  | 0.3100 |", ", costs 0.0", "| progress | step 20 of 20 |"],
      ...["--matrix-lr 0.02", "> User: Who are you?", "> The budget that I"],
    ]
  ) assertStringIncludes(report, part);
  assertMatch(report, /\| loss \| \d\.\d{4} \| \d\.\d{4} \|/);
  assertMatch(report, /\| validation bits per byte \| \d\.\d{4} \| {2}\|/);
  const commit = await sourceCommit();
  if (commit !== null) assertStringIncludes(report, `| commit | ${commit} |`);
  // ChatCORE comes last.
  assertStringIncludes(report, "| ChatCORE |  | 0.0800 |\n\n");
  const page = await Deno.readTextFile(`${home}/report/report.html`);
  assertStringIncludes(page, '<img src="sft.svg" alt="Fine-tuning: curves">');
  assertStringIncludes(await Deno.readTextFile(`${home}/report/sft.svg`), "<polyline");
  const none = await runScriptHere("report.ts", ["--no-samples", "--model-tag", "none"], home);
  assertEquals(none.code, 2);
  assertStringIncludes(none.stderr, 'wanted one of one, two, got "none"');
});

Deno.test("chat and serve use the latest run of the latest stage, or the chosen one", async () => {
  const place = await Deno.makeTempDir();
  const copyRun = async (to: string) => {
    await Deno.mkdir(`${place}/${to}`, { recursive: true });
    const from = `${home}/chatsft_checkpoints/one`;
    for await (const { name } of Deno.readDir(from)) {
      if (/^(meta|model|tokenizer)_/.test(name)) {
        await Deno.copyFile(`${from}/${name}`, `${place}/${to}/${name}`);
      }
    }
  };
  await copyRun("chatsft_checkpoints/one");
  // It would fail if it looked for a base model.
  const args = ["--prompt", "My", "--max-tokens", "2", ...onCpu];
  const { code, stderr } = await runScript("chat.ts", args, place);
  assertEquals([code, stderr], [0, ""]);
  await copyRun("chatrl_checkpoints/two");
  for (
    const [args, wanted] of [
      [[], "two (rl)"],
      [["--source", "sft"], "one (sft)"],
      [["--model-tag", "one"], "one (sft)"],
    ] as const
  ) {
    const { line, stop } = await startServer(args, place);
    assertStringIncludes(line, `Serving ${wanted} `);
    assertEquals(await stop(), 0);
  }
  // Of the same place with base models, too, the text is continued by one of them.
  const sampled = await runScript("sample.ts", args, home);
  assertEquals([sampled.code, sampled.stderr], [0, ""]);
  assertMatch(sampled.models, /^Model: base\/(one|two), step 20 of 20, [\d.]+ \w+ in f32\n$/);
  const none = await runScriptHere("sample.ts", onCpu, place);
  assertEquals(none.code, 1);
  assertStringIncludes(none.stderr, `wanted a run of base below ${place}, got none`);
});

Deno.test("runs are listed, compared and removed", async () => {
  const listed = await runs();
  assertEquals([listed.code, listed.stderr], [0, ""]);
  assertMatch(listed.stdout, /^base\/one +\d{4}-\d\d-\d\d \d\d:\d\d +[\d,]+ +step 20 of 20 /m);
  assertMatch(listed.stdout, /^base\/two /m);

  const compared = await runs("--compare", "base/one", "--compare", "two");
  assertEquals([compared.code, compared.stderr], [0, ""]);
  assertMatch(compared.stdout, /^ +base\/one +base\/two$/m);
  assertMatch(compared.stdout, /^--matrix-lr +0\.02\d* +0\.03\d*$/m);
  assertMatch(compared.stdout, /^steps +20 +20$/m);
  assertMatch(compared.stdout, /^loss +\d/m);
  assertEquals(/^depth/m.test(compared.stdout), false, "they do not differ in it");

  for (
    const [args, wanted] of [
      [["--compare", "one"], "wanted it twice"],
      [["--compare", "base/one", "--compare", "three"], "Cannot find the run three"],
      [["--remove", "base/one"], "wanted --yes"],
    ] as const
  ) {
    const { code, stderr } = await runs(...args);
    assertEquals(code, 2);
    assertStringIncludes(stderr, wanted);
  }
  const removed = await runs("--remove", "base/one", "--yes");
  assertEquals([removed.code, removed.stderr], [0, ""]);
  assertEquals(/base\/one/.test((await runs()).stdout), false);
});

Deno.test("an unfinished model is named as such, and not chosen while a finished one is there", async () => {
  const place = await Deno.makeTempDir();
  const from = `${home}/chatsft_checkpoints/one`;
  /** Copies the run of three steps, as one of more steps that was stopped or still trains. */
  const copyAs = async (tag: string, steps: number) => {
    const to = `${place}/chatsft_checkpoints/${tag}`;
    await Deno.mkdir(to, { recursive: true });
    for await (const { name } of Deno.readDir(from)) {
      if (/^(model|tokenizer)_/.test(name)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
    }
    const { sha256: _, ...meta } = JSON.parse(await Deno.readTextFile(`${from}/meta_000003.json`));
    const { optim: __, ...files } = meta.files;
    const savedAt = new Date().toISOString();
    const text = JSON.stringify({ ...meta, files, savedAt, steps });
    await Deno.writeTextFile(`${to}/meta_000003.json`, text);
    return to;
  };
  const ask = async (...args: string[]) => {
    const flags = ["--prompt", "My", "--max-tokens", "2", ...onCpu, ...args];
    const { code, models, stderr } = await runScript("chat.ts", flags, place);
    assertEquals([code, stderr], [0, ""]);
    const weights = /, [\d.]+ \w+ in f32/;
    assertMatch(models, weights);
    return models.replace(weights, "");
  };
  const stopped = await copyAs("stopped", 880);
  assertEquals(
    await ask(),
    "Model: sft/stopped, step 3 of 880, stopped (to resume: deno task chat_sft --resume " +
      "--model-tag stopped)\n",
  );
  await using _lock = await lockRun(stopped);
  assertEquals(await ask(), "Model: sft/stopped, step 3 of 880, training now\n");
  await copyAs("whole", 3);
  await copyAs("later", 5);
  assertEquals(await ask(), "Model: sft/whole, step 3 of 3\n");
  assertMatch(await ask("--model-tag", "later"), /^Model: sft\/later, step 3 of 5, stopped/);
  const { stdout } = await runScriptHere("runs.ts", [], place);
  for (const progress of ["3 of 880, training now", "3 of 3 ", "3 of 5, stopped"]) {
    assertStringIncludes(stdout, ` step ${progress}`);
  }
  const unknown = await runScriptHere("chat.ts", ["--model-tag", "nope"], place);
  assertEquals(unknown.code, 2);
  assertStringIncludes(
    unknown.stderr,
    'wanted one of later, stopped, whole, got "nope"',
  );
});
