/** Choosing a device at run time. @module */

import type { Device } from "./device.ts";
import { openCpuDevice } from "./devices/cpu/device.ts";
import { openWebGpuDevice } from "./devices/webgpu/device.ts";

/** How to open a device. */
export interface OpenOptions {
  /** Threads of the CPU device, the main one included; by default one for each core. */
  readonly threads?: number;
  /** Whether the CPU device may use a BLAS (default), or the path of the one to use. */
  readonly blas?: boolean | string;
  /**
   * Whether the WebGPU device is used from a worker (default no). Waiting for a graphics processor can
   * hold a thread for as long as a training step; with a worker a server or a page stays awake. The CPU
   * device has nothing to wait for and takes no notice. Needs `--allow-read` where the modules are files.
   */
  readonly worker?: boolean;
}

/**
 * Opens a device.
 *
 * @param kind `"auto"` takes a GPU where there is a real one, and the CPU otherwise; `"webgpu"` also
 * takes an adapter that is software.
 * @throws {RangeError} If there is no such kind.
 * @throws {Error} If `"webgpu"` is asked for and there is no adapter.
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

/** A GPU, if there is one that is not software. */
async function openRealGpu(options: OpenOptions): Promise<Device | null> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (gpu === undefined || await gpu.requestAdapter() === null) return null;
  const device = await openWebGpuDevice(options);
  if (!device.info.details.software) return device;
  await device.close();
  return null;
}
