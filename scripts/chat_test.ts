import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { ownConversations } from "../chat/mod.ts";
import { copySnapshot } from "../chat/testing/python.ts";
import type { Message, MessagePart } from "../tokenizer/mod.ts";
import { savedLine } from "./chat.ts";
import { UsageError } from "./flags.ts";
import {
  command,
  makeCorpus,
  makeHome,
  type Outcome,
  outcomeOf,
  runScript,
  runScriptHere,
  taskCommand,
  tinyFlags,
} from "./testing/run_script.ts";

const corpus = await makeCorpus();
const home = await makeHome(corpus);
const base = await runScript("base_train.ts", [...tinyFlags, "--data", corpus], home);
if (base.code !== 0) throw new Error(base.stderr);

const conversations = `${home}/mine.jsonl`;
const lines = Array.from({ length: 12 }, (_, i) =>
  JSON.stringify([
    { role: "user", content: `${i}?` },
    { role: "assistant", content: `It is ${i}.` },
  ]));
await Deno.writeTextFile(conversations, lines.join("\n"));

const onCpu = "--device cpu --threads 1 --no-blas".split(" ");
const sft = (...args: string[]) => runScript("chat_sft.ts", [...onCpu, ...args], home);

const made = await sft(
  ...["--conversations", conversations, "--max-seq-len", "32", "--num-iterations", "2"],
  ...["--eval-every", "-1", "--model-tag", "made"],
);
if (made.code !== 0) throw new Error(made.stderr);

Deno.test("chat_sft takes sizes and rates from the base model, trains, saves and resumes", async () => {
  const args = ["--conversations", conversations, "--max-seq-len", "32", "--num-iterations", "6"];
  const first = await sft(...args, "--eval-every", "-1");
  assertEquals([first.code, first.stderr], [0, ""]);
  assertEquals(first.models, "Base model: base/d2, step 20 of 20\n");
  assertMatch(first.stdout, /^data +12 conversations: .*mine\.jsonl$/m);
  // Two rows at once, as the base model; a step is one pass over them, as the rows are longer.
  assertMatch(first.stdout, /^run +6 steps of 64 tokens$/m);
  assertStringIncludes(first.stdout, "chatsft_checkpoints/d2/meta_000006.json");
  const { settings } = JSON.parse(
    await Deno.readTextFile(`${home}/chatsft_checkpoints/d2/meta_000006.json`),
  );
  assertEquals([settings.embeddingLr, settings.deviceBatchSize, settings.task], [0.3, 2, null]);

  const again = await sft("--resume", "--num-iterations", "8");
  assertEquals([again.code, again.stderr], [0, ""]);
  assertEquals(again.models, "Resuming sft/d2, step 6 of 6\n");
  assertStringIncludes(again.stdout, "meta_000008.json");
});

Deno.test("chat_sft trains adapters alone, and saves a model that the chat reads", async () => {
  const args = ["--conversations", conversations, "--max-seq-len", "32", "--num-iterations", "3"];
  const lora = [...args, "--eval-every", "-1", "--model-tag", "lora"];
  const { code, stdout, stderr } = await sft(...lora, "--lora-rank", "2");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "chatsft_checkpoints/lora/meta_000003.json");
  const answered = await talk([], "--prompt", "7?", "--model-tag", "lora");
  assertEquals([answered.code, answered.stderr], [0, ""]);
  const resumed = await sft("--resume", "--model-tag", "lora", "--num-iterations", "5");
  assertEquals(resumed.code, 2);
  assertStringIncludes(
    resumed.stderr,
    "wanted a run that trains all parameters, got one with adapters",
  );
  const wide = await sft(...lora, "--overwrite", "--lora-rank", "1000");
  assertEquals(wide.code, 2);
  assertMatch(
    wide.stderr,
    /^Cannot add an adapter to a matrix \[32, 32\]: wanted a rank from 1 to 32/,
  );
});

