/**
 * Runs trials in processes of their own, with limits of time and memory, and counts what happened.
 *
 * @module
 */

import { parseMessage, type Trial } from "./trial.ts";

/** The result of one trial. */
export interface Tally {
  readonly name: string;
  tried: number;
  failed: number;
  /** How often each outcome was. */
  readonly outcomes: Map<string, number>;
  /** The longest time, in milliseconds. */
  slowest: number;
  /** Maximum memory of its process, in MiB. */
  memory: number;
}

/** A failure, and the seed that repeats it. */
export interface Failure {
  readonly name: string;
  readonly seed: number;
  readonly error: string;
}

export interface SoakOptions {
  readonly trials: readonly Trial[];
  /** A script that runs one of the trials: see `runTrials`. */
  readonly script: URL;
  /** Seconds for all trials together; `Infinity` if only `times` limits them. */
  readonly seconds: number;
  readonly seed: number;
  /** How often each is tried at most. @default {Infinity} */
  readonly times?: number;
  /** Maximum MiB of memory of a process. @default {2048} */
  readonly memoryLimit?: number;
  /** Called with the first failures of each trial. */
  readonly onFailure?: (failure: Failure) => void;
  /** Ends it early: what was tried until then is the result. */
  readonly signal?: AbortSignal;
}

const MAX_TOLD = 3;

/** Seconds that a trial has before another one's turn. */
const MAX_TURN = 60;

/**
 * Gives each trial its share of the time, in turns, and at least one try.
 *
 * @returns A tally of each, and all failures in order.
 */
export async function soak(
  options: SoakOptions,
): Promise<{ readonly tallies: readonly Tally[]; readonly failures: readonly Failure[] }> {
  const { seconds, seed, times = Infinity, signal } = options;
  const trials = options.trials.filter(({ missing }) => missing === undefined);
  const tallies = trials.map(({ name }): Tally => ({
    name,
    tried: 0,
    failed: 0,
    outcomes: new Map(),
    slowest: 0,
    memory: 0,
  }));
  const failures: Failure[] = [];
  const deadline = Date.now() + 1000 * seconds;
  const weights = trials.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const rounds = seconds === Infinity ? 1 : Math.max(1, Math.ceil(seconds / weights / MAX_TURN));
  for (let round = 0; round < rounds; round++) {
    for (const [i, trial] of trials.entries()) {
      if (signal?.aborted) return { tallies, failures };
      // A trial that took longer than its share, as one try may, leaves less to those behind it.
      const ahead = trials.slice(i).reduce((sum, { weight = 1 }) => sum + weight, 0);
      const left = (deadline - Date.now()) / 1000;
      const turn = left * (trial.weight ?? 1) / (ahead + (rounds - round - 1) * weights);
      const end = Date.now() + 1000 * turn;
      const tally = tallies[i]!;
      let told = 0;
      do {
        const next = seed + tally.tried;
        await runProcess(trial, next, times - tally.tried, end, tally, options, (failure) => {
          failures.push(failure);
          if (++told <= MAX_TOLD) options.onFailure?.(failure);
        });
        // A process that was ended continues after the seed at which it hung.
      } while (Date.now() < end && tally.tried < times && !signal?.aborted);
    }
  }
  return { tallies, failures };
}

/** Runs a trial until its time is over, or its process has ended otherwise. */
async function runProcess(
  { name, limit }: Trial,
  seed: number,
  times: number,
  deadline: number,
  tally: Tally,
  { script, memoryLimit = 2048, signal: stopping }: SoakOptions,
  onFailure: (failure: Failure) => void,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--quiet",
      script.href,
      name,
      `${seed}`,
      `${times}`,
      `${deadline}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  let current = seed;
  let reason: string | null = null;
  const fail = (error: string) => {
    tally.tried++;
    tally.failed++;
    onFailure({ name, seed: current++, error });
  };
  const stop = (why: string) => {
    reason ??= why;
    end(child);
  };
  const stopEarly = () => end(child);
  stopping?.addEventListener("abort", stopEarly);
  let isOver = false;
  let lastWord = Date.now();
  const watch = async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const mebibytes = await memoryOf(child.pid);
      tally.memory = Math.max(tally.memory, mebibytes);
      if (mebibytes > memoryLimit) {
        stop(`wanted at most ${memoryLimit} MiB of memory, got ${Math.round(mebibytes)}`);
      }
      if (Date.now() - lastWord > 1000 * limit) {
        stop(`wanted an end within ${limit} s, got none`);
      }
    }
  };
  const watching = watch();
  const errors = new Response(child.stderr).text();
  let hasEnded = false;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const message = parseMessage(line);
      if (message === null) continue;
      lastWord = Date.now();
      if (message === "ready") continue;
      if (message === "over") {
        hasEnded = true;
      } else if ("error" in message) {
        fail(message.error);
      } else {
        const { outcome, milliseconds } = message;
        current++;
        tally.tried++;
        tally.slowest = Math.max(tally.slowest, milliseconds);
        tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1);
      }
    }
  }
  const { code, signal } = await child.status;
  isOver = true;
  await watching;
  stopping?.removeEventListener("abort", stopEarly);
  // Ctrl-C reaches all processes of a terminal: this one may end before the other hears of it.
  if (stopping?.aborted || signal === "SIGINT") return;
  if (code !== 0 || !hasEnded) {
    const how = reason ?? `wanted a process that ends well, got ${signal ?? `code ${code}`}`;
    fail(`${how}: ${(await errors).trim().slice(-2000)}`);
  }
}

/** Ends a process: so that it can end its own, it is asked first. */
function end(child: Deno.ChildProcess): void {
  const kill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
  };
  kill("SIGTERM");
  const timer = setTimeout(() => kill("SIGKILL"), 2000);
  child.status.then(() => clearTimeout(timer));
}

/** The memory of a process in MiB; 0 where nothing says it, as on other systems than Linux. */
async function memoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}
