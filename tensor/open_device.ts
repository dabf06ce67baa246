/** Chooses a device at run time. @module */

import { checkOptions, checkThat, describeValue, type OptionNames } from "./checks.ts";
import type { Device, OpenOptions } from "./device.ts";
import { openCpuDevice } from "./devices/cpu/device.ts";
import { openWebGpuDevice } from "./devices/webgpu/device.ts";
import { wrongState, wrongValue } from "./errors.ts";

const OPTIONS: OptionNames<OpenOptions> = {
  threads: true,
  blas: true,
  oneDnn: true,
  matmulPrecision: true,
};

/**
 * Opens a device.
 *
 * @param kind `"auto"` opens a GPU if there is a real one, and the CPU otherwise or if matmuls in
 * `bf16` are requested; `"webgpu"` also accepts a software adapter.
 * @throws {RangeError} If the kind is unknown.
 * @throws {Error} If `"webgpu"` is requested and there is no adapter, or if matmuls in `bf16` are
 * requested and the device has none; the message says what is missing.
 *
 * @example
 * ```ts
 * import { openDevice } from "./mod.ts";
 *
 * const device = await openDevice("cpu");
 * console.log(device.info.description);
 * await device.close();
 * ```
 *
 * @example Matmuls in bf16, where they gain
 * ```ts
 * import { openDevice } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { matmulPrecision: "auto" });
 * console.log(device.matmulPrecision);
 * await device.close();
 * ```
 */
export async function openDevice(
  kind: "auto" | "cpu" | "webgpu" = "auto",
  options: OpenOptions = {},
): Promise<Device> {
  checkOptions("open a device", options, OPTIONS);
  const { matmulPrecision: precision = "f32" } = options;
  const isKnown = ["f32", "bf16", "auto"].includes(precision);
  checkThat(isKnown, "open a device", "matmulPrecision f32, bf16 or auto", precision);
  switch (kind) {
    case "cpu":
      return await openCpuDevice(options);
    case "webgpu":
      if (precision !== "bf16") return await openWebGpuDevice();
      throw wrongState(
        "open the webgpu device",
        "matmuls in bf16",
        "f32 only (WebGPU has no bf16)",
      );
    case "auto":
      return await openRealGpu(precision) ?? await openCpuDevice(options);
    default:
      throw wrongValue("open a device", "auto, cpu or webgpu", describeValue(kind));
  }
}

async function openRealGpu(precision: OpenOptions["matmulPrecision"]): Promise<Device | null> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  // No GPU multiplies in bf16, but the CPU may.
  const isWanted = gpu !== undefined && precision !== "bf16";
  if (!isWanted || await gpu.requestAdapter() === null) return null;
  const device = await openWebGpuDevice();
  if (!device.info.details.software) return device;
  await device.close();
  return null;
}