Deno.test("chat_sft names wrong input and its place on one line", async () => {
  const broken = `${home}/broken.jsonl`;
  await Deno.writeTextFile(broken, `${lines[0]}\n[{"role": "user", "content": "alone"}]\n`);
  // A checkpoint of another stage.
  await Deno.mkdir(`${home}/chatsft_checkpoints/base`);
  for await (const { name } of Deno.readDir(`${home}/base_checkpoints/d2`)) {
    const to = `${home}/chatsft_checkpoints/base/${name}`;
    await Deno.copyFile(`${home}/base_checkpoints/d2/${name}`, to);
  }
  const cases: [string[], number, string][] = [
    [[], 2, "got a run saved after step 8. --resume continues it, --overwrite removes it"],
    [
      ["--overwrite", "--conversations", broken],
      1,
      `Cannot read ${broken}, line 2: wanted a turn of the user and`,
    ],
    [["--overwrite", "--conversations", `${home}/none.jsonl`], 1, `Cannot read ${home}/none.jsonl`],
    [
      ["--overwrite", "--task", "mathematics"],
      2,
      'or identity=FILE, got "mathematics"',
    ],
    [["--overwrite", "--task", "rules:0"], 2, "wanted NAME:N with a number from 1"],
    [["--base-tag", "absent"], 2, '--base-tag: wanted one of d2, got "absent"'],
    [["--model-tag", "../up"], 2, "Cannot use --model-tag: wanted letters, digits"],
    [["--base-tag", "../up"], 2, "Cannot use --base-tag: wanted letters, digits"],
    [
      ["--resume", "--model-tag", "absent"],
      2,
      '--model-tag: wanted one of base, d2, lora, made, got "absent"',
    ],
    [["--base-step", "7"], 2, "Cannot use --base-step: wanted one of 20 in"],
    [
      ["--resume", "--model-tag", "base"],
      1,
      'base: wanted the flags of this version as settings of step 20, got "depth"',
    ],
    [
      ["--overwrite", "--document-epochs", "0"],
      2,
      "--document-epochs: wanted a whole number of at",
    ],
  ];
  for (const [args, wanted, message] of cases) {
    const { code, stdout, stderr } = await runScriptHere("chat_sft.ts", [...onCpu, ...args], home);
    assertEquals([code, stdout], [wanted, ""], args.join(" "));
    assert(stderr.includes(message) && stderr.trim().split("\n").length === 1, stderr);
  }
});

Deno.test("chat_sft reads documents first, saves them with the run, and resumes it", async () => {
  const notes = `${home}/notes`;
  await Deno.mkdir(`${notes}/deep`, { recursive: true });
  await Deno.writeTextFile(`${notes}/rivers.md`, "# Rivers\nThe Nile is long.\n");
  await Deno.writeTextFile(`${notes}/deep/lakes.md`, "Lake Baikal is deep.\n");
  await Deno.writeTextFile(`${notes}/empty.md`, "");
  await Deno.writeFile(`${notes}/latin.txt`, Uint8Array.of(0x66, 0xfc, 0x72));
  const flags = "--task rules:20 --num-iterations 2 --max-seq-len 32 --eval-every -1".split(" ");
  const place = ["--documents", `${notes}/**/*.md`, "--model-tag", "notes"];
  const first = await sft(...place, ...flags, "--document-epochs", "2");
  assertEquals([first.code, first.stderr], [0, ""]);
  assertMatch(first.stdout, /^documents +2, in steps 1 to \d$/m);
  assertMatch(first.stdout, /^data +80 conversations: Documents \(2\) \+ Rules$/m);
  const again = await sft("--resume", "--model-tag", "notes", "--num-iterations", "4");
  assertEquals([again.code, again.stderr], [0, ""]);
  assertMatch(again.stdout, /^documents +2, in steps 1 to/m);

  const cases: [string, string][] = [
    [`${notes}/*.rtf`, `"${notes}/*.rtf": wanted a file, a folder or a glob with matches`],
    [`${notes}/[`, `"${notes}/[": wanted a file, a folder or a glob with matches`],
    [`${notes}/empty.md`, `Cannot learn from ${notes}/empty.md: wanted text, got empty files`],
    [notes, `Cannot read ${notes}/latin.txt: wanted text in UTF-8, got other bytes`],
  ];
  for (const [documents, message] of cases) {
    const args = [...onCpu, "--documents", documents, "--model-tag", "none"];
    const { code, stdout, stderr } = await runScriptHere("chat_sft.ts", args, home);
    assertEquals([code, stdout], [1, ""], documents);
    assert(stderr.includes(message) && stderr.trim().split("\n").length === 1, stderr);
  }
});

