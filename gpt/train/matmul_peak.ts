/** Measures peak matmul FLOP/s, which training speed is compared with. @module */

import { type Device, matmul, noGrad, Tensor } from "../../tensor/mod.ts";

/** Large enough for every device's best kernel. */
const SIZE = 1024;

/** Minimum duration, so that waiting does not count, which takes 11 ms on a GPU. */
const MIN_MILLISECONDS = { cpu: 20, webgpu: 60 };

/** Number of measurements, of which the fastest counts. */
const TRIES = 3;

/**
 * Measures the FLOP/s of multiplying two 1,024 × 1,024 matrices, in about 0.1 s on the CPU and 1 s
 * on WebGPU.
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
  // The first matmul compiles kernels; the next ones determine the number of repetitions.
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

/**
 * The peak of a device during a run, which no step can exceed. What was measured while the
 * machine was busy may be too low: when a step seems faster, it is measured again.
 *
 * @example
 * ```ts
 * import { MatmulPeak } from "./matmul_peak.ts";
 *
 * let measured = 10;
 * const peak = await MatmulPeak.measure(() => Promise.resolve(measured));
 * measured = 25;
 * await peak.include(20);
 * if (peak.flops !== 25) throw new Error(`expected another measurement, got ${peak.flops}`);
 * ```
 */
export class MatmulPeak {
  readonly #measure: () => Promise<number>;
  #flops: number;

  private constructor(measure: () => Promise<number>, flops: number) {
    this.#measure = measure;
    this.#flops = flops;
  }

  /** Measures it. @param measure Such as {@linkcode measureMatmulPeak} of a device. */
  static async measure(measure: () => Promise<number>): Promise<MatmulPeak> {
    return new MatmulPeak(measure, await measure());
  }

  /** In FLOP/s. */
  get flops(): number {
    return this.#flops;
  }

  /** Notes what was reached, in FLOP/s: the peak is at least that from now on. */
  async include(flops: number): Promise<void> {
    if (flops <= this.#flops) return;
    this.#flops = Math.max(flops, this.#flops, await this.#measure());
  }
}
