import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  launch,
  launchCommand,
  remainingRanks,
  runningRanks,
  SOON,
  type TestedMpi,
  testUnderMpi,
  testUnderOneMpi,
} from "../mpi/testing/ranks.ts";
import { readSafetensors } from "../tensor/safetensors.ts";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./testing/run_script.ts";
import type { Device } from "../tensor/mod.ts";
import { trainingType } from "./training.ts";

const script = new URL("base_train.ts", import.meta.url);

const corpus = await makeCorpus();
const home = await makeHome(corpus);
Deno.test.afterAll(async () => {
  for (const folder of [corpus, home]) await Deno.remove(folder, { recursive: true });
});

function flagsFor(tag: string, more: readonly string[]): string[] {
  return [...tinyFlags, "--data", corpus, "--model-tag", tag, ...more];
}

async function train(mpi: TestedMpi, ranks: number, tag: string, more: string[]) {
  const args = flagsFor(tag, more);
  return await launch({ mpi, ranks, script, args, env: { NANODINO_HOME: home } });
}

const alone = new Map<string, Promise<void>>();

/** Trains in one process, which every MPI is compared with. */
function trainAlone(tag: string, more: string[]): Promise<void> {
  const run = alone.get(tag) ??
    runScript("base_train.ts", flagsFor(tag, more), home)
      .then(({ code, stderr }) => assertEquals(code, 0, stderr));
  alone.set(tag, run);
  return run;
}

const folderOf = (tag: string) => `${home}/base_checkpoints/${tag}`;

async function lossesOf(tag: string): Promise<number[]> {
  const text = await Deno.readTextFile(`${folderOf(tag)}/metrics.jsonl`);
  const events = text.trim().split("\n").map((line) => JSON.parse(line));
  return events.filter(({ kind }) => kind === "step").map(({ loss }) => loss);
}

function assertClose(got: readonly number[], wanted: readonly number[]): void {
  assertEquals(got.length, wanted.length);
  const differences = got.map((loss, i) => Math.abs(loss - wanted[i]!));
  assert(Math.max(...differences) < 1e-4, `${differences}`);
}

async function parametersOf(tag: string, step: number): Promise<number[]> {
  const [model] = await savedBits(tag, step);
  const arrays = [...readSafetensors(model!)].sort(([a], [b]) => a < b ? -1 : 1);
  return arrays.flatMap(([, { data }]) => Array.from(data, Number));
}

async function savedBits(tag: string, step: number): Promise<Uint8Array[]> {
  const names = ["model", "optim"].map((part) => `${part}_${`${step}`.padStart(6, "0")}`);
  return await Promise.all(
    names.map((name) => Deno.readFile(`${folderOf(tag)}/${name}.safetensors`)),
  );
}

async function checkpointsOf(tag: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folderOf(tag))) {
    if (name.startsWith("meta_")) names.push(name);
  }
  return names.sort();
}

testUnderMpi("ranks train as one process does, and resume bit for bit", async (mpi) => {
  const two = `two-${mpi.command}`;
  await trainAlone("one", ["--eval-every", "10"]);
  const evaluated = ["--eval-every", "10", "--save-every", "10"];
  const { code, stdout, stderr } = await train(mpi, 2, two, evaluated);
  assertEquals(code, 0, stderr);
  assertMatch(stdout, new RegExp(`^ranks +${mpi.name} [\\d.]+, 2 ranks$`, "m"));
  assertEquals(stdout.match(/^device /gm)?.length, 1, "expected rank 0 alone to print");
  assertEquals(stdout.match(/bits per byte/g)?.length, 4, stdout);
  assertClose(await lossesOf(two), await lossesOf("one"));

  const whole = await savedBits(two, 20);
  for (const part of ["meta", "model", "optim", "tokenizer"]) {
    const extension = part === "meta" || part === "tokenizer" ? "json" : "safetensors";
    await Deno.remove(`${folderOf(two)}/${part}_000020.${extension}`);
  }
  const resumed = await train(mpi, 2, two, ["--resume"]);
  assertEquals(resumed.code, 0, resumed.stderr);
  assertStringIncludes(resumed.stdout, "Resuming after step 10.");
  assertEquals(await savedBits(two, 20), whole);
});

testUnderOneMpi("2 ranks have the parameters of one process after a step", async (mpi) => {
  const step = `step-${mpi.command}`;
  const flags = ["--num-iterations", "1", "--warmup-steps", "0"];
  await trainAlone("step", flags);
  const { code, stderr } = await train(mpi, 2, step, flags);
  assertEquals(code, 0, stderr);
  const [two, one] = [await parametersOf(step, 1), await parametersOf("step", 1)];
  const squares = (values: readonly number[]) => values.reduce((sum, x) => sum + x * x, 0);
  const rms = Math.sqrt(squares(two.map((value, i) => value - one[i]!)) / squares(one));
  assert(two.length === one.length && rms < 1e-6, `${rms}`);
});

