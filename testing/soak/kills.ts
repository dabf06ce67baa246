/**
 * Kills of training, fine-tuning and ranks at random moments: the run continues from its last
 * checkpoint, and ends as one that nobody killed, to the bit.
 *
 * @module
 */

import { openCheckpoint, savedSteps } from "../../gpt/mod.ts";
import { checkpointFileName, digestOf } from "../../gpt/files/checkpoint_meta.ts";
import { namesIn } from "../../gpt/files/files.ts";
import { readMetrics } from "../../gpt/files/metrics.ts";
import { installedMpis, runningRanks } from "../../mpi/testing/ranks.ts";
import {
  command,
  makeCorpus,
  makeHome,
  permissions,
  runScript,
  tinyFlags,
} from "../../scripts/testing/run_script.ts";
import type { Random } from "./random.ts";
import type { OpenTrial, Trial } from "./trial.ts";

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs that are killed and continue. */
interface Stage {
  /** The folder of all runs of the stage, below the home. */
  readonly runs: string;
  /** Starts a run of this name, or resumes it. */
  start(home: string, tag: string, isResumed: boolean): Deno.ChildProcess;
  /** Brings a run to its end, with kills on the way; returns how many there were. */
  killed(start: (isResumed: boolean) => Deno.ChildProcess, setting: Setting): Promise<number>;
}

interface Setting {
  readonly home: string;
  readonly folder: string;
  readonly random: Random;
}

/** A home with a corpus, a tokenizer and, for fine-tuning, a base model. */
async function makeRunHome(): Promise<{ readonly corpus: string; readonly home: string }> {
  const corpus = await makeCorpus();
  const home = await makeHome(corpus);
  const { code, stderr } = await runScript("base_train.ts", [...tinyFlags, "--data", corpus], home);
  if (code !== 0) throw new Error(`Cannot train a base model: ${stderr}`);
  return { corpus, home };
}

const MAX_KILLS = 3;
/** Milliseconds until a kill: from the start of a process to its first steps and checkpoints. */
const MAX_DELAY = 2500;

function killTrial(name: string, limit: number, stageOf: (corpus: string) => Stage): Trial {
  return {
    name: `kills/${name}`,
    limit,
    weight: 3,
    async open(): Promise<OpenTrial> {
      const { corpus, home } = await makeRunHome();
      const stage = stageOf(corpus);
      const folderOf = (tag: string) => `${home}/${stage.runs}/${tag}`;
      await finish(stage.start(home, "whole", false));
      const wanted = await contentOf(folderOf("whole"));
      return {
        async run(random, seed) {
          const tag = `run${seed}`;
          const folder = folderOf(tag);
          const start = (isResumed: boolean) => stage.start(home, tag, isResumed);
          const kills = await stage.killed(start, { home, folder, random });
          const content = await contentOf(folder);
          if (content !== wanted) {
            throw new Error(`wanted the results of an undisturbed run, ${wanted}, got ${content}`);
          }
          const left = (await namesIn(folder)).filter((file) => /\.(tmp|lock)$/.test(file));
          if (left.length > 0) throw new Error(`wanted no file left behind, got ${left}`);
          await Deno.remove(folder, { recursive: true });
          return `${kills} kills`;
        },
        async [Symbol.asyncDispose]() {
          for (const path of [corpus, home]) await Deno.remove(path, { recursive: true });
        },
      };
    },
  };
}

/** Kills a process several times, and resumes the run from its last checkpoint, if it has one. */
const killAndResume: Stage["killed"] = async (start, { folder, random }) => {
  const hasCheckpoint = async () => (await savedSteps(folder).catch(() => [])).length > 0;
  let kills = 0;
  for (let left = 1 + random.below(MAX_KILLS); left > 0; left--) {
    const child = start(await hasCheckpoint());
    const ended = read(child);
    await Promise.race([wait(random.below(MAX_DELAY)), ended]);
    tryToKill(() => child.kill("SIGKILL"));
    const { code, signal, stderr } = await ended;
    if (signal === "SIGKILL") kills++;
    else if (code === 0) return kills;
    else throw new Error(`wanted a run that goes on, got code ${code}: ${stderr}`);
  }
  await finish(start(await hasCheckpoint()));
  return kills;
};

