/**
 * Writes `bench/SCALING.md`: the cost of a token on the CPU by width, depth, context and vocabulary, a
 * cost model fitted to it, and forecasts for larger models and machines.
 *
 *     deno task scaling
 */

import { configForDepth, GPT, planTraining } from "../gpt/mod.ts";
import { writeFileAtomically } from "../gpt/internals.ts";
import { BUCKET_BYTES } from "../gpt/parallel.ts";
import { measureMatmulPeak } from "../gpt/train/matmul_peak.ts";
import { optional, runScript, type Script, text, toggle } from "../scripts/flags.ts";
import { type CpuDevice, openDevice, Tensor } from "../tensor/mod.ts";
import { installedMpis } from "../mpi/testing/ranks.ts";
import { timeRuns } from "./harness.ts";
import { median } from "./statistics.ts";
import { timeRanks } from "./parallel.ts";
import type { RankTimes } from "./parallel_rank.ts";
import { machineFacts } from "./peers/facts.ts";
import { gradientBytesOf, largestShares, type RankCosts } from "./ranks_model.ts";
import { type MeasuredRanks, ranksSection, withRanksSection } from "./ranks_page.ts";
import { baseShape, nanochatShape } from "./roofline_count.ts";
import {
  type ByPart,
  type CostModel,
  costsOn,
  countAmounts,
  fitCosts,
  type Point,
  predict,
  type ScalingShape,
} from "./scaling_model.ts";
import { type Large, type Path, readFit, scalingPage, SERVER } from "./scaling_page.ts";
import { timeSteps } from "./step.ts";

const flags = {
  quick: toggle("Time fewer models, once each, to test the script"),
  ranks: toggle("Measure several ranks only, and keep the rest of the page"),
  output: optional(text("", "Output file, by default bench/SCALING.md", "PATH")),
};

const base: ScalingShape = { ...baseShape, aspectRatio: 64 };

/** A model of the given width, a multiple of the head size. */
function wide(width: number, others: Partial<ScalingShape> = {}): ScalingShape {
  const { depth } = { ...base, ...others };
  return { ...base, ...others, aspectRatio: Math.floor(width / depth) };
}

/** The timed shapes: `base` with one dimension changed, then with several. */
const shapes: readonly ScalingShape[] = [
  base,
  ...[128, 384, 512].map((width) => wide(width)),
  ...[2, 6, 8].map((depth) => wide(256, { depth })),
  ...[128, 512, 1024].map((maxSeqLen) => ({
    ...base,
    maxSeqLen,
    deviceBatchSize: 1024 / maxSeqLen,
  })),
  ...[1024, 8192, 32_768].map((vocabSize) => ({ ...base, vocabSize })),
  ...[1, 8].map((deviceBatchSize) => ({ ...base, deviceBatchSize })),
  wide(512, { depth: 2, vocabSize: 1024, maxSeqLen: 1024, deviceBatchSize: 1 }),
  wide(128, { depth: 8, vocabSize: 1024 }),
  // Dominated by elementwise work, by attention, and by kernel calls.
  wide(64, { vocabSize: 1024, maxSeqLen: 128, deviceBatchSize: 16 }),
  wide(128, { depth: 2, vocabSize: 1024, maxSeqLen: 1024, deviceBatchSize: 1 }),
  wide(32, { headDim: 32, vocabSize: 64, maxSeqLen: 8, deviceBatchSize: 1 }),
];

const isInQuickRun = (_shape: ScalingShape, i: number): boolean => i % 2 === 0 || i > 14;

const heldOut: ScalingShape = {
  ...base,
  depth: 6,
  vocabSize: 32_768,
  maxSeqLen: 512,
  deviceBatchSize: 4,
};

const script: Script<typeof flags> = {
  summary: "Measures the cost of a token on the CPU, and forecasts larger models and machines.",
  command: "deno task scaling",
  flags,
  run: async ({ quick, ranks, output }) => {
    const place = output ?? decodeURIComponent(new URL("SCALING.md", import.meta.url).pathname);
    if (ranks) {
      const page = await Deno.readTextFile(place);
      const section = await measureSection(readFit(page), quick);
      await writeFileAtomically(place, withRanksSection(page, section));
      console.log(section);
      return;
    }
    const paths: Path[] = [];
    for (const blas of [true, false]) {
      const path = await measurePath(blas, quick);
      if (path !== null) paths.push(path);
    }
    const larges: Large[] = [];
    for (const depth of [12, 20]) {
      const shape = { ...nanochatShape(depth, 1), aspectRatio: 64 };
      larges.push({ shape, amounts: await countAmounts(shape), plan: planTraining(shape) });
    }
    const { processor, threads, system } = machineFacts();
    const page = scalingPage({
      date: new Date().toISOString().slice(0, 10),
      machine: `${processor}, ${threads} threads, ${system}`,
      threads: Number(threads),
      paths,
      larges,
      isQuick: quick,
    });
    const section = await measureSection(readFit(page), quick);
    const whole = withRanksSection(page, section);
    await writeFileAtomically(place, whole);
    console.log(whole);
  },
};

/** Sequences of a step of `base` on 1 to 4 ranks: divisible by all of them. */
const SEQUENCES = 12;

