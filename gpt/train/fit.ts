/**
 * Whether a run fits into memory, and which smaller ones do.
 *
 * @module
 */

import type { FloatType } from "../../tensor/mod.ts";
import { estimateMemory, type MemoryEstimate } from "./estimate.ts";
import { planTraining, scalingDefaults, type ScalingOptions } from "./scaling.ts";

/** Bytes that a run may take; infinite where that is not known. */
export interface MemoryRoom {
  /** On the device, for tensors. */
  readonly device: number;
  /** In the machine, for the whole process, where the device's memory is the machine's. */
  readonly process: number;
}

/** What makes a run smaller, as {@linkcode ScalingOptions} names it. */
export type SmallerRun = Partial<Pick<ScalingOptions, "deviceBatchSize" | "maxSeqLen" | "depth">>;

/**
 * Whether a run fits.
 *
 * @example
 * ```ts
 * import { fitsMemory } from "./fit.ts";
 *
 * const estimate = { parameters: 1, gradients: 1, optimizer: 2, activations: 3, peak: 7, process: 9 };
 * if (!fitsMemory(estimate, { device: 8, process: Infinity })) throw new Error("expected 7 to fit into 8");
 * if (fitsMemory(estimate, { device: 8, process: 8 })) throw new Error("expected 9 not to fit into 8");
 * ```
 */
export function fitsMemory({ peak, process }: MemoryEstimate, room: MemoryRoom): boolean {
  return peak <= room.device && process <= room.process;
}

/**
 * Finds the nearest runs that fit, for one that does not: with a smaller batch, shorter sequences or
 * fewer layers; and where a smaller batch alone does not suffice, with both.
 *
 * @param options The run that does not fit.
 * @param shape.isFixed Whether the model must stay as it is, so that only the batch can be smaller.
 * @returns For each run what differs; none if nothing fits.
 *
 * @example
 * ```ts
 * import { nearestFits } from "./fit.ts";
 *
 * const run = { depth: 12, vocabSize: 32768, numIterations: 100 };
 * const [smaller] = nearestFits(run, { device: 16 * 2 ** 30, process: Infinity });
 * if (smaller?.deviceBatchSize !== 8) throw new Error(`got ${JSON.stringify(smaller)}`);
 * ```
 */
export function nearestFits(
  options: ScalingOptions,
  room: MemoryRoom,
  { computeDtype = "float32", isFixed = false }: {
    readonly computeDtype?: FloatType;
    readonly isFixed?: boolean;
  } = {},
): SmallerRun[] {
  const { deviceBatchSize, maxSeqLen, depth } = { ...scalingDefaults, ...options };
  const first = (runs: SmallerRun[]) =>
    runs.find((run) => fitsWith(options, run, room, computeDtype));
  const batch = first(halves(deviceBatchSize, 1).map((deviceBatchSize) => ({ deviceBatchSize })));
  if (isFixed) return batch === undefined ? [] : [batch];
  const lengths = halves(maxSeqLen, 2).map((maxSeqLen) => ({ maxSeqLen }));
  const depths = Array.from({ length: depth - 1 }, (_, i) => ({ depth: depth - 1 - i }));
  const runs = [batch, first(lengths), first(depths)];
  if (batch === undefined) {
    // Deeper or longer than with the batch as it is.
    const withOne = (runs: SmallerRun[]) => runs.map((run) => ({ deviceBatchSize: 1, ...run }));
    runs.push(first(withOne(lengths)), first(withOne(depths)));
  }
  return runs.filter((run) => run !== undefined);
}

function fitsWith(
  options: ScalingOptions,
  changes: SmallerRun,
  room: MemoryRoom,
  computeDtype: FloatType,
): boolean {
  const changed = { ...scalingDefaults, ...options, ...changes };
  try {
    const { deviceBatchSize } = changed;
    const plan = planTraining(changed);
    return fitsMemory(estimateMemory({ ...plan, deviceBatchSize, computeDtype }), room);
  } catch (error) {
    // A batch that cannot be divided into these parts, for instance.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A half of a number, a quarter, and so on, rounded down, to at least `least`. */
function halves(value: number, least: number): number[] {
  const half = Math.floor(value / 2);
  return half < least ? [] : [half, ...halves(half, least)];
}
