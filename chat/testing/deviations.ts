/** The largest deviations from golden data that tests find, by quantity and device. @module */

import type { Device } from "../../tensor/mod.ts";

/** Deviations by quantity, then by kind of device. */
export const deviations: Map<string, Map<string, number>> = new Map();

/** Keeps a deviation if it is the largest of its quantity on a device. @returns The deviation. */
export function noteDeviation(quantity: string, { kind }: Device, deviation: number): number {
  const byDevice = deviations.get(quantity) ?? new Map<string, number>();
  deviations.set(quantity, byDevice.set(kind, Math.max(byDevice.get(kind) ?? 0, deviation)));
  return deviation;
}