/** Runs the chat with lines on its standard input. */
async function talk(lines: readonly string[], ...args: string[]): Promise<Outcome> {
  const flags = ["--device", "cpu", "--threads", "1", "--temperature", "0", "--max-tokens", "6"];
  const child = command("chat.ts", [...flags, ...args], home, { stdin: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
  await writer.close();
  return outcomeOf(await child.output());
}

Deno.test("a chat answers, retries, saves what was said, and takes commands", async () => {
  const saved = `${home}/saved.jsonl`;
  const own = [{ role: "user", content: "1?" }, { role: "assistant", content: "1." }];
  // Without a line break at its end, as an editor may leave it.
  await Deno.writeTextFile(saved, JSON.stringify({ messages: own }));
  const { code, stdout, stderr } = await talk([
    "3?",
    "/retry",
    // Without a terminal, the next line is the question in place of the one before.
    "/edit",
    "3?",
    "/temperature 0.5",
    "/topk",
    "/system A",
    "4?",
    "/save",
    `/save ${home}/nowhere/a.jsonl`,
    "/nonsense",
    `/save ${saved}`,
    "/clear",
    `/save ${saved}`,
    "/retry",
    "/temperature hot",
    "/help",
    "/exit",
    "never read",
  ]);
  assertEquals([code, stderr], [0, ""]);
  assert(!stdout.includes("readline"), stdout);
  for (
    const text of [
      "(temperature 0.5)",
      "(top-k 50)",
      "(Started over.)",
      "Cannot save: wanted /save FILE",
      `Cannot write ${home}/nowhere/a.jsonl: there is no such file or folder`,
      "There is no /nonsense.",
      `(Appended to ${saved}.)`,
      "Cannot save: wanted a chat with an answer, got none",
      "(There is no question yet.)",
      'Cannot set the temperature: wanted a number of at least 0, got "hot"',
      "/edit ",
    ]
  ) assertStringIncludes(stdout, text);
  const conversations = await ownConversations(saved);
  assertEquals(conversations.length, 2);
  const { messages } = conversations.get(1);
  assertEquals(messages.map(({ role }) => role), ["system", "user", "assistant"]);
  assertEquals(messages[1]!.content, "4?");
});

Deno.test("a chat is saved without answers that were stopped before they began", async () => {
  const turns = (question: string, answer: readonly MessagePart[]): Message[] => [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ];
  const answered = turns("3?", [{ type: "text", text: "It is 3." }]);
  for (const system of [undefined, "", " "]) {
    const saved = `${home}/stopped.jsonl`;
    const messages = [...turns("1?", []), ...answered, ...turns("2?", [])];
    await Deno.writeTextFile(saved, savedLine({ system, messages }));
    assertEquals((await ownConversations(saved)).get(0).messages, answered);
    const none = () => savedLine({ system, messages: turns("1?", []) });
    assertThrows(none, UsageError, "wanted a chat with an answer, got none");
  }
});

Deno.test("a chat answers one question and ends, the same for the same seed", async () => {
  const first = await talk([], "--prompt", "7?", "--seed", "1");
  const second = await talk([], "--prompt", "7?", "--seed", "1");
  assertEquals([first.code, first.stderr], [0, ""]);
  assertEquals(second.stdout, first.stdout);
});

Deno.test("a chat runs Python if it is requested and allowed, and says what is missing otherwise", async () => {
  const args = ["--prompt", "7?", "--seed", "1", "--device", "cpu"];
  for (const script of ["chat", "chat_eval"]) {
    const refused = await runScript(`${script}.ts`, ["--tools", "python"], home);
    assertEquals([refused.code, refused.stdout], [2, ""]);
    assertStringIncludes(refused.stderr, `permission --allow-run=${Deno.execPath()}, got none`);
    assertStringIncludes(refused.stderr, `deno task ${script}:python has it`);
  }
  await copySnapshot(`${home}/python`);
  const { code } = await taskCommand("chat:python", args, home).output();
  assertEquals(code, 0);
  const rows = `${home}/human_eval.jsonl`;
  const row = { prompt: "def one():\n", canonical_solution: "", entry_point: "one", test: "" };
  await Deno.writeTextFile(rows, JSON.stringify(row));
  const place = ["--device", "cpu", "--threads", "1", "--max-new-tokens", "4"];
  const exam = ["--task", `HumanEval=${rows}`, ...place];
  const evaluated = await taskCommand("chat_eval:python", exam, home).output();
  assertMatch(new TextDecoder().decode(evaluated.stdout), /^HumanEval +0 of 1$/m);
  assertEquals((await runScript("chat.ts", ["--tools", "shell"], home)).code, 2);
});

Deno.test("without a model and without someone to ask, a chat says how to make one", async () => {
  const empty = await makeHome(corpus);
  const { code, stdout, stderr } = await runScript("chat.ts", [], empty);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "There is no fine-tuned model yet. Make one: deno task chat --yes");
  const reinforced = await runScriptHere("chat.ts", ["--source", "rl"], empty);
  assertEquals(reinforced.code, 1);
  assertStringIncludes(
    reinforced.stderr,
    `wanted a run of rl below ${empty}, got none. Train a model first: deno task chat_rl`,
  );
  for (
    const flag of [["--model-tag", "mine"], ["--source", "rl"], ["--step", "3"]]
  ) {
    const { code, stderr } = await runScriptHere("chat.ts", [...flag, "--overwrite"], empty);
    assertEquals(code, 2);
    assertStringIncludes(stderr, `Cannot use --overwrite: wanted it without ${flag[0]}`);
  }
});

Deno.test("chat_eval prints a table of synthetic exams, and a line of JSON", async () => {
  const args =
    "--task rules --num-examples 2 --max-new-tokens 4 --num-samples 2 --device cpu --threads 1";
  const { code, stdout, stderr } = await runScript("chat_eval.ts", args.split(" "), home);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^identity +0 of 2, pass@1 0.000, pass@2 0.000$/m);
  const lines = stdout.trim().split("\n");
  assert(!lines.at(-1)!.startsWith("{"), "JSON only where it is asked for");
  const { stdout: json } = await runScript("chat_eval.ts", [...args.split(" "), "--json"], home);
  const { accuracies, chatCore } = JSON.parse(json);
  assertEquals([Object.keys(accuracies).length, accuracies.names, chatCore], [9, 0, null]);
});