/** Measures ranks on this machine, and forecasts more of them from the fit with a BLAS. */
async function measureSection(
  fit: { model: CostModel; bandwidth: number },
  isQuick: boolean,
): Promise<string> {
  const { processor, threads, system } = machineFacts();
  const server = costsOn({
    cores: SERVER.cores / Number(threads),
    bandwidth: SERVER.bandwidth / fit.bandwidth,
  }, fit.model);
  const deep: ScalingShape = { ...nanochatShape(12, 1), aspectRatio: 64 };
  const [small, large, fast] = await Promise.all([
    costsOfRank(base, fit.model),
    costsOfRank(deep, fit.model),
    costsOfRank(deep, server),
  ]) as [RankCosts, RankCosts, RankCosts];
  const depth4 = { name: `depth 4, ${threads} cores`, costs: small, rowTokens: base.maxSeqLen };
  const depth12 = { tokens: planTraining(deep).totalBatchSize, rowTokens: deep.maxSeqLen };
  return ranksSection({
    date: new Date().toISOString().slice(0, 10),
    machine: `${processor}, ${threads} threads, ${system}`,
    scalings: [
      { ...depth4, tokens: 2048 },
      { ...depth4, tokens: 16_384 },
      { name: `depth 12, ${threads} cores`, costs: large, ...depth12 },
      { name: `depth 12, ${SERVER.cores} cores`, costs: fast, ...depth12 },
    ],
    measured: await measureRanks(small, Number(threads), isQuick),
  });
}

async function costsOfRank(shape: ScalingShape, model: CostModel): Promise<RankCosts> {
  const { forward, backward, optimizer } = predict(await countAmounts(shape), model);
  return {
    token: (forward + backward) / (shape.deviceBatchSize * shape.maxSeqLen),
    optimizer,
    gradientBytes: gradientBytesOf(shape),
    largestShare: largestShares(shape),
  };
}

/** Times 1 to 4 ranks of one thread; `null` without an MPI. */
async function measureRanks(
  costs: RankCosts,
  cores: number,
  isQuick: boolean,
): Promise<MeasuredRanks | null> {
  const [mpi] = installedMpis();
  if (mpi === undefined) return null;
  const work = {
    threads: 1,
    sequences: SEQUENCES,
    steps: isQuick ? 1 : 2,
    warmup: isQuick ? 2 : 4,
    ways: [{ isSharded: true, bucketBytes: BUCKET_BYTES }],
  };
  const counts = [1, 2, 3, 4];
  const loads: number[] = [];
  const all: RankTimes[][] = counts.map(() => []);
  for (let round = 0; round < (isQuick ? 1 : 3); round++) {
    loads.push(Deno.loadavg()[0]!);
    for (const [i, ranks] of counts.entries()) {
      const [times] = await timeRanks(ranks === 1 ? null : mpi, ranks, work);
      console.log(`${ranks} ranks: ${times!.step.toFixed(0)} ms`);
      all[i]!.push(times!);
    }
  }
  const times = all.map((rounds): RankTimes => {
    const names = Object.keys(rounds[0]!) as (keyof RankTimes)[];
    const entries = names.map((name) => [name, median(rounds.map((each) => each[name]))]);
    return Object.fromEntries(entries) as RankTimes;
  });
  const [one] = times as [RankTimes];
  const tokens = SEQUENCES * base.maxSeqLen;
  return {
    name: mpi.name,
    cores,
    tokens,
    loads,
    times,
    costs: { ...costs, token: one.passes / 1000 / tokens, optimizer: one.optimizer / 1000 },
  };
}

/** Times all models with or without a BLAS; `null` if a BLAS is wanted and not found. */
async function measurePath(blas: boolean, isQuick: boolean): Promise<Path | null> {
  const device = await openDevice("cpu", { blas });
  try {
    if (device.kind !== "cpu") throw new Error(`Cannot time the CPU on a ${device.kind}`);
    if (blas && !device.hasBlas) return null;
    console.log(device.info.description);
    const matmulFlops = await measureMatmulPeak(device);
    const bandwidth = await measureBandwidth(device);
    await device.close();
    const points: Point[] = [];
    const milliseconds = isQuick ? 500 : 4000;
    for (const shape of isQuick ? shapes.filter(isInQuickRun) : shapes) {
      points.push(await measurePoint(shape, blas, milliseconds));
    }
    const model = fitCosts(points);
    const unseen = isQuick ? null : await measurePoint(heldOut, blas, milliseconds);
    return { name: device.info.description, blas, matmulFlops, bandwidth, points, model, unseen };
  } finally {
    await device.close();
  }
}

/** Bytes per second of adding two arrays of 64 MiB into a third. */
async function measureBandwidth(device: CpuDevice): Promise<number> {
  using _scope = device.scope();
  const [a, b] = [1, 2].map((value) => Tensor.full(device, [2 ** 24], value)) as [Tensor, Tensor];
  const times = await timeRuns(device, 7, () => a.add(b).dispose());
  return 3 * 4 * 2 ** 24 / (median(times) / 1000);
}

/** Times 1 to 25 steps, as many as fit into the given milliseconds. */
async function measurePoint(
  shape: ScalingShape,
  blas: boolean,
  milliseconds: number,
): Promise<Point> {
  // One device for each shape, to free its memory.
  const device = await openDevice("cpu", { blas });
  try {
    const model = new GPT(configForDepth(shape), device, { seed: 1 });
    const optimizer = model.optimizer({ weightDecay: 0.1 });
    const time = async (steps: number, warmup: number) =>
      (await timeSteps(device, model, optimizer, { ...shape, steps, warmup })).times;
    const [step] = (await time(1, 2)).step as [number];
    const steps = Math.min(25, Math.max(1, Math.round(milliseconds / (2 * step))));
    const times = await time(steps, 0);
    const seconds: ByPart<number> = {
      forward: median(times.forward) / 1000,
      backward: median(times.backward) / 1000,
      optimizer: median(times.optimizer) / 1000,
    };
    console.log(`${JSON.stringify(shape)} ${steps} × ${median(times.step).toFixed(1)} ms`);
    return { shape, amounts: await countAmounts(shape), seconds };
  } finally {
    await device.close();
  }
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