testUnderOneMpi("a run resumes with 4, then 1, then 2 ranks", async (mpi) => {
  const many = `many-${mpi.command}`;
  const batch = ["--total-batch-size", "128"];
  await trainAlone("batch", batch);
  // Learning rates depend on the length of the run, so each part ends by removing a checkpoint.
  const saved = [...batch, "--save-every", "5"];
  assertEquals((await train(mpi, 4, many, saved)).code, 0);
  const seen = new Map<number, number>();
  for (const [part, ranks] of [1, 2].entries()) {
    const losses = await lossesOf(many);
    losses.slice(0, 5 * (part + 1)).forEach((loss, step) => seen.set(step, loss));
    const step = `${5 * (part + 1)}`;
    const { code, stderr } = await train(mpi, ranks, many, [
      ...batch,
      "--resume-from-step",
      step,
    ]);
    assertEquals(code, 0, stderr);
  }
  const wanted = await lossesOf("batch");
  assertClose([...seen.values()], wanted.slice(0, 10));
  assertClose(await lossesOf(many), wanted);
});

const ranksRun = new URL("testing/ranks_run.ts", import.meta.url);

/** The rows of each rank, from one checkpoint to the next. */
async function rowsOf(mpi: TestedMpi | null, ranks: number, folder: string): Promise<string[][]> {
  const args = [JSON.stringify({ folder })];
  const { code, stdout, stderr } = await launch({ mpi, ranks, script: ranksRun, args });
  assertEquals(code, 0, stderr);
  const lines = stdout.split("\n").filter((line) => line.startsWith("{")).map((line) =>
    JSON.parse(line)
  );
  return lines.sort((a, b) => a.rank - b.rank).map(({ rows }) => rows);
}

/** The rows of one process, in three parts. */
async function threeParts(): Promise<readonly string[]> {
  const folder = await Deno.makeTempDir();
  const rows: string[] = [];
  for (let part = 0; part < 3; part++) rows.push(...(await rowsOf(null, 1, folder))[0]!);
  await Deno.remove(folder, { recursive: true });
  return rows;
}

testUnderOneMpi("the rows of 4, then 1, then 2 ranks are those of one process", async (mpi) => {
  const many = await Deno.makeTempDir();
  const wanted = await threeParts();
  const got: string[] = [];
  for (const ranks of [4, 1, 2]) {
    const rows = await rowsOf(ranks === 1 ? null : mpi, ranks, many);
    assertEquals(rows.length, ranks);
    // Each rank takes every fourth, every second or every batch.
    for (const i of rows[0]!.keys()) got.push(...rows.map((each) => each[i]!));
  }
  assertEquals(await digestOf(got), await digestOf(wanted));
  assertEquals(wanted.length, 4 * 5 * 3, "expected four batches in each of fifteen steps");
  // Some repeat: the corpus is small.
  assert(new Set(wanted).size > 3 * 5 * 3, `${new Set(wanted).size} different batches`);
  await Deno.remove(many, { recursive: true });
});

async function digestOf(rows: readonly string[]): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(rows.join("\n")));
  return new Uint8Array(digest).toHex();
}

testUnderOneMpi("rank 0 chooses the precision of matmuls for all ranks", async (mpi) => {
  const script = new URL("testing/precision_on_ranks.ts", import.meta.url);
  const { code, stdout, stderr } = await launch({ mpi, ranks: 3, script });
  assertEquals(code, 0, stderr);
  const lines = stdout.split("\n").filter((line) => line.startsWith("{")).map((line) =>
    JSON.parse(line)
  );
  assertEquals(lines.map(({ precision }) => precision), ["f32", "f32", "f32"]);
  // The others do not find out for themselves, which their description would say.
  const said = lines.filter(({ description }) => description.includes("matmuls in f32"));
  assertEquals(said.map(({ rank }) => rank), [0]);
});

testUnderMpi("a loss of one rank that is not finite ends all ranks", async (mpi) => {
  const folder = await Deno.makeTempDir();
  const args = [JSON.stringify({ folder, nanAt: 2 })];
  const env = { NANODINO_TEST: crypto.randomUUID() };
  const { code, stdout, stderr } = await launch({ mpi, ranks: 2, script: ranksRun, args, env });
  const seconds = (Date.now() - Number(/NaN at (\d+)/.exec(stdout)?.[1])) / 1000;
  assert(seconds < SOON, `${seconds} s`);
  assertEquals(code, 1, stderr);
  const said = stderr.match(/rank 0 of 2 on .*: Cannot continue training: .* got NaN at step 2/g);
  assertEquals(said?.length, 1, stderr);
  assertEquals(await remainingRanks(`NANODINO_TEST=${env.NANODINO_TEST}`), []);
  const saved = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  assertEquals(saved.filter((name) => name.startsWith("m") && name !== "metrics.jsonl"), []);
  await Deno.remove(folder, { recursive: true });
});