Deno.test("chat_eval asks questions written by hand, and prints the results by kind", async () => {
  const args = "--task human --max-problems 20 --max-new-tokens 2 --device cpu --threads 1";
  const { code, stdout, stderr } = await runScript("chat_eval.ts", args.split(" "), home);
  assertEquals([code, stderr], [0, ""]);
  for (
    const row of [/^human +0 of 20$/m, /^ {2}arithmetic +0 of 16$/m, /^ {2}capitals +0 of 4$/m]
  ) {
    assertMatch(stdout, row);
  }
  assertMatch(stdout, /^human-new +0 of 20$/m);
});

Deno.test("chat_eval asks rows of the known data sets, and names faults in them", async () => {
  const rows = `${home}/gsm8k.jsonl`;
  await Deno.writeTextFile(rows, '{"question": "2?", "answer": "#### 2"}\n');
  await Deno.writeTextFile(`${home}/unanswered.jsonl`, '{"question": "2?", "answer": "2"}\n');
  const argsFor = (task: string) => ["--task", task, ...onCpu];
  const { code, stdout } = await runScript("chat_eval.ts", argsFor(`GSM8K=${rows}`), home);
  assertEquals(code, 0);
  assertMatch(stdout, /^GSM8K +0 of 1$/m);
  // Results of other exams of the same model stay.
  const few = ["--model-tag", "made", "--max-problems", "1", "--max-new-tokens", "2", "--json"];
  for (const task of [`GSM8K=${rows}`, "human"]) {
    const { stdout: json } = await runScriptHere("chat_eval.ts", [...argsFor(task), ...few], home);
    const wanted = task === "human" ? ["human", "human-new"] : ["GSM8K"];
    assertEquals(Object.keys(JSON.parse(json).accuracies), wanted);
  }
  const results = `${home}/chatsft_checkpoints/made/chat_eval.json`;
  const kept = JSON.parse(await Deno.readTextFile(results));
  assertEquals(["GSM8K", "human"].map((name) => name in kept.accuracies), [true, true]);
  const cases: [string, number, string][] = [
    [`MMLU=${rows}`, 1, `Cannot read ${rows}, line 1: wanted answer as a number, got "#### 2"`],
    [
      `ARC-Easy=${rows}`,
      1,
      `Cannot read ${rows}, line 1: wanted choices as an object, got nothing`,
    ],
    [
      "poetry",
      2,
      "wanted rules, human, arc-easy, arc-challenge, mmlu, gsm8k, humaneval, spellingbee, or ARC-Easy, " +
      'ARC-Challenge, MMLU, GSM8K, HumanEval with =FILE, got "poetry"',
    ],
    [`HumanEval=${rows}`, 2, "Cannot judge HumanEval: wanted --tools python"],
    [`GSM8K=${home}/none`, 1, `Cannot read ${home}/none`],
    [`GSM8K=${home}/unanswered.jsonl`, 1, "wanted answer with #### and a number, got"],
  ];
  for (const [task, wanted, message] of cases) {
    const outcome = await runScriptHere("chat_eval.ts", argsFor(task), home);
    assertEquals([outcome.code, outcome.stdout], [wanted, ""], task);
    assertStringIncludes(outcome.stderr, message);
  }
});

