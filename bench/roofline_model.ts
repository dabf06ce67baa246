/**
 * A roofline model: lower bounds on the time of kernels on a processor, from their work.
 *
 * A kernel takes at least the time of its operations at peak FLOP/s, of its bytes at memory bandwidth,
 * and of an empty dispatch.
 *
 * Source: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for
 * multicore architectures" (2009); the third bound is ours.
 */

import type { ProfileEvent } from "../tensor/mod.ts";

export interface Processor {
  readonly name: string;
  /** Peak FLOP/s in float32, without matrix units. */
  readonly flops: number;
  /** Memory bandwidth in bytes per second. */
  readonly bandwidth: number;
  readonly memory: number;
}

/** The work of a dispatch, and its measured time. */
export type Dispatch = Pick<ProfileEvent, "name" | "flops" | "bytes" | "milliseconds">;

export type Bound = "compute" | "bandwidth" | "dispatch";

/** One GPU of each class. */
export const PROCESSORS: readonly Processor[] = [
  // 96 units × 8 lanes × 2 operations × 1.35 GHz; LPDDR4x-4266 on 128 bits; half of 16 GB is the GPU's.
  { name: "integrated (Iris Xe, 96 units)", flops: 2.07e12, bandwidth: 68e9, memory: 8e9 },
  // 3,072 lanes × 2 operations × 2.37 GHz; GDDR6 of 16 Gbit/s on 128 bits.
  { name: "laptop (RTX 4060 Laptop)", flops: 14.6e12, bandwidth: 256e9, memory: 8e9 },
  { name: "H100 SXM", flops: 66.9e12, bandwidth: 3.35e12, memory: 80e9 },
];

/** Seconds of an empty dispatch on any GPU, which waits for the one before: an assumption. */
export const DISPATCH_SECONDS = 5e-6;

/** A lower bound on the time of a dispatch in seconds, and what bounds it. */
export function minTime(
  { flops = 0, bytes = 0 }: Pick<Dispatch, "flops" | "bytes">,
  processor: Pick<Processor, "flops" | "bandwidth">,
): { readonly seconds: number; readonly bound: Bound } {
  const bounds: [Bound, number][] = [
    ["compute", flops / processor.flops],
    ["bandwidth", bytes / processor.bandwidth],
    ["dispatch", DISPATCH_SECONDS],
  ];
  const [bound, seconds] = bounds.reduce((most, next) => next[1] > most[1] ? next : most);
  return { seconds, bound };
}

/** A lower bound on the time of sequential dispatches, and the time under each bound. */
export function minTimes(
  dispatches: readonly Dispatch[],
  processor: Pick<Processor, "flops" | "bandwidth">,
): { readonly seconds: number; readonly bound: Bound; readonly by: Record<Bound, number> } {
  const by: Record<Bound, number> = { compute: 0, bandwidth: 0, dispatch: 0 };
  for (const dispatch of dispatches) {
    const { bound, seconds } = minTime(dispatch, processor);
    by[bound] += seconds;
  }
  const [bound] = (Object.entries(by) as [Bound, number][]).toSorted((a, b) => b[1] - a[1])[0]!;
  return { seconds: by.compute + by.bandwidth + by.dispatch, bound, by };
}

/** Dispatches with a common name, and the sums of their work. */
export interface Group {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
  readonly flops: number;
  readonly bytes: number;
  /** Measured time; 0 on a counting device. */
  readonly milliseconds: number;
}

/** Groups dispatches by name, sorted by operations, then bytes. */
export function groupDispatches(
  dispatches: readonly Dispatch[],
  nameOf: (dispatch: Dispatch) => string,
): Group[] {
  const groups = [...Map.groupBy(dispatches, nameOf)].map(([name, its]): Group => ({
    name,
    dispatches: its,
    flops: sum(its, ({ flops }) => flops ?? 0),
    bytes: sum(its, ({ bytes }) => bytes ?? 0),
    milliseconds: sum(its, ({ milliseconds }) => milliseconds),
  }));
  return groups.sort((a, b) => b.flops - a.flops || b.bytes - a.bytes);
}

/** Classes of kernels by name; the first match counts. */
const CLASSES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^matmul/, "matmul"],
  [/attention/, "attention"],
  [/^crossEntropy|targets/, "loss"],
  [/norm/i, "norms, rotary embedding"],
  [/^take|^sort|rows/, "embeddings"],
  [/^adam|muon|polar|squares/, "parameter updates"],
];

export function classOf({ name }: Pick<Dispatch, "name">): string {
  return CLASSES.find(([pattern]) => pattern.test(name))?.[1] ?? "other elementwise kernels";
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
