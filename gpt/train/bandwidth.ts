/** Measures memory bandwidth, which bounds the speed of decoding. @module */

import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";

/** 128 MiB, far larger than a cache. */
const ELEMENTS = 2 ** 25;

/** Number of measurements; the fastest counts. */
const TRIES = 5;

/**
 * Measures the bytes per second of reading a large tensor and writing another one.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { measureBandwidth } from "./bandwidth.ts";
 *
 * const device = await openDevice("cpu");
 * console.log(`${(await measureBandwidth(device) / 1e9).toFixed()} GB/s`);
 * await device.close();
 * ```
 */
export async function measureBandwidth(device: Device): Promise<number> {
  using scope = device.scope();
  void scope;
  const x = Tensor.full(device, [ELEMENTS], 0.5);
  let best = Infinity;
  // The first run compiles the kernel.
  for (let tries = 0; tries <= TRIES; tries++) {
    await device.synchronize();
    const start = performance.now();
    const y = noGrad(() => x.mul(2));
    void y.allocation; // compute now, not when read
    await device.synchronize();
    if (tries > 0) best = Math.min(best, performance.now() - start);
    y.dispose();
  }
  return 2 * ELEMENTS * Float32Array.BYTES_PER_ELEMENT / (best / 1000);
}