Deno.test("base_eval measures CORE on a bundle, and writes a table", async () => {
  const bundle = `${home}/eval_bundle`;
  await Deno.mkdir(`${bundle}/eval_data`, { recursive: true });
  await Deno.writeTextFile(
    `${bundle}/core.yaml`,
    "icl_tasks:\n- label: days\n  dataset_uri: days.jsonl\n  num_fewshot: [0]\n" +
      "  icl_task_type: language_modeling\n",
  );
  await Deno.writeTextFile(`${bundle}/eval_meta_data.csv`, "Eval Task,Random baseline\ndays,0\n");
  const example = JSON.stringify({ context: "Monday, Tuesday,", continuation: "Wednesday" });
  await Deno.writeTextFile(`${bundle}/eval_data/days.jsonl`, `${example}\n`);
  const args = ["--eval", "core", "--device", "cpu", "--threads", "1"];
  const { code, stdout, stderr } = await runScript("base_eval.ts", args, home);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^days: accuracy 0\.0000, centered 0\.0000$/m);
  assertMatch(stdout, /^CORE 0\.0000$/m);
  const csv = await Deno.readTextFile(`${home}/base_eval/base_model_000020.csv`);
  assertEquals(csv, "Task,Accuracy,Centered\ndays,0.000000,0.000000\nCORE,,0.000000\n");
  const absent = await runScriptHere("base_eval.ts", [...args, "--bundle", `${home}/none`], home);
  assertEquals(absent.code, 1);
  assertStringIncludes(absent.stderr, `${home}/none: wanted a folder or a zip file, got none`);
  await Deno.remove(`${bundle}/eval_data/days.jsonl`);
  const training = [...tinyFlags, "--data", corpus, "--model-tag", "core"];
  for (const [script, given] of [["base_eval.ts", args], ["base_train.ts", training]] as const) {
    const lacking = await runScriptHere(script, given, home);
    // Nothing was printed before: no model was loaded, no step was made.
    assertEquals([lacking.code, lacking.stdout], [1, ""], script);
    assertStringIncludes(lacking.stderr, "eval_data/days.jsonl: the bundle lacks it");
  }
  await Deno.remove(bundle, { recursive: true });
});

Deno.test("chat_rl practices, measures and saves, and names wrong input", async () => {
  const small = [
    ...onCpu,
    ..."--num-iterations 2 --examples-per-step 2 --num-samples 4".split(" "),
    ..."--max-new-tokens 4 --eval-every 2 --eval-examples 2".split(" "),
  ];
  const { code, stdout, stderr } = await runScript("chat_rl.ts", small, home);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^task +4 questions: long-arithmetic$/m);
  assertMatch(stdout, /^step 2 of 2 {2}reward 0\.000 .* without signal/m);
  assertMatch(stdout, /^step 2: pass@1 0\.000, .*, pass@4 0\.000$/m);
  assertMatch(stdout, /^Saved .*chatrl_checkpoints\/.*meta_000002\.json$/m);
  const listed = await runScriptHere("runs.ts", [], home);
  assertMatch(listed.stdout, /^run .* reward$/m);
  assertMatch(listed.stdout, /^rl\/.* step 2 of 2 .* 0\.0000$/m);
  const wrong = await runScriptHere(
    "chat_rl.ts",
    [...onCpu, "--overwrite", "--num-samples", "3", "--device-batch-size", "2"],
    home,
  );
  assertEquals(wrong.code, 2);
  assertStringIncludes(
    wrong.stderr,
    "wanted --num-samples as a multiple of --device-batch-size 2, got 3",
  );
  const again = await runScriptHere("chat_rl.ts", small, home);
  assertEquals(again.code, 2);
  assertStringIncludes(again.stderr, "got a run saved after step 2. --overwrite removes it");
  const unknown = await runScriptHere("chat_rl.ts", ["--task", "poetry"], home);
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.stderr, 'stories, got "poetry", and neither gsm8k nor GSM8K=FILE');
  const two = await runScriptHere("chat_rl.ts", ["counting", "--task", "spelling"], home);
  assertEquals(two.code, 2);
  assertStringIncludes(two.stderr, "Cannot practice: wanted one task, got counting and spelling");
  const stories = await runScript(
    "chat_rl.ts",
    ["--task", "stories", "--overwrite", ...small],
    home,
  );
  assertEquals([stories.code, stories.stderr], [0, ""]);
  assertMatch(stories.stdout, /^task +4 questions: stories$/m);
});
