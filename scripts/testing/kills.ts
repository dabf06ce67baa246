/**
 * Kills a training run at random moments, and compares its results with an uninterrupted run.
 *
 * `deno run -A scripts/testing/kills.ts --kills 200` prints a table; the tests do a few kills. With
 * `--ranks --kills 100 --steps 120` it kills one of two, three or four ranks, which `task ranks`
 * restarts.
 */

import {
  loadModel,
  loadOptimizer,
  openCheckpoint,
  openDevice,
  readMetrics,
  removeCheckpoint,
  savedSteps,
} from "../../gpt/mod.ts";
import { tableAsText } from "../../gpt/internals.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import { namesIn } from "../../gpt/files/files.ts";
import { installedMpis, runningRanks, type TestedMpi } from "../../mpi/testing/ranks.ts";
import { integer, runScript as runMain, toggle, type Values } from "../flags.ts";
import { makeCorpus, makeHome, runScript, tinyFlags } from "./run_script.ts";

export interface KillOptions {
  readonly kills: number;
  /** Steps of the run: more than are done until the last kill. */
  readonly steps: number;
  /** Flags of `base_train` for the model and the batch. */
  readonly flags: readonly string[];
  /** Called after every kill. */
  readonly report?: (kills: number, step: number) => void;
}

/** The exit code of a process that SIGKILL ended. */
const KILLED = 137;

/** Results of {@linkcode killRun}. */
export interface KillOutcome {
  /** Kills while a temporary file was being written. */
  readonly whileWriting: number;
  readonly beforeFirst: number;
  /** Kills before the first step of the process was printed. */
  readonly whileStarting: number;
  /** Checkpoints that were read completely after a kill. */
  readonly loaded: number;
  /** Copies of the run that were resumed after a kill. */
  readonly resumed: number;
  /** Digests, state and metrics at the end, without times: equal for equal runs. */
  readonly interrupted: unknown;
  readonly uninterrupted: unknown;
}

/**
 * Changes of files by a process: until its first step, and until its fourth checkpoint. These come after three
 * steps each, and take 28.
 */
const FIRST_OPERATIONS = 16, OPERATIONS = 125;

/**
 * Runs `base_train` to its end twice: once undisturbed, and once killed repeatedly (SIGKILL), each time at
 * a random file operation: a third of the times before its first step, otherwise later. After every kill, the last
 * checkpoint is loaded, and a copy of the run is resumed.
 *
 * @throws {Error} If the run cannot be resumed, or ends before the last kill.
 */
export async function killRun(
  { kills, steps, flags, report }: KillOptions,
): Promise<KillOutcome> {
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  const run = [
    ...[...flags, "--data", corpus, "--num-iterations", `${steps}`],
    ...["--eval-every", "100", "--save-every", "3", "--model-tag"],
  ];
  await succeed([...run, "whole", "--save-every", "-1"], home);
  const folder = `${home}/base_checkpoints/killed`;
  const resume = ["--resume", "--model-tag", "killed"];
  const counts = { whileWriting: 0, beforeFirst: 0, whileStarting: 0, loaded: 0, resumed: 0 };
  for (let kill = 0; kill < kills; kill++) {
    const before = (await savedSteps(folder)).at(-1);
    const args = before === undefined ? [...run, "killed"] : resume;
    const isStarting = Math.random() < 1 / 3;
    const operation = 1 + Math.floor(Math.random() * (isStarting ? FIRST_OPERATIONS : OPERATIONS));
    const { isStarted, isOver } = await runUntil(operation, args, home);
    if (isOver) throw new Error(`Cannot kill the run ${kills} times: it ended after ${kill}`);
    if (!isStarted) counts.whileStarting++;

    const names = await namesIn(folder);
    if (names.some((name) => name.endsWith(".tmp"))) counts.whileWriting++;
    const last = (await savedSteps(folder)).at(-1);
    report?.(kill + 1, last ?? 0);
    if (last === undefined) {
      counts.beforeFirst++;
      continue;
    }
    if (before !== undefined && last < before) throw new Error(`step ${before} is gone`);
    await loadWhole(folder);
    counts.loaded++;
    await resumeCopy(folder, last, home);
    counts.resumed++;
    for (const step of (await savedSteps(folder)).slice(0, -2)) {
      await removeCheckpoint(folder, step);
    }
  }
  await succeed((await savedSteps(folder)).length === 0 ? [...run, "killed"] : resume, home);
  const interrupted = await contentsOf(folder);
  return {
    ...counts,
    interrupted,
    uninterrupted: await contentsOf(`${home}/base_checkpoints/whole`),
  };
}

