/**
 * What a training step costs on the CPU, from what it has to do: operations of products and of
 * attention, bytes of elementwise work, and calls of JavaScript, each at a speed of its own.
 *
 * @module
 */

import { configForDepth, GPT } from "../gpt/mod.ts";
import { CountingDevice } from "./counting_device.ts";
import { nonNegativeLeastSquares } from "./least_squares.ts";
import type { Dispatch } from "./roofline_model.ts";
import type { StepShape } from "./roofline_count.ts";
import { randomBatch } from "./step.ts";

/** A model and its batch, of any width. */
export interface ScalingShape extends StepShape {
  /** The width for each layer. */
  readonly aspectRatio: number;
}

/** What a part of a step has to do. */
export interface Amounts {
  /** Floating-point operations of matrix products. */
  readonly products: number;
  /** Floating-point operations of attention. */
  readonly attention: number;
  /** Bytes that everything else reads and writes. */
  readonly bytes: number;
  /** Calls of a kernel from JavaScript. */
  readonly calls: number;
}

/** The kinds of work. */
export const KINDS = ["products", "attention", "bytes", "calls"] as const;

/** The parts of a step. */
export const PARTS = ["forward", "backward", "optimizer"] as const;

/** Something for each part of a step. */
export type ByPart<Value> = Readonly<Record<(typeof PARTS)[number], Value>>;

/** Seconds for one unit of each kind of work. */
export type Costs = Amounts;

/** Costs of passes through the model, and of the optimizer, whose products are others. */
export interface CostModel {
  /** Forward and backward. */
  readonly pass: Costs;
  /** The optimizer. */
  readonly optimizer: Costs;
}

/** A step that was timed. */
export interface Point {
  readonly shape: ScalingShape;
  readonly amounts: ByPart<Amounts>;
  /** Seconds of each part. */
  readonly seconds: ByPart<number>;
}

/** Attention computes two products forward; backward it computes those of the gradients and one anew. */
const ATTENTION_BACKWARD = 5 / 2;

/** Counts what each part of a step has to do, without doing it. */
export async function amountsOf(shape: ScalingShape): Promise<ByPart<Amounts>> {
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
    // The kernels that are counted are those of a GPU, which computes some products twice.
    backward: { ...backward, attention: ATTENTION_BACKWARD * forward.attention },
    optimizer: update,
  };
}

/** The amounts of some dispatches. */
export function sumUp(dispatches: readonly Dispatch[]): Amounts {
  const amounts = { products: 0, attention: 0, bytes: 0, calls: dispatches.length };
  for (const { name, flops = 0, bytes = 0 } of dispatches) {
    if (name.startsWith("matmul")) amounts.products += flops;
    else if (name.includes("attention")) amounts.attention += flops;
    else amounts.bytes += bytes;
  }
  return amounts;
}

/** Seconds of a part. */
export function secondsOf(amounts: Amounts, costs: Costs): number {
  return KINDS.reduce((sum, kind) => sum + amounts[kind] * costs[kind], 0);
}

/** Seconds of each part of a step. */
export function predict(amounts: ByPart<Amounts>, model: CostModel): ByPart<number> {
  return {
    forward: secondsOf(amounts.forward, model.pass),
    backward: secondsOf(amounts.backward, model.pass),
    optimizer: secondsOf(amounts.optimizer, model.optimizer),
  };
}

/** Fits the costs to what was timed; what counts is how far off a part is relative to its time. */
export function fitCosts(points: readonly Point[]): CostModel {
  const fit = (parts: readonly (typeof PARTS)[number][]): Costs => {
    const cases = points.flatMap(({ amounts, seconds }) =>
      parts.map((part) => ({ amounts: amounts[part], seconds: seconds[part] }))
    );
    const rows = cases.map(({ amounts, seconds }) => KINDS.map((kind) => amounts[kind] / seconds));
    const [products, attention, bytes, calls] = nonNegativeLeastSquares(rows, cases.map(() => 1));
    return { products: products!, attention: attention!, bytes: bytes!, calls: calls! };
  };
  return { pass: fit(["forward", "backward"]), optimizer: fit(["optimizer"]) };
}

/** A machine, beside the one that was measured. */
export interface Machine {
  /** How many times as many cores it has. */
  readonly cores: number;
  /** How many times as fast its memory is. */
  readonly bandwidth: number;
}

/**
 * The costs on another machine with cores of the same kind: operations are shared by the cores, bytes
 * go as fast as the memory allows, and calls come from one thread.
 */
export function costsOn({ cores, bandwidth }: Machine, { pass, optimizer }: CostModel): CostModel {
  const scale = ({ products, attention, bytes, calls }: Costs): Costs => ({
    products: products / cores,
    attention: attention / cores,
    bytes: bytes / bandwidth,
    calls,
  });
  return { pass: scale(pass), optimizer: scale(optimizer) };
}

/** A run on a machine. */
export interface Forecast {
  /** Tokens in a second, the optimizer included. */
  readonly tokensPerSecond: number;
  /** The part of the time that each kind of work takes, from 0 to 1. */
  readonly shares: Amounts;
}

/** Forecasts a step of `batches` batches and one update. */
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
      products: share("products"),
      attention: share("attention"),
      bytes: share("bytes"),
      calls: share("calls"),
    },
  };
}
