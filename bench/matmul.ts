/**
 * Times square matmuls, each checked against double precision first.
 *
 *     deno run -A bench/matmul.ts --device cpu --sizes 256,512,1024
 *
 * The last line is one line of JSON.
 */

import { type Device, matmul, noGrad, type Tensor, uniform } from "../tensor/mod.ts";
import { integer, runScript, type Script, text, UsageError } from "../scripts/flags.ts";
import { benchFlags, openBenchDevice, peakMemory, timeRuns } from "./harness.ts";
import { median, round } from "./statistics.ts";

const flags = {
  ...benchFlags,
  sizes: text("256,512,1024", "Comma-separated sizes", "N,N"),
  repeats: integer(10, "Measurements of each size"),
};

const script: Script<typeof flags> = {
  summary: "Times square matmuls.",
  command: "deno run -A bench/matmul.ts",
  flags,
  run: async (values) => {
    const sizes = values.sizes.split(",").map(Number);
    if (!sizes.every((size) => Number.isInteger(size) && size > 0)) {
      throw new UsageError(`Cannot use --sizes: wanted whole numbers, got "${values.sizes}"`);
    }
    const device = await openBenchDevice(values);
    console.log(device.info.description);
    const gflops: Record<string, number> = {};
    for (const size of sizes) {
      gflops[size] = round(await measure(device, size, values.repeats), 1);
      console.log(`${size} x ${size}: ${gflops[size]} GFLOP/s`);
    }
    console.log(JSON.stringify({
      library: "nanodino",
      device: device.info.description,
      config: values,
      gflops,
      peak_rss_mb: peakMemory(),
    }));
    await device.close();
  },
};

/** GFLOP/s, the median of several measurements. */
async function measure(device: Device, size: number, repeats: number): Promise<number> {
  using _scope = device.scope();
  const a = uniform(device, [size, size], { seed: 1, low: -1, high: 1 });
  const b = uniform(device, [size, size], { seed: 2, low: -1, high: 1 });
  await check(a, b, size);
  // Small matmuls are timed many at once.
  const count = Math.max(1, Math.round(2e8 / size ** 3));
  const run = () => {
    for (let i = 0; i < count; i++) {
      using _products = device.scope();
      noGrad(() => matmul(a, b));
    }
  };
  // V8's optimizing compiler takes a few runs.
  await timeRuns(device, 5, run);
  const milliseconds = median(await timeRuns(device, repeats, run));
  return count * 2 * size ** 3 / milliseconds / 1e6;
}

/** Compares some elements with sums in double precision. @throws {Error} If they differ. */
async function check(a: Tensor, b: Tensor, size: number): Promise<void> {
  const isRounded = a.device.matmulPrecision === "bf16";
  const [left, right] = [await a.data(), await b.data()];
  const product = await noGrad(() => matmul(a, b)).data();
  for (let i = 0; i < 50; i++) {
    const [row, column] = [(i * 7919) % size, (i * 104729) % size];
    let sum = 0;
    for (let k = 0; k < size; k++) sum += left[row * size + k]! * right[k * size + column]!;
    const got = product[row * size + column]!;
    // Rounding to 8 significant bits moves a product of numbers below 1 by less than 1/128.
    if (!(Math.abs(got - sum) <= (isRounded ? Math.sqrt(size) / 128 : 1e-6 * size))) {
      throw new Error(`Cannot time matmul: at ${row}, ${column} wanted ${sum}, got ${got}`);
    }
  }
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