export interface KillRanksOptions extends KillOptions {
  readonly mpi: TestedMpi;
  readonly ranks: number;
}

export interface KillRanksOutcome {
  /** Kills while a temporary file was being written. */
  readonly whileWriting: number;
  readonly beforeFirst: number;
  /** Checkpoints that were read completely after a kill. */
  readonly loaded: number;
  /** Runs that finished, although ranks were killed. */
  readonly runs: number;
  /** Longest time from a kill to the end of all ranks, in seconds. */
  readonly longest: number;
  /** Whether every run equals the uninterrupted one, to the bit. */
  readonly isEqual: boolean;
}

/** How often a rank is killed within {@linkcode STARTING} after a start, and not after a checkpoint. */
const STARTING_SHARE = 1 / 10;
/** Milliseconds in which ranks start, and do some steps. */
const STARTING = 3000;
/** Checkpoints of a process before a rank of it is killed, at most. */
const MAX_CHECKPOINTS = 4;
/** Milliseconds after a checkpoint: as long as some steps and another checkpoint. */
const AFTER_CHECKPOINT = 300;

/**
 * Runs `base_train` on ranks by `task ranks`, and kills one of them (SIGKILL) at random moments: a
 * tenth of the times after their start, otherwise after one of their first checkpoints. After every
 * kill, all ranks must end, and the last checkpoint is loaded. A finished run is compared with an
 * uninterrupted one, and another one starts.
 * @throws {Error} If ranks outlive a kill by more than five seconds, a checkpoint cannot be loaded,
 * or a run does not finish.
 */
export async function killRanks(
  { mpi, ranks, kills, steps, flags, report }: KillRanksOptions,
): Promise<KillRanksOutcome> {
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  const start = (tag: string) =>
    startRanks(mpi, ranks, home, [
      ...[...flags, "--data", corpus, "--num-iterations", `${steps}`],
      ...["--eval-every", "100", "--save-every", "5", "--model-tag", tag],
    ]);
  const folderOf = (tag: string) => `${home}/base_checkpoints/${tag}`;
  await finish(start("whole"));
  const uninterrupted = JSON.stringify(await contentsOf(folderOf("whole")));
  const counts = { whileWriting: 0, beforeFirst: 0, loaded: 0, runs: 0, longest: 0 };
  let isEqual = true;
  let done = 0;
  while (done < kills) {
    const folder = folderOf(`run${counts.runs}`);
    const running = start(`run${counts.runs}`);
    while (done < kills && !running.isOver) {
      const isStarting = Math.random() < STARTING_SHARE;
      const checkpoints = 1 + Math.floor(Math.random() * MAX_CHECKPOINTS);
      if (!isStarting) await running.checkpoints(checkpoints);
      const window = isStarting ? STARTING : AFTER_CHECKPOINT;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * window));
      const seconds = await killOne(home);
      if (seconds === null) continue;
      counts.longest = Math.max(counts.longest, seconds);
      const names = await namesIn(folder).catch(() => []);
      if (names.some((name) => name.endsWith(".tmp"))) counts.whileWriting++;
      const last = (await savedSteps(folder).catch(() => [])).at(-1);
      report?.(++done, last ?? 0);
      if (last === undefined) counts.beforeFirst++;
      else {
        // A new checkpoint may come, but the last two stay.
        await loadWhole(folder);
        counts.loaded++;
      }
    }
    await finish(running);
    counts.runs++;
    isEqual &&= JSON.stringify(await contentsOf(folder)) === uninterrupted;
    await Deno.remove(folder, { recursive: true });
  }
  for (const each of [corpus, home]) await Deno.remove(each, { recursive: true });
  return { ...counts, isEqual };
}

class Running {
  isOver = false;
  text = "";
  readonly status: Promise<Deno.CommandStatus>;
  #onText = () => {};

