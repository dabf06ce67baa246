/** Chooses a device at run time. @module */

import type { Device } from "./device.ts";
import { openCpuDevice } from "./devices/cpu/device.ts";
import { openWebGpuDevice } from "./devices/webgpu/device.ts";
import { RangeError } from "./errors.ts";

/** Options for {@linkcode openDevice}. */
export interface OpenOptions {
  /** Number of CPU threads, including the main thread. @default {one per core} */
  readonly threads?: number;
  /** Whether the CPU device may use a BLAS, or the path of one. @default {true} */
  readonly blas?: boolean | string;
  /**
   * Whether a worker drives the WebGPU device. Waiting for a GPU can block a thread for a whole
   * training step; a worker keeps a server or page responsive. The CPU device ignores this.
   * @default {false}
   */
  readonly worker?: boolean;
}

/**
 * Opens a device.
 *
 * @param kind `"auto"` opens a GPU if there is a real one, and the CPU otherwise; `"webgpu"` also
 * accepts a software adapter.
 * @throws {RangeError} If the kind is unknown.
 * @throws {Error} If `"webgpu"` is requested and there is no adapter.
 *
 * @example
 * ```ts
 * import { openDevice } from "./mod.ts";
 *
 * const device = await openDevice("cpu");
 * console.log(device.info.description);
 * await device.close();
 * ```
 */
export async function openDevice(
  kind: "auto" | "cpu" | "webgpu" = "auto",
  options: OpenOptions = {},
): Promise<Device> {
  switch (kind) {
    case "cpu":
      return await openCpuDevice(options);
    case "webgpu":
      return await openWebGpuDevice(options);
    case "auto":
      return await openRealGpu(options) ?? await openCpuDevice(options);
    default:
      throw new RangeError(`Cannot open a device: wanted auto, cpu or webgpu, got ${kind}`);
  }
}

/** Opens a GPU, unless there is only a software adapter. */
async function openRealGpu(options: OpenOptions): Promise<Device | null> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (gpu === undefined || await gpu.requestAdapter() === null) return null;
  const device = await openWebGpuDevice(options);
  if (!device.info.details.software) return device;
  await device.close();
  return null;
}
