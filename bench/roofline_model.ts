/**
 * The least time that kernels can take on a processor, from what they have to do.
 *
 * A kernel takes at least as long as its operations at the highest speed of the processor, as its
 * bytes at the bandwidth of the memory, and as a dispatch takes if it has nothing to do.
 *
 * Source: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for
 * multicore architectures" (2009); the third bound is ours.
 *
 * @module
 */

import type { ProfileEvent } from "../tensor/mod.ts";

/** A graphics processor, as its maker describes it. */
export interface Processor {
  /** Its name. */
  readonly name: string;
  /** Operations in a second, in single precision, without matrix units. */
  readonly flops: number;
  /** Bytes in a second to and from its memory. */
  readonly bandwidth: number;
  /** Bytes of memory. */
  readonly memory: number;
}

/** What has to be known of a dispatch. */
export type Dispatch = Pick<ProfileEvent, "name" | "flops" | "bytes" | "milliseconds">;

/** What a kernel's time is bounded by. */
export type Bound = "compute" | "bandwidth" | "dispatch";

/** One processor of each class. */
export const PROCESSORS: readonly Processor[] = [
  // 96 units × 8 lanes × 2 operations × 1.35 GHz; LPDDR4x-4266 on 128 bits; half of 16 GB is the GPU's.
  { name: "integrated (Iris Xe, 96 units)", flops: 2.07e12, bandwidth: 68e9, memory: 8e9 },
  // 3,072 lanes × 2 operations × 2.37 GHz; GDDR6 of 16 Gbit/s on 128 bits.
  { name: "laptop (RTX 4060 Laptop)", flops: 14.6e12, bandwidth: 256e9, memory: 8e9 },
  { name: "H100 SXM", flops: 66.9e12, bandwidth: 3.35e12, memory: 80e9 },
];

/**
 * Seconds that a dispatch takes on any of them if it has next to nothing to do, since each waits for
 * the one before: an assumption.
 */
export const DISPATCH_SECONDS = 5e-6;

/** The least time of a dispatch in seconds, and what bounds it. */
export function leastTime(
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

/** The least time of several dispatches, one after the other, and how much of it each bound takes. */
export function leastTimes(
  dispatches: readonly Dispatch[],
  processor: Pick<Processor, "flops" | "bandwidth">,
): { readonly seconds: number; readonly bound: Bound; readonly by: Record<Bound, number> } {
  const by: Record<Bound, number> = { compute: 0, bandwidth: 0, dispatch: 0 };
  for (const dispatch of dispatches) {
    const { bound, seconds } = leastTime(dispatch, processor);
    by[bound] += seconds;
  }
  const [bound] = (Object.entries(by) as [Bound, number][]).toSorted((a, b) => b[1] - a[1])[0]!;
  return { seconds: by.compute + by.bandwidth + by.dispatch, bound, by };
}

/** Dispatches that belong together. */
export interface Group {
  /** What they have in common. */
  readonly name: string;
  /** The dispatches. */
  readonly dispatches: readonly Dispatch[];
  /** The sum of their operations. */
  readonly flops: number;
  /** The sum of their bytes. */
  readonly bytes: number;
  /** The sum of their measured times, 0 where nothing ran. */
  readonly milliseconds: number;
}

/** Groups dispatches by a name; those with the most operations, then bytes, come first. */
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

/** Names of kernels, and the class that they are in; the first that fits counts. */
const CLASSES: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^matmul/, "products"],
  [/attention/, "attention"],
  [/^crossEntropy|targets/, "loss"],
  [/norm/i, "norms, rotary positions"],
  [/^take|^sort|rows/, "embeddings"],
  [/^adam|muon|polar|squares/, "updates of parameters"],
];

/** The class of a kernel, from its name. */
export function classOf({ name }: Pick<Dispatch, "name">): string {
  return CLASSES.find(([pattern]) => pattern.test(name))?.[1] ?? "other elementwise work";
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