  constructor(child: Deno.ChildProcess) {
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        this.text += text;
        this.#onText();
      }
    };
    const reading = Promise.all([read(child.stdout), read(child.stderr)]);
    this.status = reading.then(() => child.status).finally(() => {
      this.isOver = true;
      this.#onText();
    });
  }

  /** Waits until `count` checkpoints more were saved, or for the end. */
  async checkpoints(count: number): Promise<void> {
    const start = this.text.length;
    while (!this.isOver && [...this.text.slice(start).matchAll(/^Saved /gm)].length < count) {
      await new Promise<void>((resolve) => this.#onText = resolve);
    }
  }
}

function startRanks(
  mpi: TestedMpi,
  ranks: number,
  home: string,
  args: readonly string[],
): Running {
  const [starter, training] = ["ranks.ts", "base_train.ts"].map((name) =>
    new URL(`../${name}`, import.meta.url).href
  ) as [string, string];
  const launcher = [mpi.command, ...mpi.args].join(" ");
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", starter],
      ...["--n", `${ranks}`, "--retries", "1000", "--launcher", launcher],
      ...["--", "run", "-A", "--no-check", training, ...args],
    ],
    env: { NANODINO_HOME: home, NO_COLOR: "1", ...mpi.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return new Running(child);
}

async function finish(running: Running): Promise<void> {
  const { code } = await running.status;
  if (code !== 0) throw new Error(`task ranks ended with ${code}: ${running.text}`);
}

/**
 * Kills one of the ranks; returns the seconds until all have ended, or `null` if there is none to
 * kill. If this process is stopped meanwhile, so are the ranks: of a longer gap, one second counts.
 */
