import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { mixTasks, readRows, sliceTask } from "../chat/mod.ts";
import { numpyPermutation } from "../chat/random/numpy_permutation.ts";
import { goldenModel, goldenTokenizer } from "../chat/testing/golden_chat.ts";
import { addressesOf, fetchData } from "../data/mod.ts";
import { startHub, type TestHub } from "../data/testing/hub.ts";
import { nestedTable } from "../data/testing/nested_table.ts";
import { readMetrics, saveCheckpoint, untrained } from "../gpt/mod.ts";
import { openDevice } from "../tensor/mod.ts";
import { goldenTest, readGoldenJson } from "../testing/golden.ts";
import { type Conversation, Tokenizer } from "../tokenizer/mod.ts";
import { parseFlags } from "./flags.ts";
import { openTrainingSet } from "./named_tasks.ts";
import { flags } from "./sft_flags.ts";
import { openSftTasks } from "./sft_tasks.ts";
import { localPlace } from "./stored.ts";
import { runScript } from "./testing/run_script.ts";

type Row = Record<string, unknown>;

/** Puts the rows of a part of a data set on the hub, in two files of small row groups. */
function upload(hub: TestHub, name: string, part: string, rows: readonly Row[]): void {
  const [, repository = "", path, commit = ""] = /^hf:([^/]+\/[^/]+)\/(.+)-\*\.parquet@(\w+)$/
    .exec(addressesOf(name, part)[0]!)!;
  const files = hub.repositories.get(repository) ?? new Map();
  hub.repositories.set(repository, files);
  hub.commits.add(commit);
  const half = Math.ceil(rows.length / 2);
  for (const [i, some] of [rows.slice(0, half), rows.slice(half)].entries()) {
    if (some.length > 0) files.set(`${path}-0000${i}-of-00002.parquet`, nestedTable(some, 2));
  }
}

/** Gets the parts of data sets that the hub has, into the home of this test. */
async function download(hub: TestHub, home: string, names: readonly string[]): Promise<void> {
  for (const address of names.flatMap((name) => addressesOf(name))) {
    await fetchData({ endpoint: hub.endpoint }, `${home}/data`, address);
  }
}

async function inHome<Result>(home: string, run: () => Promise<Result>): Promise<Result> {
  const before = Deno.env.get("NANODINO_HOME");
  Deno.env.set("NANODINO_HOME", home);
  try {
    return await run();
  } finally {
    if (before === undefined) Deno.env.delete("NANODINO_HOME");
    else Deno.env.set("NANODINO_HOME", before);
  }
}

interface GoldenTuning {
  raw_rows: Record<string, unknown[]>;
  train_order: Conversation[];
  validation_order: Conversation[];
}

/** The data sets of the golden fine-tuning on a hub. */
function uploadLessons(hub: TestHub, rows: GoldenTuning["raw_rows"]): void {
  const talks = (name: string) => rows[name]!.map((messages) => ({ messages }));
  upload(hub, "smoltalk", "train", talks("smoltalk_train"));
  upload(hub, "smoltalk", "test", talks("smoltalk_test"));
  upload(hub, "mmlu", "auxiliary_train", rows.mmlu_auxiliary_train as Row[]);
  upload(hub, "mmlu", "test", rows.mmlu_test as Row[]);
  upload(hub, "gsm8k", "train", rows.gsm8k_train as Row[]);
  upload(hub, "gsm8k", "test", rows.gsm8k_test as Row[]);
}

goldenTest("mixture and validation have the original's conversations, in its order", async () => {
  const { raw_rows, train_order, validation_order } = readGoldenJson<GoldenTuning>(
    "chat/golden-sft",
  );
  await using hub = startHub({});
  uploadLessons(hub, raw_rows);
  const home = await Deno.makeTempDir();
  await download(hub, home, ["smoltalk", "mmlu", "gsm8k"]);
  const [talk, mmlu, gsm8k] = await inHome(home, async () => [
    await openTrainingSet("smoltalk"),
    await openTrainingSet("mmlu"),
    await openTrainingSet("gsm8k"),
  ]);
  const all = (task: { length: number; get(index: number): Conversation }) =>
    Array.from({ length: task.length }, (_, i) => ({ messages: task.get(i).messages }));
  const plain = (conversations: readonly Conversation[]) =>
    conversations.map(({ messages }) => ({ messages }));
  const train = mixTasks([talk!.train, mmlu!.train, mmlu!.train, gsm8k!.train]);
  assertEquals(all(train), plain(train_order));
  assertEquals(train.name, "SmolTalk + 2 × MMLU + GSM8K");
  // The original's run took 4 and 2 rows of the tests.
  const validation = mixTasks([
    talk!.validation!,
    sliceTask(mmlu!.validation!, { stop: 4 }),
    sliceTask(gsm8k!.validation!, { stop: 2 }),
  ]);
  assertEquals(all(validation), plain(validation_order));
});

