/** What the benches share: medians, memory, and the one line of JSON at the end. @module */

import { type Device, openDevice } from "../tensor/mod.ts";
import { choice, integer, toggle, type Values } from "../scripts/flags.ts";

/** The flags that every bench takes. */
export const benchFlags = {
  device: choice(["auto", "cpu", "webgpu"], "cpu", "Where to compute"),
  threads: integer(0, "Threads of the CPU device, 0 for one on each core", { least: 0 }),
  noBlas: toggle("Compute matrix products without a BLAS"),
};

/** The shape of the model that is timed: `base` of the README unless told otherwise. */
export const modelFlags = {
  depth: integer(4, "The number of layers"),
  aspectRatio: integer(64, "The width for each layer of depth"),
  headDim: integer(64, "The channels of an attention head"),
  vocabSize: integer(4096, "The number of tokens in the vocabulary"),
  maxSeqLen: integer(256, "The length of a sequence in tokens", { least: 2 }),
};

/** Opens the device that flags ask for. */
export function openBenchDevice(values: Values<typeof benchFlags>): Promise<Device> {
  const { device, threads, noBlas } = values;
  return openDevice(device, { blas: !noBlas, ...(threads > 0 ? { threads } : {}) });
}

/** The middle one of some numbers, when they are sorted. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Rounds to a number of decimals. */
export function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

/** The most memory that this process ever held, in mebibytes. */
export function peakMemory(): number {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    const match = /VmHWM:\s*(\d+) kB/.exec(status);
    if (match !== null) return Math.round(Number(match[1]) / 1024);
  } catch {
    // Not on Linux: what is held now is the nearest that can be had.
  }
  return Math.round(Deno.memoryUsage().rss / 2 ** 20);
}

/** Milliseconds that `run` takes until the device is done, for each of `repeats` runs. */
export async function timeRuns(
  device: Device,
  repeats: number,
  run: () => void | Promise<void>,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    await device.synchronize();
    const start = performance.now();
    await run();
    await device.synchronize();
    times.push(performance.now() - start);
  }
  return times;
}
