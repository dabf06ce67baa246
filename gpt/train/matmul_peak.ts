/** Measures peak matmul FLOP/s, which training speed is compared with. @module */

import { type Device, matmul, noGrad, Tensor } from "../../tensor/mod.ts";

/** Large enough for every device's best kernel. */
const SIZE = 1024;

/**
 * Large enough for a CPU that takes longer than {@linkcode LONG_MILLISECONDS} for it. One thread
 * without a BLAS would take a third of a second for the other size, and is no faster there.
 */
const SMALL_SIZE = 512;
const LONG_MILLISECONDS = 5;

/**
 * Minimum duration, so that waiting does not count, which takes 11 ms on a GPU. A CPU's is no longer, since other
 * work interrupts long measurements: of 20 ms, the best of three was a tenth too low beside it.
 */
const MIN_MILLISECONDS = { cpu: 5, webgpu: 60 };

/** Number of measurements; the fastest counts. */
const TRIES = 3;

/**
 * Measures the FLOP/s of multiplying two large square matrices, in about 0.05 s on the CPU and 1 s on
 * WebGPU.
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
  if (device.kind === "cpu") {
    using small = await SquareMatmul.compile(device, SMALL_SIZE);
    if (await small.time(1) > LONG_MILLISECONDS) return await measure(small);
  }
  using large = await SquareMatmul.compile(device, SIZE);
  return await measure(large);
}

async function measure(matmul: SquareMatmul): Promise<number> {
  let count = 1;
  let best = 0;
  for (let tries = 0; tries < TRIES;) {
    const milliseconds = await matmul.time(count);
    if (milliseconds < MIN_MILLISECONDS[matmul.device.kind]) {
      count *= 2;
    } else {
      best = Math.max(best, count * 2 * matmul.size ** 3 / (milliseconds / 1000));
      tries++;
    }
  }
  return best;
}

/** Multiplies two square matrices repeatedly. */
class SquareMatmul implements Disposable {
  readonly #a: Tensor;
  readonly #b: Tensor;

  private constructor(readonly device: Device, readonly size: number) {
    this.#a = Tensor.full(device, [size, size], 0.5).keep();
    this.#b = Tensor.full(device, [size, size], 0.25).keep();
  }

  /** Allocates, and multiplies once, which compiles the kernels. */
  static async compile(device: Device, size: number): Promise<SquareMatmul> {
    const compiled = new SquareMatmul(device, size);
    await compiled.time(1);
    return compiled;
  }

  /** Milliseconds of so many matmuls. */
  async time(count: number): Promise<number> {
    await this.device.synchronize();
    const start = performance.now();
    for (let i = 0; i < count; i++) this.#multiply();
    await this.device.synchronize();
    return performance.now() - start;
  }

  #multiply(): void {
    using _scope = this.device.scope();
    noGrad(() => matmul(this.#a, this.#b));
  }

  [Symbol.dispose](): void {
    this.#a.dispose();
    this.#b.dispose();
  }
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