testUnderMpi("errors are one line, and nothing is written", async (mpi) => {
  const home = await makeHome(corpus);
  const other = mpi.name === "MPICH" ? "libmpi.so.40" : "libmpich.so.12";
  const cases: [string[], number, number, string][] = [
    [["--total-batch-size", "64"], 3, 2, "× ranks = 2 × 16 × 3 = 96, got 64"],
    [["--mpi", other], 2, 1, "finds 1, so it belongs to another launcher"],
    [["--mpi", "libnowhere.so"], 2, 1, "got libnowhere.so (not found). Install"],
    [
      ["--resume"],
      2,
      2,
      "Cannot use --model-tag: wanted a run of base, but there is none yet",
    ],
    [["--dtype", "f16"], 2, 2, "Cannot use --dtype f16: wanted one rank, got several"],
  ];
  for (const [flags, ranks, wanted, text] of cases) {
    const args = flagsFor("none", flags);
    const env = { NANODINO_HOME: home };
    const { code, stdout, stderr } = await launch({ mpi, ranks, script, args, env });
    assertEquals(code, wanted, stderr);
    assertEquals(`${stdout}${stderr}`.split(text).length, 2, `${flags}: ${stderr}`);
  }
  await assertMissing(`${home}/base_checkpoints/none`);
  await Deno.remove(home, { recursive: true });
});

testUnderMpi("an error is reported even if the first rank is the last to notice", async (mpi) => {
  const script = new URL("testing/late_first_rank.ts", import.meta.url);
  const { code, stderr } = await launch({ mpi, ranks: 2, script });
  assertEquals(code, 1, stderr);
  assertEquals(stderr.split("got libnowhere.so (not found). Install").length, 2, stderr);
});

async function assertMissing(path: string): Promise<void> {
  const found = await Deno.stat(path).then(() => true, () => false);
  assertEquals(found, false, `expected no ${path}`);
}

/** Signals that stop a run with a checkpoint: those that a launcher forwards, and others. */
function signalsOf(
  mpi: TestedMpi,
): (readonly [target: "launcher" | "rank", signal: Deno.Signal, code: number])[] {
  const passedOn = mpi.name === "MPICH"
    ? [["SIGINT", 130], ["SIGTERM", 143]] as const
    : [["SIGUSR2", 130]] as const;
  return [
    ...passedOn.map(([signal, code]) => ["launcher", signal, code] as const),
    ["rank", "SIGINT", 130],
    ["rank", "SIGUSR2", 130],
    ["rank", "SIGTERM", 143],
    ["rank", "SIGHUP", 129],
  ];
}

testUnderMpi(
  "a signal to the launcher or to one rank stops all with one checkpoint",
  async (mpi) => {
    const env = { NANODINO_HOME: home };
    for (const [target, signal, wanted] of signalsOf(mpi)) {
      const tag = `${target}-${signal}-${mpi.command}`;
      const args = flagsFor(tag, ["--num-iterations", "100000"]);
      const child = launchCommand({ mpi, ranks: 2, script, args, env }).spawn();
      const output = new Output(child.stdout);
      const errors = new Output(child.stderr);
      await output.until(/^step 1 of/m);
      if (target === "launcher") child.kill(signal);
      else Deno.kill((await runningRanks(`NANODINO_HOME=${home}`))[1]!.pid, signal);
      const { code } = await child.status;
      await Promise.all([output.end, errors.end]);
      const text = `${tag}: ${output.text}${errors.text}`;
      assertEquals(code, wanted, text);
      assertEquals((await checkpointsOf(tag)).length, 1, text);
      assertEquals(await remainingRanks(`NANODINO_HOME=${home}`), []);
    }
  },
);

/** The output of a process, read continuously so that it never blocks. */
class Output {
  text = "";
  readonly end: Promise<void>;
  #wanted: { pattern: RegExp; resolve: () => void } | null = null;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.end = this.#read(stream);
  }

  async until(pattern: RegExp): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wanted = { pattern, resolve };
    await Promise.race([promise, this.end]);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      if (this.#wanted?.pattern.test(this.text)) this.#wanted.resolve();
    }
  }
}

Deno.test("rank 0 chooses the dtype of all ranks, whose timings may differ", () => {
  const sent: (string | null)[] = [];
  const typeOf = (rank: number, bfloat16Speed: number, dtype: "auto" | "bf16") => {
    const broadcastText = (text: string | null) => {
      sent.push(text);
      return text ?? "bfloat16";
    };
    const device = { kind: "cpu", bfloat16Speed } as Device;
    return trainingType({ rank, broadcastText }, device, { dtype }, true);
  };
  assertEquals([typeOf(0, 2, "auto"), typeOf(1, 1, "auto")], ["bfloat16", "bfloat16"]);
  assertEquals([typeOf(0, 1, "auto"), typeOf(1, 1, "bf16")], ["float32", "bfloat16"]);
  assertEquals(sent, ["bfloat16", null, "float32"]);
});