async function killOne(home: string): Promise<number | null> {
  const ranks = await runningRanks(`NANODINO_HOME=${home}`);
  const victim = ranks[Math.floor(Math.random() * ranks.length)];
  if (victim === undefined) return null;
  Deno.kill(victim.pid, "SIGKILL");
  let seconds = 0;
  for (let last = performance.now();;) {
    const left = new Set((await runningRanks(`NANODINO_HOME=${home}`)).map(({ pid }) => pid));
    const now = performance.now();
    seconds += Math.min(1, (now - last) / 1000);
    last = now;
    if (!ranks.some(({ pid }) => left.has(pid))) return seconds;
    if (seconds > 5) throw new Error(`wanted all ranks to be gone within 5 s, got ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function succeed(args: readonly string[], home: string): Promise<void> {
  const { code, stderr } = await runScript("base_train.ts", args, home);
  if (code !== 0) throw new Error(`base_train ${args.join(" ")} ended with ${code}: ${stderr}`);
}

/** Runs a process that kills itself at a file operation. */
async function runUntil(
  operation: number,
  args: readonly string[],
  home: string,
): Promise<{ isStarted: boolean; isOver: boolean }> {
  const all = [`${operation}`, ...args];
  const { code, stdout, stderr } = await runScript("testing/kill_itself.ts", all, home);
  if (code !== KILLED && code !== 0) throw new Error(stderr);
  return { isStarted: /^step \d+ of/m.test(stdout), isOver: code === 0 };
}

async function loadWhole(folder: string): Promise<void> {
  const device = await openDevice("cpu", { threads: 1, blas: false });
  const checkpoint = await openCheckpoint(folder);
  const model = await loadModel(checkpoint, device);
  await loadOptimizer(checkpoint, new MuonAdamW(model.optimizerGroups()), device);
  await device.close();
}

/** Copies a run with all its files, and resumes the copy for two steps. */
async function resumeCopy(folder: string, step: number, home: string): Promise<void> {
  const copy = `${home}/base_checkpoints/copy`;
  await Deno.mkdir(copy);
  for (const name of await namesIn(folder)) {
    await Deno.copyFile(`${folder}/${name}`, `${copy}/${name}`);
  }
  await succeed(["--resume", "--model-tag", "copy", "--num-iterations", `${step + 2}`], home);
  const left = (await namesIn(copy)).filter((name) => /\.(tmp|lock)$/.test(name));
  if (left.length > 0) throw new Error(`wanted nothing left behind, got ${left}`);
  await Deno.remove(copy, { recursive: true });
}

/**
 * The content of the last checkpoint and the metrics of a run, without settings, and without what differs between
 * equal processes: times, and the peak of memory, which for a tiny model is that of the matmuls measured at the
 * start, whose size depends on the processor's speed at that moment.
 */
export async function contentsOf(folder: string): Promise<unknown> {
  const { meta } = await openCheckpoint(folder);
  const { savedAt: _, settings: __, state: { seconds: ___, ...state }, ...rest } = meta;
  const metrics = (await readMetrics(`${folder}/metrics.jsonl`)).map((record) => {
    const differing = ["seconds", "tokensPerSecond", "flopsPerSecond", "secondsLeft", "peakBytes"];
    return Object.fromEntries(
      Object.entries(record).filter(([name]) => !differing.includes(name)),
    );
  });
  return { ...rest, state, metrics };
}

const flags = {
  kills: integer(200, "How often the run is killed"),
  steps: integer(20_000, "Steps of the run: more than are done until the last kill"),
  blas: toggle("Compute with a BLAS, and a larger model"),
  ranks: toggle("Kill one of 2, 3 or 4 ranks, under every MPI that is installed"),
};

/** Kills ranks, equally often for each number of them and each MPI. */
async function mainOnRanks({ kills, steps }: Values<typeof flags>): Promise<number> {
  const cases = installedMpis().flatMap((mpi) => [2, 3, 4].map((ranks) => ({ mpi, ranks })));
  let isEqual = true;
  const sums = { beforeFirst: 0, loaded: 0, runs: 0 };
  for (const [i, { mpi, ranks }] of cases.entries()) {
    const name = `${mpi.name}, ${ranks} ranks`;
    const share = Math.floor((kills * (i + 1)) / cases.length) -
      Math.floor(kills * i / cases.length);
    const outcome = await killRanks({
      mpi,
      ranks,
      steps,
      kills: share,
      flags: [...tinyFlags, "--total-batch-size", "384"],
      report: (kills, step) => console.log(`${name}, kill ${kills}: step ${step} is saved`),
    });
    isEqual &&= outcome.isEqual;
    for (const key of ["beforeFirst", "loaded", "runs"] as const) sums[key] += outcome[key];
    console.log(tableAsText([
      ["ranks", `${name}: ${share} kills`],
      ["while a file was being written", `${outcome.whileWriting}`],
      ["before the first checkpoint", `${outcome.beforeFirst}`],
      ["after the first checkpoint, which was loaded", `${outcome.loaded}`],
      ["runs that came to their end", `${outcome.runs} of ${steps} steps`],
      ["longest time to the end of all ranks", `${outcome.longest.toFixed(2)} s`],
      ["at the end", outcome.isEqual ? "equal to the bit" : "DIFFERENT"],
    ]));
  }
  const { beforeFirst, loaded, runs } = sums;
  console.log(
    `${beforeFirst + loaded} kills: ${beforeFirst} before the first checkpoint, ${loaded} after ` +
      `it; ${runs} runs came to their end, ${isEqual ? "equal to the bit" : "SOME DIFFERENT"}`,
  );
  return isEqual ? 0 : 1;
}

async function main(values: Values<typeof flags>): Promise<number> {
  if (values.ranks) return await mainOnRanks(values);
  const start = performance.now();
  const larger = "--depth 4 --head-dim 64 --max-seq-len 64 --device-batch-size 2 --device cpu " +
    "--total-batch-size 128 --eval-tokens 500 --sample-every -1";
  const outcome = await killRun({
    ...values,
    flags: values.blas ? larger.split(" ") : tinyFlags,
    report: (kills, step) => console.log(`kill ${kills}: step ${step} is saved`),
  });
  const { interrupted, uninterrupted, ...counts } = outcome;
  const isEqual = JSON.stringify(interrupted) === JSON.stringify(uninterrupted);
  console.log(tableAsText([
    ["kills", `${values.kills} of ${values.steps} steps${values.blas ? ", with a BLAS" : ""}`],
    ["before the process did a step", `${counts.whileStarting}`],
    ["while a file was being written", `${counts.whileWriting}`],
    ["before the first checkpoint", `${counts.beforeFirst}`],
    ["checkpoints loaded after a kill", `${counts.loaded}`],
    ["copies resumed after a kill", `${counts.resumed}`],
    ["at the end", isEqual ? "equal to the bit" : "DIFFERENT"],
    ["seconds", ((performance.now() - start) / 1000).toFixed(0)],
  ]));
  return isEqual ? 0 : 1;
}

if (import.meta.main) {
  const summary = "Kills a training run at random moments, and compares it with one left alone.";
  const command = "deno run -A scripts/testing/kills.ts";
  Deno.exit(await runMain({ summary, command, flags, run: main }, Deno.args));
}
