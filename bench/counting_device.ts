/**
 * A WebGPU device that runs nothing and counts the work of every dispatch.
 *
 * It counts the kernels of models too large for the machine at hand, with the code that trains them. It
 * has no memory: reads return zeros.
 */

import { Profiled, ProfileRecorder, type Work } from "../tensor/profile.ts";
import type { Allocation, Arguments, WgslKernel } from "../tensor/internals.ts";
import type { DeviceInfo, DeviceMemory, Profile, WebGpuDevice } from "../tensor/mod.ts";
import type { StoredArray } from "../tensor/layout.ts";
import { type Scope, Scopes } from "../tensor/scope.ts";

export interface CountingOptions {
  /** Some kernels are chosen by it. */
  readonly info?: DeviceInfo;
  /** @default {true} */
  readonly hasFloat16?: boolean;
  /** By default those of a common discrete GPU. */
  readonly limits?: WebGpuDevice["limits"];
}

const usualLimits: WebGpuDevice["limits"] = {
  maxBufferSize: 2 ** 28,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxComputeWorkgroupStorageSize: 32_768,
  maxStorageBuffersPerShaderStage: 16,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
};

/** Counts dispatches; a profile has one event of zero duration for each. */
export class CountingDevice extends Profiled implements WebGpuDevice {
  readonly kind = "webgpu" as const;
  readonly info: DeviceInfo;
  readonly limits: WebGpuDevice["limits"];
  readonly hasFloat16: boolean;
  readonly matmulPrecision = "f32";
  readonly scopes: Scopes = new Scopes("counting");
  #recorder: ProfileRecorder | null = null;
  #live = 0;
  #liveBytes = 0;
  #peakBytes = 0;

  constructor({ info, hasFloat16 = true, limits = usualLimits }: CountingOptions = {}) {
    super();
    this.info = info ?? {
      title: "a GPU that only counts",
      description: "a GPU that only counts",
      details: { software: false, subgroupSize: 32 },
    };
    this.limits = limits;
    this.hasFloat16 = hasFloat16;
  }

  get live(): number {
    return this.#live;
  }

  get memory(): DeviceMemory {
    return { liveBytes: this.#liveBytes, peakBytes: this.#peakBytes, limitBytes: Infinity };
  }

  scope(): Scope {
    return this.scopes.open();
  }

  allocate(bytes: number, _label: string): Allocation {
    this.#live++;
    this.#liveBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return { bytes };
  }

  free({ bytes }: Allocation): void {
    this.#live--;
    this.#liveBytes -= bytes;
  }

  range(_allocation: Allocation, _byteOffset: number, bytes: number): Allocation {
    return { bytes };
  }

  write(_allocation: Allocation, _byteOffset: number, _data: StoredArray): void {}

  read(_allocation: Allocation, _byteOffset: number, byteLength: number): Promise<ArrayBuffer> {
    return Promise.resolve(new ArrayBuffer(byteLength));
  }

  inF32<Result>(run: () => Promise<Result>): Promise<Result> {
    return run();
  }

  flush(): void {}

  synchronize(): Promise<void> {
    return Promise.resolve();
  }

  backpressure(): Promise<void> {
    return Promise.resolve();
  }

  override async profile(run: () => void | Promise<void>): Promise<Profile> {
    const recorder = this.#recorder = new ProfileRecorder();
    try {
      await run();
      return recorder.finish();
    } finally {
      this.#recorder = null;
    }
  }

  /** Counts what a function that waits for nothing dispatches. */
  count(run: () => void): { readonly dispatches: number; readonly bytes: number } {
    const recorder = this.#recorder = new ProfileRecorder();
    try {
      run();
    } finally {
      this.#recorder = null;
    }
    const { events } = recorder.finish();
    const bytes = events.reduce((sum, event) => sum + (event.bytes ?? 0), 0);
    return { dispatches: events.length, bytes };
  }

  dispatch(
    kernel: WgslKernel,
    _allocations: readonly Allocation[],
    _arguments: Arguments,
    [x, y = 1, z = 1]: readonly [x: number, y?: number, z?: number],
    work?: () => Work,
  ): void {
    if (x === 0 || y === 0 || z === 0) return;
    this.#recorder?.add(kernel.key, work?.(), 0, 0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
