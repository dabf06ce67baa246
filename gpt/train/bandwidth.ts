/** How fast a device moves memory: what the speed of decoding is compared with. @module */

import { type Device, noGrad, Tensor } from "../../tensor/mod.ts";

/** A tensor far larger than a cache: 128 MiB. */
const ELEMENTS = 2 ** 25;

/** Of so many measurements the fastest counts. */
const TRIES = 5;

/**
 * Measures how fast a device reads a large tensor and writes another one.
 *
 * @returns Bytes in a second, those read and those written.
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
  // The first time compiles the kernel.
  for (let tries = 0; tries <= TRIES; tries++) {
    await device.synchronize();
    const start = performance.now();
    const y = noGrad(() => x.mul(2));
    void y.allocation; // It is computed now, and not when it is read.
    await device.synchronize();
    if (tries > 0) best = Math.min(best, performance.now() - start);
    y.dispose();
  }
  return 2 * ELEMENTS * Float32Array.BYTES_PER_ELEMENT / (best / 1000);
}