Deno.test("nanochat's questions come as often as the flags say, unless the task says it", async () => {
  await using hub = startHub({});
  const home = await Deno.makeTempDir();
  const problem = { question: "1 + 1?", answer: "<<1+1=2>>2\n#### 2" };
  const choice = { question: "1?", subject: "any", choices: ["a", "b", "c", "d"], answer: 0 };
  for (const part of ["train", "test"]) upload(hub, "gsm8k", part, [problem, problem]);
  for (const part of ["auxiliary_train", "test"]) upload(hub, "mmlu", part, [choice]);
  await download(hub, home, ["gsm8k", "mmlu"]);
  const tokenizer = await Tokenizer.train(["a text"], { vocabSize: 300 });
  const namesOf = async (...args: string[]) => {
    const tasks = await inHome(home, () => openSftTasks(parseFlags(args, flags), tokenizer, true));
    return [tasks.train.name, tasks.train.length, tasks.validation?.length ?? 0];
  };
  assertEquals(await namesOf("--task", "gsm8k"), ["4 × GSM8K", 8, 2]);
  assertEquals(await namesOf("--task", "gsm8k", "--gsm8k-epochs", "2"), ["2 × GSM8K", 4, 2]);
  assertEquals(await namesOf("--task", "gsm8k:3", "--gsm8k-epochs", "2"), ["3 × GSM8K", 6, 2]);
  assertEquals(
    await namesOf("--task", "mmlu,gsm8k", "--gsm8k-epochs", "1", "--mmlu-epochs", "2"),
    ["2 × MMLU + GSM8K", 4, 3],
  );
});

interface GoldenEval {
  categorical: Record<string, (Conversation & { letters: string[]; correct: boolean })[]>;
  generative: Record<string, (Conversation & { correct: boolean })[]>;
  accuracies: Record<string, number>;
}

/** Rows as they were before the shuffle. */
function unshuffled(rows: readonly Row[]): Row[] {
  const order = numpyPermutation(42, rows.length);
  const before: Row[] = [];
  rows.forEach((row, i) => before[order[i]!] = row);
  return before;
}

/** The row of a question with letters. */
function choicesRow(
  name: string,
  { messages, letters }: Conversation & { letters: string[] },
): Row {
  const [, question = "", list = ""] = /^Multiple Choice question: (.*?)\n((?:- .*\n)+)/s.exec(
    `${messages[0]!.content}`,
  )!;
  const text = list.trimEnd().split("\n").map((line) => line.slice(2, line.lastIndexOf("=")));
  const answer = `${messages[1]!.content}`;
  return name === "MMLU"
    ? { question, subject: "any", choices: text, answer: letters.indexOf(answer) }
    : { id: "any", question, choices: { text, label: letters }, answerKey: answer };
}

/** The row of a question of arithmetic. */
function arithmeticRow({ messages }: Conversation): Row {
  const parts = messages[1]!.content as readonly { type: string; text: string }[];
  const answer = parts.map(({ type, text }) =>
    type === "python" ? `<<${text}=` : type === "python_output" ? `${text}>>` : text
  ).join("");
  return { question: messages[0]!.content, answer };
}

goldenTest("chat_eval by name gives the original's accuracies", async () => {
  const { categorical, generative, accuracies } = readGoldenJson<GoldenEval>(
    "chat/golden-chat-eval",
  );
  await using hub = startHub({});
  for (const [name, problems] of Object.entries(categorical)) {
    const rows = unshuffled(problems.map((problem) => choicesRow(name, problem)));
    const train = name === "MMLU" ? "auxiliary_train" : "train";
    for (const part of ["test", train]) upload(hub, name.toLowerCase(), part, rows);
  }
  const rows = unshuffled(generative.GSM8K!.map(arithmeticRow));
  for (const part of ["test", "train"]) upload(hub, "gsm8k", part, rows);
  const home = await Deno.makeTempDir();
  const names = ["arc-easy", "arc-challenge", "mmlu", "gsm8k"];
  await download(hub, home, names);
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const folder = `${home}/chatsft_checkpoints/golden`;
  await Deno.mkdir(folder, { recursive: true });
  const [model, tokenizer] = [goldenModel(device), goldenTokenizer()];
  await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
  await device.close();
  const flags = ["--device", "cpu", "--threads", "1", "--json"];
  const { code, stdout, stderr } = await runScript("chat_eval.ts", [
    "ARC-Easy",
    ...names.slice(1),
    ...flags,
  ], home);
  assertEquals(code, 0, stderr);
  const figures = JSON.parse(stdout.trim().split("\n").at(-1)!);
  const { HumanEval: _, ...wanted } = accuracies;
  assertEquals(figures.accuracies, wanted);

  const lacking = await Deno.makeTempDir();
  await Deno.rename(`${home}/chatsft_checkpoints`, `${lacking}/chatsft_checkpoints`);
  const refused = await runScript("chat_eval.ts", ["mmlu", ...flags], lacking);
  assertEquals([refused.code, refused.stderr], [
    1,
    "Cannot read mmlu (test): wanted its files on this machine, got none. Get them: deno task data " +
    "get mmlu\n",
  ]);
});

