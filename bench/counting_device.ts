/**
 * A graphics processor that runs nothing: it takes every dispatch, and counts what there is to do.
 *
 * So the kernels of a model can be counted that no machine at hand could train, by the very code that
 * would train it. It has no memory either: what is read are zeros.
 *
 * @module
 */

import type {
  Allocation,
  Arguments,
  DeviceInfo,
  Profile,
  TypedArray,
  WebGpuDevice,
  WgslKernel,
} from "../tensor/mod.ts";
import { ProfileRecorder, type Work } from "../tensor/profile.ts";
import { type Scope, ScopeStack } from "../tensor/scope.ts";

/** What a counting device takes after. */
export interface CountingOptions {
  /** What it says of itself: some kernels are chosen by it. */
  readonly info?: DeviceInfo;
  /** Whether its kernels may have numbers of 16 bits, by default yes. */
  readonly hasFloat16?: boolean;
  /** Its limits, by default those of a common graphics card. */
  readonly limits?: WebGpuDevice["limits"];
}

/** As graphics cards of the last years have them. */
const usualLimits: WebGpuDevice["limits"] = {
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxComputeWorkgroupStorageSize: 32_768,
  maxStorageBuffersPerShaderStage: 16,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
};

/** Counts dispatches; a profile has one event for each, which takes no time. */
export class CountingDevice implements WebGpuDevice {
  readonly kind = "webgpu" as const;
  readonly info: DeviceInfo;
  readonly limits: WebGpuDevice["limits"];
  readonly hasFloat16: boolean;
  readonly #scopes = new ScopeStack();
  #recorder: ProfileRecorder | null = null;
  #live = 0;
  #liveBytes = 0;
  #peakBytes = 0;

  /** Opens one. */
  constructor({ info, hasFloat16 = true, limits = usualLimits }: CountingOptions = {}) {
    this.info = info ?? {
      description: "a graphics processor that only counts",
      details: { software: false, subgroupSize: 32 },
    };
    this.limits = limits;
    this.hasFloat16 = hasFloat16;
  }

  get live(): number {
    return this.#live;
  }

  get memory(): { readonly liveBytes: number; readonly peakBytes: number } {
    return { liveBytes: this.#liveBytes, peakBytes: this.#peakBytes };
  }

  get currentScope(): Scope | null {
    return this.#scopes.current;
  }

  scope(): Scope {
    return this.#scopes.open();
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

  window(_allocation: Allocation, _byteOffset: number, bytes: number): Allocation {
    return { bytes };
  }

  write(_allocation: Allocation, _byteOffset: number, _data: TypedArray): void {}

  read(_allocation: Allocation, _byteOffset: number, byteLength: number): Promise<ArrayBuffer> {
    return Promise.resolve(new ArrayBuffer(byteLength));
  }

  flush(): void {}

  synchronize(): Promise<void> {
    return Promise.resolve();
  }

  keepPace(): Promise<void> {
    return Promise.resolve();
  }

  async profile(run: () => void | Promise<void>): Promise<Profile> {
    const recorder = this.#recorder = new ProfileRecorder();
    try {
      await run();
      return recorder.finish();
    } finally {
      this.#recorder = null;
    }
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
