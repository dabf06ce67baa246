/**
 * A cost model of a training step on the CPU: operations of matmul and of attention, bytes of everything
 * else, and kernel calls from JavaScript, each at its own speed.
 */

import { configForDepth, GPT } from "../gpt/mod.ts";
import { CountingDevice } from "./counting_device.ts";
import { nonNegativeLeastSquares } from "./least_squares.ts";
import type { Dispatch } from "./roofline_model.ts";
import type { StepShape } from "./roofline_count.ts";
import { randomBatch } from "./step.ts";

export interface ScalingShape extends StepShape {
  readonly aspectRatio: number;
}

export interface Amounts {
  /** Floating-point operations of matmul. */
  readonly matmul: number;
  /** Floating-point operations of attention. */
  readonly attention: number;
  /** Bytes read and written by everything else. */
  readonly bytes: number;
  /** Kernel calls from JavaScript. */
  readonly calls: number;
}

export const KINDS = ["matmul", "attention", "bytes", "calls"] as const;

export const PARTS = ["forward", "backward", "optimizer"] as const;

export type ByPart<Value> = Readonly<Record<(typeof PARTS)[number], Value>>;

/** Seconds per unit of each kind of work. */
export type Costs = Amounts;

/** Costs of the passes through the model and of the optimizer, whose matmuls differ. */
export interface CostModel {
  /** Forward and backward. */
  readonly pass: Costs;
  readonly optimizer: Costs;
}

export interface Point {
  readonly shape: ScalingShape;
  readonly amounts: ByPart<Amounts>;
  readonly seconds: ByPart<number>;
}

/** Attention has two matmuls forward; backward, four for the gradients and one recomputed. */
const ATTENTION_BACKWARD = 5 / 2;

/** Counts the work of each part of a step without running it. */
export async function countAmounts(shape: ScalingShape): Promise<ByPart<Amounts>> {
  const device = new CountingDevice();
  const model = new GPT(configForDepth(shape), device, { seed: null });
  const optimizer = model.optimizer({ weightDecay: 0.1 });
  const profileOf = async (run: () => void) => sumUp((await device.profile(run)).events);
  using _scope = device.scope();
  const [inputs, targets] = randomBatch(device, shape, 0);
  let loss = model.forward(inputs, targets);
  const forward = await profileOf(() => loss = model.forward(inputs, targets));
  const backward = await profileOf(() => loss.backward());
  const update = await profileOf(() => optimizer.step());
  return {
    forward,
    // The counted kernels are WebGPU's, which compute some matmuls of attention twice.
    backward: { ...backward, attention: ATTENTION_BACKWARD * forward.attention },
    optimizer: update,
  };
}

export function sumUp(dispatches: readonly Dispatch[]): Amounts {
  const amounts = { matmul: 0, attention: 0, bytes: 0, calls: dispatches.length };
  for (const { name, flops = 0, bytes = 0 } of dispatches) {
    if (name.startsWith("matmul")) amounts.matmul += flops;
    else if (name.includes("attention")) amounts.attention += flops;
    else amounts.bytes += bytes;
  }
  return amounts;
}

export function secondsOf(amounts: Amounts, costs: Costs): number {
  return KINDS.reduce((sum, kind) => sum + amounts[kind] * costs[kind], 0);
}

/** Predicts the seconds of each part of a step. */
export function predict(amounts: ByPart<Amounts>, model: CostModel): ByPart<number> {
  return {
    forward: secondsOf(amounts.forward, model.pass),
    backward: secondsOf(amounts.backward, model.pass),
    optimizer: secondsOf(amounts.optimizer, model.optimizer),
  };
}

/** Fits the costs to timed steps, minimizing relative errors. */
export function fitCosts(points: readonly Point[]): CostModel {
  const fit = (parts: readonly (typeof PARTS)[number][]): Costs => {
    const cases = points.flatMap(({ amounts, seconds }) =>
      parts.map((part) => ({ amounts: amounts[part], seconds: seconds[part] }))
    );
    const rows = cases.map(({ amounts, seconds }) => KINDS.map((kind) => amounts[kind] / seconds));
    const [matmul, attention, bytes, calls] = nonNegativeLeastSquares(rows, cases.map(() => 1));
    return { matmul: matmul!, attention: attention!, bytes: bytes!, calls: calls! };
  };
  return { pass: fit(["forward", "backward"]), optimizer: fit(["optimizer"]) };
}

/** A machine, relative to the measured one. */
export interface Machine {
  readonly cores: number;
  /** Memory bandwidth, relative. */
  readonly bandwidth: number;
}

/**
 * Costs on another machine with the same kind of cores: operations scale with the cores, bytes with the
 * memory bandwidth, and calls, which come from one thread, do not scale.
 */
export function costsOn({ cores, bandwidth }: Machine, { pass, optimizer }: CostModel): CostModel {
  const scale = ({ matmul, attention, bytes, calls }: Costs): Costs => ({
    matmul: matmul / cores,
    attention: attention / cores,
    bytes: bytes / bandwidth,
    calls,
  });
  return { pass: scale(pass), optimizer: scale(optimizer) };
}

export interface Forecast {
  /** Including the optimizer. */
  readonly tokensPerSecond: number;
  /** Share of the time for each kind of work, from 0 to 1. */
  readonly shares: Amounts;
}

export function forecast(
  { shape, amounts, batches }: {
    readonly shape: ScalingShape;
    readonly amounts: ByPart<Amounts>;
    readonly batches: number;
  },
  { pass, optimizer }: CostModel,
): Forecast {
  const secondsFor = (kind: (typeof KINDS)[number]) =>
    batches * (amounts.forward[kind] + amounts.backward[kind]) * pass[kind] +
    amounts.optimizer[kind] * optimizer[kind];
  const seconds = KINDS.reduce((sum, kind) => sum + secondsFor(kind), 0);
  const share = (kind: (typeof KINDS)[number]) => secondsFor(kind) / seconds;
  return {
    tokensPerSecond: batches * shape.deviceBatchSize * shape.maxSeqLen / seconds,
    shares: {
      matmul: share("matmul"),
      attention: share("attention"),
      bytes: share("bytes"),
      calls: share("calls"),
    },
  };
}
