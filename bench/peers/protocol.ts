/**
 * How a library that is measured talks to the one who measures.
 *
 * Each library runs in a process of its own, so that the threads of one do not take the cores of the
 * next. The process sets its job up, says what came out of it so that this can be compared, and then
 * measures once for each line that it reads, until there are no more.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";

/** Quantities by name: `ms`, `gflops`, `tokens_per_second`, … */
export type Sample = Readonly<Record<string, number>>;

/** What is to be measured: what a job does not know it leaves alone. */
export interface JobOptions {
  /** The library's name for what computes: `wasm`, `webgpu`, `cpu`. */
  readonly backend?: string;
  /** Threads; one for each core unless given. */
  readonly threads?: number;
  /** Whether a BLAS may be used. */
  readonly blas?: boolean;
  /** The way to do it, where there are several. */
  readonly way?: string;
  /** Rows and columns, or bytes. */
  readonly size?: number;
  /** Which operands are transposed: `NN`, `NT`, `TN`, `TT`. */
  readonly transposes?: string;
  /** The size of a vocabulary. */
  readonly vocabSize?: number;
  /** Which text. */
  readonly text?: string;
  /** Where files are. */
  readonly path?: string;
}

/** A job that is set up, and warm. */
export interface Job {
  /** What came out of it: compared with what comes out of others. */
  readonly check: readonly number[];
  /** Measures once. */
  readonly measure: () => Sample | Promise<Sample>;
}

/** Sets a job up. */
export type Setup = (options: JobOptions) => Job | Promise<Job>;

/** What a library answers. */
export type Answer = { readonly check: readonly number[] } | { readonly sample: Sample };

/** Marks the lines that are answers: libraries print as they please. */
export const MARK = "\u001e";

/** Does one of several jobs: the command line has its name and its options. */
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
 * How long to measure at least on a graphics processor, in milliseconds: in Deno waiting for one takes
 * 11 ms however much there was to do, a third of a short measurement, and more of it the faster a
 * library is.
 */
export const LEAST_ON_WEBGPU = 300;

/**
 * Warms something up, and then measures it: many calls at once where they are short.
 *
 * @param run Does it once, or starts it.
 * @param wait Waits until all that was started is done.
 * @param least How long a measurement takes at least, in milliseconds.
 * @returns A function that gives the milliseconds of a call.
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
  // Compilers reach their best code after a while: so until a call takes no less time than before.
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
    // After a rest, threads have to wake up, and clocks and caches to come back.
    if (count > 1) await time(Math.ceil(count / 3));
    return await time(count);
  };
}
