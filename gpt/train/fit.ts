/** Whether a run fits into memory, and which smaller ones do. @module */

import type { FloatType } from "../../tensor/mod.ts";
import { estimateMemory, type MemoryEstimate } from "./estimate.ts";
import { planTraining, scalingDefaults, type ScalingOptions } from "./scaling.ts";

/** Available memory in bytes; infinite if unknown. */
export interface MemoryRoom {
  /** Bytes of the device, for tensors. */
  readonly device: number;
  /** Bytes of the machine, for the process, if the device shares the machine's memory. */
  readonly process: number;
}

/** Options that make a run smaller. */
export type SmallerRun = Partial<Pick<ScalingOptions, "deviceBatchSize" | "maxSeqLen" | "depth">>;

/** Whether a run fits into memory: of the device, and of the machine if they share it. */
export function fitsMemory({ peak, process }: MemoryEstimate, room: MemoryRoom): boolean {
  return peak <= room.device && process <= room.process;
}

/**
 * Finds the nearest smaller runs that fit: with a smaller batch, shorter sequences or fewer layers,
 * or with a smaller batch and one of these.
 *
 * @param shape.isFixed Whether only the batch may be smaller.
 * @returns The changed options of each run; none if nothing fits.
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
    // With a smaller batch, the model may stay deeper or longer.
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
    // For example, a total batch size that is not a multiple of the batch.
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Half of a number, a quarter, and so on, rounded down, to at least `least`. */
function halves(value: number, least: number): number[] {
  const half = Math.floor(value / 2);
  return half < least ? [] : [half, ...halves(half, least)];
}
