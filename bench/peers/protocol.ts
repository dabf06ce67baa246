/**
 * The protocol between a measured library and the benchmark.
 *
 * Each library runs in its own process, so that its threads do not take cores from the next. The process
 * sets up a job, reports its result for comparison, and then measures once for each line on stdin.
 */

import type { Load } from "../clients.ts";
import { TextLineStream } from "./lines.ts";

/** Quantities by name: `ms`, `gflops`, `tokens_per_second`, … */
export type Sample = Readonly<Record<string, number>>;

export interface JobOptions {
  /** The file of a model, by default the one next to the library. */
  readonly file?: string;
  /** The library's name of the backend: `wasm`, `webgpu`, `cpu`. */
  readonly backend?: string;
  readonly threads?: number;
  readonly blas?: boolean;
  /** The variant, where there are several. */
  readonly way?: string;
  /** Rows and columns of matrices, or bytes. */
  readonly size?: number;
  /** Which operands are transposed: `NN`, `NT`, `TN`, `TT`. */
  readonly transposes?: string;
  readonly vocabSize?: number;
  readonly text?: string;
  /** Clients that ask side by side. */
  readonly load?: Load;
  readonly path?: string;
}

export interface Job {
  /** The result, to compare with those of other libraries. */
  readonly check: readonly number[];
  readonly measure: () => Sample | Promise<Sample>;
}

export type Setup = (options: JobOptions) => Job | Promise<Job>;

export type Answer = { readonly check: readonly number[] } | { readonly sample: Sample };

/** Marks the lines that are messages, because libraries print, too. */
export const MARK = "\u001e";

/** Runs one of several jobs: the arguments are its name and its options as JSON. */
export async function serve(setups: Readonly<Record<string, Setup>>): Promise<void> {
  const [name = "", options = "{}"] = Deno.args;
  const setup = setups[name];
  if (setup === undefined) {
    throw new Error(`Cannot measure: wanted ${Object.keys(setups).join(", ")}, got "${name}"`);
  }
  const job = await setup(JSON.parse(options));
  answer({ check: job.check });
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TextLineStream(),
  );
  for await (const _line of lines) answer({ sample: await job.measure() });
  Deno.exit(0);
}

function answer(value: Answer): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`\n${MARK}${JSON.stringify(value)}\n`));
}

/**
 * Minimum duration of a measurement on a GPU, in milliseconds. Waiting for a GPU takes 11 ms in Deno,
 * whatever the work: a third of a short measurement, and most for the fastest library.
 */
export const MIN_MS_ON_WEBGPU = 300;

/**
 * Warms up a function, and returns one that times it, with many calls at once where they are short.
 *
 * @param run Runs or starts one call.
 * @param wait Waits until all started calls are done.
 * @param least Minimum duration of a measurement, in milliseconds.
 * @returns A function that returns the milliseconds of a call.
 */
export async function timer(
  run: () => void | Promise<void>,
  wait: () => void | Promise<void>,
  least = 30,
): Promise<() => Promise<number>> {
  const time = async (count: number) => {
    await wait();
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      const running = run();
      if (running !== undefined) await running;
    }
    await wait();
    return (performance.now() - start) / count;
  };
  // Warm up until calls stop getting faster: compilers optimize code in stages.
  let count = 1;
  let last = Infinity;
  for (let tries = 0; tries < 12; tries++) {
    const each = await time(count);
    const isSteady = each > 0.9 * last;
    last = each;
    if (each * count < least) {
      count = Math.max(count + 1, Math.min(count * 4, Math.ceil(least / Math.max(each, 1e-4))));
    } else if (isSteady || each > 2000) break;
  }
  return async () => {
    // After a rest, threads must wake up, and clocks and caches recover.
    if (count > 1) await time(Math.ceil(count / 3));
    return await time(count);
  };
}
