/** Shared by benches: flags, medians, peak memory, timing. */

import { type Device, openDevice } from "../tensor/mod.ts";
import { choice, integer, toggle, type Values } from "../scripts/flags.ts";

export const benchFlags = {
  device: choice(["auto", "cpu", "webgpu"], "cpu", "Device to compute on"),
  threads: integer(0, "Threads of the CPU device, 0 for one per core", { least: 0 }),
  noBlas: toggle("Run matmuls without a BLAS"),
  noOneDnn: toggle("Run matmuls without oneDNN"),
  matmulPrecision: choice(["f32", "bf16", "auto"], "f32", "Operands of matmuls on the CPU"),
};

/** The shape of the model, by default `base` of bench/RESULTS.md. */
export const modelFlags = {
  depth: integer(4, "Number of layers"),
  aspectRatio: integer(64, "Width per layer"),
  headDim: integer(64, "Channels of an attention head"),
  vocabSize: integer(4096, "Vocabulary size"),
  maxSeqLen: integer(256, "Context length in tokens", { least: 2 }),
};

export const dtypeFlag = {
  dtype: choice(["f32", "bf16"], "f32", "The dtype of activations and of weights in matmuls"),
};
export const dtypes = { f32: "float32", bf16: "bfloat16" } as const;

export function openBenchDevice(values: Values<typeof benchFlags>): Promise<Device> {
  const { device, threads, noBlas, noOneDnn, matmulPrecision } = values;
  return openDevice(device, {
    blas: !noBlas,
    oneDnn: !noOneDnn,
    matmulPrecision,
    ...(threads > 0 ? { threads } : {}),
  });
}

/** Peak resident memory of this process, in MiB. */
export function peakMemory(): number {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    const match = /VmHWM:\s*(\d+) kB/.exec(status);
    if (match !== null) return Math.round(Number(match[1]) / 1024);
  } catch {
    // Not on Linux: fall back to current resident memory.
  }
  return Math.round(Deno.memoryUsage().rss / 2 ** 20);
}

/** Times `repeats` runs, each until the device is done, in milliseconds. */
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
