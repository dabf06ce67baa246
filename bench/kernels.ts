/**
 * Times kernels on every device against what they replace: the plain kernel, or unfused operations.
 *
 *     deno run -A bench/kernels.ts --only matmul,attention --device cpu
 *
 * The sizes are those of a `base` training step: 4 × 256 tokens at depth 4. Results are compared before
 * timing, and the timed results are read back.
 */

import { relativeDeviation } from "../testing/golden.ts";
import { type Device, noGrad, openDevice, type Tensor } from "../tensor/mod.ts";
import {
  choice,
  integer,
  runScript,
  type Script,
  text,
  toggle,
  UsageError,
} from "../scripts/flags.ts";
import { timeRuns } from "./harness.ts";
import { median } from "./statistics.ts";
import { type Kernel, kernels, type Way } from "./kernel_list.ts";

const flags = {
  device: choice(["all", "cpu", "webgpu"], "all", "Device to compute on"),
  threads: integer(0, "Threads of the CPU device, 0 for one per core", { least: 0 }),
  noBlas: toggle("Skip the CPU with a BLAS"),
  only: text("", "Comma-separated parts of kernel names", "NAME,NAME"),
  repeats: integer(7, "Measurements of each kernel"),
};

/** Minimum duration of a measurement, in milliseconds: shorter ones measure the clock. */
const MEASUREMENT = 20;

/** Kernels slower than this, in milliseconds, are timed only twice. */
const SLOW = 300;

/** Largest difference of two results, relative to the largest element. */
const TOLERANCE = 1e-4;

const script: Script<typeof flags> = {
  summary: "Times kernels on every device against what they replace.",
  command: "deno run -A bench/kernels.ts",
  flags,
  run: async (values) => {
    const parts = values.only.split(",");
    const wanted = kernels.filter(({ name }) => parts.some((part) => name.includes(part)));
    if (wanted.length === 0) {
      const names = kernels.map(({ name }) => name).join("; ");
      throw new UsageError(`Cannot use --only: wanted a part of ${names}, got "${values.only}"`);
    }
    const options = values.threads > 0 ? { threads: values.threads } : {};
    const kinds = values.device === "all" ? ["cpu", "webgpu"] as const : [values.device];
    for (const kind of kinds) {
      for (const blas of kind === "cpu" && !values.noBlas ? [true, false] : [false]) {
        const device = await openOrExplain(kind, { ...options, blas });
        if (device === null) continue;
        // Without a BLAS the second round repeats the first.
        if (!blas || (device.kind === "cpu" && device.hasBlas)) {
          await printTable(device, wanted, values.repeats);
        }
        await device.close();
      }
    }
  },
};

async function openOrExplain(
  kind: "cpu" | "webgpu",
  options: { readonly threads?: number; readonly blas: boolean },
): Promise<Device | null> {
  try {
    return await openDevice(kind, options);
  } catch (error) {
    console.log(`\n${kind}: skipped. ${error instanceof Error ? error.message : error}`);
    return null;
  }
}

async function printTable(device: Device, list: readonly Kernel[], repeats: number): Promise<void> {
  console.log(`\n${device.info.description}`);
  console.log(row("", "ms", "GFLOP/s", "GB/s", "faster", "than"));
  for (const kernel of list) {
    using _scope = device.scope();
    const { run, plain } = noGrad(() => kernel.prepare(device));
    await check(kernel, run, plain);
    const [milliseconds, plainMilliseconds] = [
      await measure(device, run, repeats),
      await measure(device, plain, repeats),
    ];
    const perSecond = (count: number | undefined) =>
      count === undefined ? "" : (count / milliseconds / 1e6).toFixed(1);
    console.log(row(
      kernel.name,
      milliseconds.toFixed(milliseconds < 10 ? 3 : 1),
      perSecond(kernel.flops),
      perSecond(kernel.bytes),
      `${(plainMilliseconds / milliseconds).toFixed(1)} x`,
      kernel.replaces,
    ));
  }
}

function row(name: string, ms: string, flops: string, bytes: string, faster: string, than: string) {
  return [
    name.padEnd(50),
    ms.padStart(8),
    flops.padStart(8),
    bytes.padStart(7),
    faster.padStart(9),
    ` ${than}`,
  ].join(" ");
}

/** Compares the two results. @throws {Error} If they differ. */
async function check(kernel: Kernel, run: Way, plain: Way): Promise<void> {
  const [got, wanted] = [noGrad(run), noGrad(plain)];
  const deviation = relativeDeviation(await got.data(), await wanted.data());
  if (!(deviation <= TOLERANCE)) {
    throw new Error(
      `Cannot time ${kernel.name}: wanted the result of ${kernel.replaces}, got a deviation of ${deviation}`,
    );
  }
}

/** Milliseconds of one call, the median of several measurements. */
async function measure(device: Device, way: Way, repeats: number): Promise<number> {
  let last: Tensor | null = null;
  const calls = (count: number) => () => {
    for (let i = 0; i < count; i++) {
      using scope = device.scope();
      const result = noGrad(way);
      if (i < count - 1) continue;
      last?.dispose();
      last = scope.keep(result);
    }
  };
  // The check has compiled the kernel, but engines and drivers optimize it only after several runs.
  // Slow calls, mostly of the plain kernel, are not repeated as often.
  const [once] = await timeRuns(device, 1, calls(1)) as [number];
  const isSlow = once > SLOW;
  const count = isSlow ? 1 : Math.max(1, Math.min(1000, Math.ceil(MEASUREMENT / once)));
  await timeRuns(device, isSlow ? 0 : 3, calls(count));
  const times = await timeRuns(device, isSlow ? Math.min(repeats, 2) : repeats, calls(count));
  await consume(last);
  return median(times) / count;
}

/** Reads the result of the timed runs. @throws {Error} If it is not finite. */
async function consume(result: Tensor | null): Promise<void> {
  const values = await result?.data();
  if (values === undefined || !values.every(Number.isFinite)) {
    throw new Error("Cannot use the times: the result is not finite");
  }
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
