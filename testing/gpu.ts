/**
 * Tests that need a WebGPU adapter.
 *
 * Importing this asks whether there is one, and opens nothing. Where there is none the tests are
 * ignored, and their names say so; with NANODINO_REQUIRE_GPU=1 they run and fail instead.
 *
 * @module
 */

import type { WebGpuOptions } from "../tensor/devices/webgpu/adapter.ts";
import { openWebGpuDevice, type RecordingWebGpuDevice } from "../tensor/devices/webgpu/device.ts";

const isRequired = Deno.env.get("NANODINO_REQUIRE_GPU") === "1";
const adapter = await navigator.gpu?.requestAdapter() ?? null;
const hasGpu = adapter !== null;

/** A device that can do no more than any adapter, and binds 1 MiB of a buffer at most. */
export const tinyDevice: WebGpuOptions = {
  limits: {
    maxStorageBufferBindingSize: 2 ** 20,
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupSizeX: 128,
    maxComputeWorkgroupStorageSize: 16 * 1024,
    maxStorageBuffersPerShaderStage: 8,
  },
};

/**
 * Registers a test that needs a WebGPU adapter, and opens devices by itself.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 *
 * @example
 * ```ts ignore
 * import { adapterTest } from "./gpu.ts";
 *
 * adapterTest("there is an adapter", async () => {
 *   if (await navigator.gpu.requestAdapter() === null) throw new Error("expected one");
 * });
 * ```
 */
export function adapterTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  const ignore = !hasGpu && !isRequired;
  Deno.test({ name: ignore ? `${name} (ignored: no WebGPU adapter)` : name, ignore, fn });
}

/**
 * Registers a test that runs on a WebGPU device of its own, which is closed at the end.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 * @param options How to open the device.
 *
 * @example
 * ```ts ignore
 * import { gpuTest } from "./gpu.ts";
 *
 * gpuTest("a device begins without allocations", (device) => {
 *   if (device.live !== 0) throw new Error("expected none");
 * });
 * ```
 */
export function gpuTest(
  name: string,
  fn: (device: RecordingWebGpuDevice, t: Deno.TestContext) => void | Promise<void>,
  options: WebGpuOptions = {},
): void {
  adapterTest(name, async (t) => {
    const device = await openWebGpuDevice(options);
    try {
      await fn(device, t);
    } finally {
      await device.close();
    }
  });
}

/**
 * Registers a test as {@linkcode gpuTest} does, if the adapter has half precision. Not every one has.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 * @param options How to open the device.
 *
 * @example
 * ```ts ignore
 * import { float16Test } from "./gpu.ts";
 *
 * float16Test("a device has half precision", (device) => {
 *   if (!device.hasFloat16) throw new Error("expected it");
 * });
 * ```
 */
export function float16Test(
  name: string,
  fn: (device: RecordingWebGpuDevice, t: Deno.TestContext) => void | Promise<void>,
  options: WebGpuOptions = {},
): void {
  const ignore = adapter !== null && !adapter.features.has("shader-f16");
  if (ignore) Deno.test({ name: `${name} (ignored: no shader-f16)`, ignore, fn: () => {} });
  else gpuTest(name, fn, options);
}

/**
 * Registers a test twice: as {@linkcode gpuTest} does, and on a device whose calls a worker makes.
 *
 * @param name A sentence that the test proves.
 * @param fn The test.
 * @param options How to open the device.
 *
 * @example
 * ```ts ignore
 * import { gpuAndWorkerTest } from "./gpu.ts";
 *
 * gpuAndWorkerTest("a device begins without allocations", (device) => {
 *   if (device.live !== 0) throw new Error("expected none");
 * });
 * ```
 */
export function gpuAndWorkerTest(
  name: string,
  fn: (device: RecordingWebGpuDevice, t: Deno.TestContext) => void | Promise<void>,
  options: WebGpuOptions = {},
): void {
  gpuTest(name, fn, options);
  gpuTest(`${name} (in a worker)`, fn, { ...options, worker: true });
}
