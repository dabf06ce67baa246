/**
 * A cost model of a training step on several ranks: the passes share the tokens, the optimizer shares
 * the parameters, and the exchange takes the time of a reduce-scatter and an all-gather.
 */

import { configForDepth, GPT } from "../gpt/mod.ts";
import { ownersOf, workOf } from "../optim/sharded.ts";
import { CountingDevice } from "./counting_device.ts";
import type { ScalingShape } from "./scaling_model.ts";

export interface Network {
  readonly name: string;
  /** Seconds of a message without content. */
  readonly latency: number;
  /** Bytes per second from one rank to another. */
  readonly bandwidth: number;
}

/** Assumed, from data sheets; none was measured. */
export const NETWORKS: readonly Network[] = [
  { name: "10 Gbit Ethernet", latency: 30e-6, bandwidth: 1.1e9 },
  { name: "100 Gbit Ethernet", latency: 10e-6, bandwidth: 10e9 },
  { name: "InfiniBand HDR", latency: 1.5e-6, bandwidth: 22e9 },
];

/** The memory that ranks on one machine share, at the speed at which one thread copies. */
export const SHARED_MEMORY: Network = { name: "shared memory", latency: 1e-6, bandwidth: 5e9 };

/** Bytes per second that one thread sums. */
const SUM_BANDWIDTH = 5e9;

export interface RankCosts {
  /** Seconds of forward and backward for a token. */
  readonly token: number;
  /** Seconds of an update of all parameters. */
  readonly optimizer: number;
  /** Bytes of all gradients. */
  readonly gradientBytes: number;
  /** The largest part of the update that one of so many ranks has. */
  readonly largestShare: (ranks: number) => number;
}

/** Seconds of a step, by part. */
export interface RankStep {
  readonly passes: number;
  readonly exchange: number;
  readonly optimizer: number;
}

/** The parts of a step of `tokens` tokens on all ranks together. */
export function predictStep(
  { token, optimizer, gradientBytes, largestShare }: RankCosts,
  { ranks, tokens, network }: { ranks: number; tokens: number; network: Network },
): RankStep {
  const { latency, bandwidth } = network;
  const sent = (ranks - 1) / ranks * gradientBytes;
  return {
    passes: tokens / ranks * token,
    // Gradients to their owners and parameters back, in the fewest messages of an algorithm that
    // sends no byte twice; only the gradients are summed.
    exchange: 2 * Math.ceil(Math.log2(ranks)) * latency + 2 * sent / bandwidth +
      sent / SUM_BANDWIDTH,
    optimizer: optimizer * largestShare(ranks),
  };
}

/** Seconds of a whole step. */
export function totalOf({ passes, exchange, optimizer }: RankStep): number {
  return passes + exchange + optimizer;
}

/** The share of the update that the rank with the most work has, by the number of ranks. */
export function largestShares(shape: ScalingShape): (ranks: number) => number {
  const model = new GPT(configForDepth(shape), new CountingDevice(), { seed: null });
  const work = model.optimizer().groups.flatMap(workOf);
  const all = work.reduce((sum, { cost }) => sum + cost, 0);
  return (ranks) => {
    const owners = ownersOf(work, ranks);
    const loads = new Array<number>(ranks).fill(0);
    for (const { name, cost } of work) loads[owners.get(name)!]! += cost;
    return Math.max(...loads) / all;
  };
}

export function gradientBytesOf(shape: ScalingShape): number {
  const model = new GPT(configForDepth(shape), new CountingDevice(), { seed: null });
  return [...model.parameters().values()].reduce((sum, { size }) => sum + 4 * size, 0);
}
