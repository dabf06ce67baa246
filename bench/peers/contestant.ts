/** Starts and measures libraries in other processes. */

import { TextLineStream } from "./lines.ts";
import { type Answer, type JobOptions, MARK, type Sample } from "./protocol.ts";

/** A started library, to be measured repeatedly. */
export interface Contestant {
  /** The result, to compare with those of others. */
  readonly check: readonly number[];
  readonly measure: () => Promise<Sample>;
  readonly close: () => Promise<void>;
}

/** The user's settings for the libraries. */
export interface Settings {
  /** A checkout of nanochat; without it, its files are downloaded. */
  readonly nanochat: string | null;
  /** The Python that has PyTorch. */
  readonly python: string;
}

export interface Side {
  readonly library: string;
  /** Starts the library and waits until it is warm. @throws {Error} If it is not available here. */
  readonly start: (settings?: Settings) => Promise<Contestant>;
}

/** Inputs of a job besides its script. */
export interface Surroundings {
  /** The working folder, passed as `path`. */
  readonly folder?: string;
  readonly flags?: readonly string[];
}

/** Time limit of setup and of one measurement, in seconds. */
const MAX_SECONDS = 150;

/**
 * Pause before each measurement, in milliseconds: threads of the side before, such as OpenBLAS's, spin
 * for 100 ms and would take a core.
 */
const REST = 150;

const here = (name: string): string => new URL(name, import.meta.url).href;

/** A job in its own process, which runs the file `script` of this folder. */
export function job(
  library: string,
  script: string,
  name: string,
  options: JobOptions = {},
  before?: () => Promise<Surroundings>,
): Side {
  return {
    library,
    start: async () => {
      const { folder, flags = [] } = await before?.() ?? {};
      const given = folder === undefined ? options : { ...options, path: folder };
      return startJob([
        "run",
        "-A",
        "--no-lock",
        "--quiet",
        ...flags,
        here(script),
        name,
        JSON.stringify(given),
      ], folder);
    },
  };
}

async function startJob(args: readonly string[], folder?: string): Promise<Contestant> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [...args],
    ...(folder === undefined ? {} : { cwd: folder }),
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const complaints = new Response(process.stderr).text();
  const requests = process.stdin.getWriter();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TextLineStream(),
  ).getReader();
  const next = async (): Promise<Answer> => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      process.kill();
    }, 1000 * MAX_SECONDS);
    try {
      for (;;) {
        const { value, done } = await lines.read();
        if (done && isLate) throw new Error(`timed out after ${MAX_SECONDS} s`);
        if (done) throw new Error(lastError(await complaints));
        if (value.startsWith(MARK)) return JSON.parse(value.slice(MARK.length));
      }
    } finally {
      clearTimeout(timer);
    }
  };
  const first = await next();
  return {
    check: "check" in first ? first.check : [],
    measure: async () => {
      await new Promise((resolve) => setTimeout(resolve, REST));
      await requests.write(new TextEncoder().encode("\n"));
      const answer = await next();
      return "sample" in answer ? answer.sample : {};
    },
    close: async () => {
      await requests.close().catch(() => {});
      await lines.cancel();
      await process.status;
      await complaints;
    },
  };
}

export interface ProgramOptions {
  /** Extracts what must be the same in other programs; by default nothing. */
  readonly check?: (json: Report) => readonly number[];
  readonly env?: Readonly<Record<string, string>>;
  /** Time limit of a run in seconds. @default {150} */
  readonly seconds?: number;
}

/**
 * A program that runs once for each measurement and prints JSON as its last line.
 *
 * @param read Extracts the quantities from that JSON.
 */
export function program(
  library: string,
  [command, ...args]: readonly [string, ...string[]],
  read: (json: Report) => Sample,
  { check = () => [], env = {}, seconds = MAX_SECONDS }: ProgramOptions = {},
): Side {
  const run = async (): Promise<Report> => {
    const signal = AbortSignal.timeout(1000 * seconds);
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args,
      signal,
      env: { NO_COLOR: "1", ...env },
    }).output();
    if (signal.aborted) throw new Error(`timed out after ${seconds} s`);
    if (!success) throw new Error(lastError(new TextDecoder().decode(stderr)));
    return JSON.parse(new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1) ?? "");
  };
  return {
    library,
    // The first run, with cold caches, is not measured.
    start: async () => ({
      check: check(await run()),
      measure: async () => read(await run()),
      close: () => Promise.resolve(),
    }),
  };
}

export interface Report {
  readonly ms?: Readonly<Record<string, number>>;
  readonly tokens_per_second?: number;
  readonly prefill_tokens_per_second?: number;
  readonly speedup_over_reading_each?: number;
  readonly parameters?: number;
  readonly peak_rss_mb?: number;
}

export function readReport(
  { tokens_per_second, prefill_tokens_per_second, speedup_over_reading_each, peak_rss_mb, ms }:
    Report,
): Sample {
  return {
    speedup: speedup_over_reading_each ?? NaN,
    tokens_per_second: tokens_per_second ?? NaN,
    prefill_tokens_per_second: prefill_tokens_per_second ?? NaN,
    megabytes: peak_rss_mb ?? NaN,
    ms: ms?.step ?? NaN,
  };
}

/** The number of parameters, which must be the same on both sides. */
export function parameterCount({ parameters }: Report): number[] {
  return parameters === undefined ? [] : [parameters];
}

export function limit(name: string, sample: Sample): Side {
  return {
    library: name,
    start: () =>
      Promise.resolve({
        check: [],
        measure: () => Promise.resolve(sample),
        close: () => Promise.resolve(),
      }),
  };
}

/**
 * The most informative line of an error output: a compiler's fatal error, or the last line that starts
 * with the name of an error.
 */
export function lastError(text: string): string {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const fatal = lines.map((line) => /\bfatal error: .*/.exec(line)?.[0]).find((line) => line);
  const named = lines.findLast((line) => /^(error|[\w.]*(Error|Exception))\b/.test(line));
  return fatal ?? named ?? lines.at(-1) ?? "no error output";
}
