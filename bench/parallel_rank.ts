/**
 * Started by `parallel.ts` as ranks: steps of `base`, with optimizers that share their work or repeat
 * it, a few steps of each in turn. Rank 0 prints the times as JSON.
 */

import process from "node:process";
import { configForDepth, GPT } from "../gpt/mod.ts";
import { TensorExchange } from "../gpt/parallel.ts";
import { addressOf, detectRanks, World } from "../mpi/mod.ts";
import { type Exchange, type MuonAdamW, type Segments, ShardedMuonAdamW } from "../optim/mod.ts";
import { ownersOf } from "../optim/sharded.ts";
import { openDevice, type Tensor } from "../tensor/mod.ts";
import { optimizerGroups } from "../gpt/model/optimizer_groups.ts";
import { median } from "./statistics.ts";
import { baseShape } from "./roofline_count.ts";
import { randomBatch } from "./step.ts";

/** How the ranks share the work of a step. */
export interface Way {
  /** Whether each parameter has one owner, or every rank updates all of them. */
  readonly isSharded: boolean;
  readonly bucketBytes: number;
}

export interface RankWork {
  readonly threads: number;
  /** Sequences of a step, on all ranks together. */
  readonly sequences: number;
  readonly warmup: number;
  /** Steps in each of the three turns of each way. */
  readonly steps: number;
  readonly ways: readonly Way[];
}

/** Milliseconds of a step and of its parts: medians, each of the rank with the largest. */
export interface RankTimes {
  readonly step: number;
  /** Forward and backward. */
  readonly passes: number;
  /** Waiting for the slowest rank, before both exchanges. */
  readonly wait: number;
  /** Packing, sending and unpacking gradients and parameters, when all ranks are ready. */
  readonly exchange: number;
  readonly optimizer: number;
  /** Processor time of the update. */
  readonly optimizerCpu: number;
}

const parts = ["step", "passes", "wait", "exchange", "optimizer", "optimizerCpu"] as const;
const TURNS = 3;

const work: RankWork = JSON.parse(Deno.args[0]!);
const world = detectRanks(Deno.env) === null ? null : World.open();
const device = await openDevice("cpu", { threads: work.threads });
const model = new GPT(configForDepth(baseShape), device, { seed: 1 });
const parameters = model.parameters();
const sequences = work.sequences / (world?.ranks ?? 1);

/** Adds up the milliseconds of the parts of a step. */
class Watch {
  readonly sums = { wait: 0, exchange: 0, optimizer: 0, optimizerCpu: 0 };
  #start = performance.now();
  #cpu = process.cpuUsage();

  start(): void {
    this.#start = performance.now();
    this.#cpu = process.cpuUsage();
  }

  end(part: "wait" | "exchange" | "optimizer"): void {
    this.sums[part] += performance.now() - this.#start;
    if (part === "optimizer") {
      const { user, system } = process.cpuUsage(this.#cpu);
      this.sums.optimizerCpu += (user + system) / 1000;
    }
    this.start();
  }
}

let watch = new Watch();

function timed(exchange: TensorExchange): Exchange {
  const time = async (run: () => Promise<void>): Promise<void> => {
    world!.barrier();
    watch.end("wait");
    await run();
    watch.end("exchange");
  };
  return {
    rank: exchange.rank,
    ranks: exchange.ranks,
    reduceScatter: async (gradients) => {
      watch.start();
      await time(() => exchange.reduceScatter(gradients));
    },
    allGather: async (parameters) => {
      watch.end("optimizer");
      await time(() => exchange.allGather(parameters));
    },
  };
}

function updateBy({ isSharded, bucketBytes }: Way): { step(): Promise<void> } {
  const rates = { weightDecay: 0.1 };
  if (world === null) return stepping(model.optimizer(rates));
  const exchange = new TensorExchange(world, addressOf, bucketBytes);
  if (isSharded) {
    const groups = optimizerGroups(model.config, rates).map(({ names, ...group }) => ({
      ...group,
      parameters: new Map(names.map((name) => [name, parameters.get(name)!])),
    }));
    return new ShardedMuonAdamW(groups, timed(exchange));
  }
  const optimizer = stepping(model.optimizer(rates));
  // A sum that every rank has is a sum at its owner, given to all.
  const work = [...parameters].map(([name, { size }]) => ({ name, cost: size }));
  const owners = ownersOf(work, world.ranks);
  const segments = (of: (parameter: Tensor) => Tensor): Segments =>
    Array.from(
      { length: world.ranks },
      (_, rank) =>
        [...parameters].flatMap(([name, each]) => owners.get(name) === rank ? [of(each)] : []),
    );
  return {
    step: async () => {
      watch.start();
      world.barrier();
      watch.end("wait");
      const gradients = segments((parameter) => parameter.grad!);
      await exchange.reduceScatter(gradients);
      await exchange.allGather(gradients);
      watch.end("exchange");
      await optimizer.step();
    },
  };
}

function stepping(optimizer: MuonAdamW): { step(): Promise<void> } {
  return {
    step: () => {
      watch.start();
      optimizer.step();
      watch.end("optimizer");
      return Promise.resolve();
    },
  };
}

let batches = 0;

async function timeStep(update: { step(): Promise<void> }): Promise<RankTimes> {
  using _scope = device.scope();
  const shape = { ...baseShape, deviceBatchSize: sequences };
  const [inputs, targets] = randomBatch(device, shape, batches++);
  world?.barrier();
  watch = new Watch();
  const start = performance.now();
  model.forward(inputs, targets).div(world?.ranks ?? 1).backward();
  const passes = performance.now() - start;
  await update.step();
  const step = performance.now() - start;
  for (const parameter of parameters.values()) parameter.zeroGrad();
  return { step, passes, ...watch.sums };
}

const updates = work.ways.map((way) => ({ update: updateBy(way), times: [] as RankTimes[] }));
for (let i = 0; i < work.warmup; i++) await timeStep(updates[i % updates.length]!.update);
for (let turn = 0; turn < TURNS; turn++) {
  for (const { update, times } of updates) {
    for (let i = 0; i < work.steps; i++) times.push(await timeStep(update));
  }
}
const results = updates.map(({ times }): RankTimes => {
  const medians = Float64Array.from(parts, (part) => median(times.map((each) => each[part])));
  world?.allReduce(addressOf(medians), medians.length, "float64", "max");
  const named = parts.map((part, i) => [part, medians[i]!] as const);
  return Object.fromEntries(named) as Record<(typeof parts)[number], number>;
});
if ((world?.rank ?? 0) === 0) {
  console.log(JSON.stringify({ ranks: world?.description ?? null, results }));
}
world?.close();
Deno.exit();
