/** How fast a device multiplies matrices: what the speed of training is compared with. @module */

import { type Device, matmul, noGrad, Tensor } from "../../tensor/mod.ts";

/** Rows and columns of the matrices: large enough for every device's best kernel. */
const SIZE = 1024;

/** A measurement takes at least this long, so that what waiting costs does not count: on a GPU 11 ms. */
const MIN_MILLISECONDS = { cpu: 20, webgpu: 60 };

/** Of so many measurements the fastest counts. */
const TRIES = 3;

/**
 * Measures the product of two matrices of 1,024 rows and columns, in a tenth of a second or so on the CPU, and in a second on WebGPU.
 *
 * @returns Floating-point operations in a second.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { measureMatmulPeak } from "./matmul_peak.ts";
 *
 * const device = await openDevice("cpu");
 * console.log(`${(await measureMatmulPeak(device) / 1e9).toFixed()} GFLOP/s`);
 * await device.close();
 * ```
 */
export async function measureMatmulPeak(device: Device): Promise<number> {
  const a = Tensor.full(device, [SIZE, SIZE], 0.5).keep();
  const b = Tensor.full(device, [SIZE, SIZE], 0.25).keep();
  let products = 1;
  let best = 0;
  // The first product compiles kernels, the next ones find out how many a measurement needs.
  await time(device, () => product(a, b), 1);
  for (let tries = 0; tries < TRIES;) {
    const milliseconds = await time(device, () => product(a, b), products);
    if (milliseconds < MIN_MILLISECONDS[device.kind]) {
      products *= 2;
    } else {
      best = Math.max(best, products * 2 * SIZE ** 3 / (milliseconds / 1000));
      tries++;
    }
  }
  a.dispose();
  b.dispose();
  return best;
}

function product(a: Tensor, b: Tensor): void {
  using _scope = a.device.scope();
  noGrad(() => matmul(a, b));
}

async function time(device: Device, run: () => void, count: number): Promise<number> {
  await device.synchronize();
  const start = performance.now();
  for (let i = 0; i < count; i++) run();
  await device.synchronize();
  return performance.now() - start;
}