goldenTest(
  "chat_sft learns nanochat's mixture, with examinations; chat_rl practices GSM8K",
  async () => {
    const { raw_rows } = readGoldenJson<GoldenTuning>("chat/golden-sft");
    await using hub = startHub({});
    uploadLessons(hub, raw_rows);
    const choices = (raw_rows.mmlu_test as Row[]).map(({ question, choices, answer }) => ({
      question,
      choices: { text: choices, label: ["A", "B", "C", "D"] },
      answerKey: "ABCD"[answer as number],
    }));
    for (const name of ["arc-easy", "arc-challenge"]) {
      for (const part of ["train", "test"]) upload(hub, name, part, choices);
    }
    const home = await Deno.makeTempDir();
    await download(hub, home, ["smoltalk", "mmlu", "gsm8k", "arc-easy", "arc-challenge"]);
    const device = await openDevice("cpu", { threads: 1, blas: false });
    const folder = `${home}/base_checkpoints/golden`;
    await Deno.mkdir(folder, { recursive: true });
    const [model, tokenizer] = [goldenModel(device), goldenTokenizer()];
    await saveCheckpoint(folder, { model, tokenizer, state: untrained, settings: {} });
    await device.close();
    const identity = `${home}/identity.jsonl`;
    await Deno.writeTextFile(identity, JSON.stringify(raw_rows.smoltalk_test![0]));
    const onCpu = ["--device", "cpu", "--threads", "1"];
    const tuned = await runScript("chat_sft.ts", [
      ...["--task", `smoltalk,mmlu,gsm8k:2,identity=${identity}`, "--mmlu-epochs", "1"],
      ...["--max-seq-len", "96", "--device-batch-size", "2", "--total-batch-size", "192"],
      ...["--num-iterations", "2", "--eval-tokens", "192", "--chatcore-every", "2"],
      ...[
        "--chatcore-max-cat",
        "2",
        "--chatcore-max-sample",
        "1",
        "--load-optimizer",
        "0",
        ...onCpu,
      ],
    ], home);
    assertEquals(tuned.code, 0, tuned.stderr);
    const count = raw_rows.smoltalk_train!.length + raw_rows.mmlu_auxiliary_train!.length +
      2 * raw_rows.gsm8k_train!.length + 1;
    assertStringIncludes(
      tuned.stdout,
      `${count} conversations: SmolTalk + MMLU + 2 × GSM8K + ${identity}`,
    );
    const metrics = await readMetrics(`${home}/chatsft_checkpoints/golden/metrics.jsonl`);
    const measured = metrics.find(({ kind }) => kind === "measurement")!;
    assert("chatcoreCat" in measured && "chatcoreOfFour" in measured, JSON.stringify(measured));
    assert("chatcore/ARC-Easy" in measured && "chatcore/GSM8K" in measured);

    const practiced = await runScript("chat_rl.ts", [
      ..."gsm8k --num-epochs 2 --weight-decay 0.1 --examples-per-step 2".split(" "),
      ...["--num-samples", "2", "--max-new-tokens", "4", "--eval-examples", "1", ...onCpu],
    ], home);
    assertEquals(practiced.code, 0, practiced.stderr);
    const steps = 2 * Math.floor(raw_rows.gsm8k_train!.length / 2);
    assertStringIncludes(practiced.stdout, `${steps} steps of 2 × 2 answers`);
  },
);

Deno.test("a data set with a name is downloaded when it is first read, where that is allowed", async () => {
  await using hub = startHub({});
  upload(hub, "gsm8k", "test", [{ question: "2 + 2?", answer: "#### 4" }]);
  const home = await Deno.makeTempDir();
  Deno.env.set("HF_ENDPOINT", hub.endpoint);
  try {
    await inHome(home, async () => {
      const place = await localPlace("gsm8k", "test");
      const asked = hub.seen.length;
      assert(asked > 0);
      assertEquals([await localPlace("gsm8k", "test"), hub.seen.length], [place, asked]);
      assertEquals(await localPlace(home), home);
      const { task } = await readRows("GSM8K", place);
      assertStringIncludes(JSON.stringify(task.get(0)), "2 + 2?");
    });
  } finally {
    Deno.env.delete("HF_ENDPOINT");
  }
});

Deno.test("rows of a data set are read from JSON Lines and parquet alike", async () => {
  const rows = [{ question: "2 + 2?", answer: "#### 4" }, { question: "1?", answer: "#### 1" }];
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/a.jsonl`, rows.map((row) => JSON.stringify(row)).join("\n"));
  await Deno.writeFile(`${folder}/b.parquet`, nestedTable(rows));
  const [a, b] = await Promise.all(
    ["a.jsonl", "b.parquet"].map((name) => readRows("GSM8K", `${folder}/${name}`)),
  );
  assertEquals(a!.task.length, 2);
  for (const index of [0, 1]) assertEquals(a!.task.get(index), b!.task.get(index));
});