/** Kills one rank several times; `task ranks` starts all of them again. */
const killOneRank: Stage["killed"] = async (start, { home, random }) => {
  const ended = read(start(false));
  let isOver = false;
  ended.finally(() => isOver = true);
  let kills = 0;
  for (let left = 1 + random.below(MAX_KILLS); left > 0; left--) {
    await Promise.race([wait(random.below(2 * MAX_DELAY)), ended]);
    if (isOver) break;
    const running = await runningRanks(`NANODINO_HOME=${home}`);
    if (running.length > 0 && tryToKill(() => Deno.kill(random.pick(running).pid, "SIGKILL"))) {
      kills++;
    }
  }
  const { code, stderr } = await ended;
  if (code !== 0) throw new Error(`wanted ranks that end well, got code ${code}: ${stderr}`);
  return kills;
};

/** Returns whether there was still a process. */
function tryToKill(kill: () => void): boolean {
  try {
    kill();
    return true;
  } catch {
    return false;
  }
}

interface Ended {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stderr: string;
}

async function read(child: Deno.ChildProcess): Promise<Ended> {
  const [, stderr, { code, signal }] = await Promise.all([
    new Response(child.stdout).arrayBuffer(),
    new Response(child.stderr).text(),
    child.status,
  ]);
  return { code, signal, stderr };
}

async function finish(child: Deno.ChildProcess): Promise<void> {
  const { code, stderr } = await read(child);
  if (code !== 0) throw new Error(`wanted a run that ends well, got code ${code}: ${stderr}`);
}

/** Digests of the last checkpoint, its state, and the metrics, without times: equal for equal runs. */
async function contentOf(folder: string): Promise<string> {
  const { meta } = await openCheckpoint(folder);
  const { seconds: _, ...state } = meta.state;
  const digests = await Promise.all((["model", "optim"] as const).map(async (part) => {
    const bytes = await Deno.readFile(`${folder}/${checkpointFileName(part, meta.state.step)}`);
    return (await digestOf(bytes)).sha256;
  }));
  const losses = (await readMetrics(`${folder}/metrics.jsonl`)).flatMap((record) =>
    "loss" in record ? [[record.step, record.loss]] : []
  );
  return JSON.stringify({ digests, state, losses });
}

/** Starts a run of a script, or resumes it. */
function resumable(script: string, flags: readonly string[]): Stage["start"] {
  return (home, tag, isResumed) => {
    const named = ["--model-tag", tag];
    const args = isResumed ? ["--resume", ...named] : [...flags, "--overwrite", ...named];
    return command(script, args, home).spawn();
  };
}

/** The flags of a pretraining run of 60 steps. */
const pretraining = (corpus: string) => [
  ...tinyFlags,
  "--data",
  corpus,
  ..."--num-iterations 60 --save-every 5".split(" "),
];

const training = killTrial("training", 600, (corpus) => ({
  runs: "base_checkpoints",
  start: resumable("base_train.ts", pretraining(corpus)),
  killed: killAndResume,
}));

const fineTuning = killTrial("fine-tuning", 600, () => ({
  runs: "chatsft_checkpoints",
  start: resumable("chat_sft.ts", [
    ..."--device cpu --threads 1 --no-blas --task rules:40 --max-seq-len 64".split(" "),
    ..."--total-batch-size 256 --num-iterations 16 --eval-every -1 --save-every 3".split(" "),
    "--base-tag",
    "d2",
  ]),
  killed: killAndResume,
}));

const mpis = installedMpis();

/** One of two ranks is killed; `task ranks` starts both again. */
const ranks: Trial = {
  ...killTrial("ranks", 900, (corpus) => ({
    runs: "base_checkpoints",
    start: (home, tag) =>
      startRanks(home, [
        ...pretraining(corpus),
        "--model-tag",
        tag,
        "--total-batch-size",
        "64",
      ]),
    killed: killOneRank,
  })),
  ...(mpis.length > 0 ? {} : { missing: "an MPI" }),
};

function startRanks(home: string, args: readonly string[]): Deno.ChildProcess {
  const mpi = mpis[0]!;
  const [starter, script] = ["ranks.ts", "base_train.ts"].map((name) =>
    new URL(`../../scripts/${name}`, import.meta.url).href
  ) as [string, string];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--no-config",
      starter,
      "--n",
      "2",
      "--retries",
      "100",
      "--launcher",
      [mpi.command, ...mpi.args].join(" "),
      "--",
      "run",
      "--no-config",
      "--no-prompt",
      ...permissions,
      script,
      ...args,
    ],
    env: { NANODINO_HOME: home, NO_COLOR: "1", ...mpi.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

export const killTrials: readonly Trial[] = [training, fineTuning, ranks];
